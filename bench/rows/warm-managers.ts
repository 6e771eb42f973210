/** How long does a job wait for its packages on an exact hit, against the manager's own offline install with a full cache? */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { comparedRow } from '../compare/compared.ts';
import { interleave } from '../interleave.ts';
import type { Question } from '../question.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import { plainEnvironment, timed } from '../stage/command.ts';
import { freshPlace } from '../stage/xfs.ts';
import { type Manager, managedProject } from '../trees/managed-project.ts';
import { copyTree, measureTree } from '../trees/tree.ts';

/** Files by which two trees of one manager may differ. */
const NOTES = 3;

export const warmPnpm = warm('warm-pnpm', {
  package: 'pnpm',
  version: '10.34.9',
  first: ['pnpm', 'install', '--no-frozen-lockfile'],
  install: ['pnpm', 'install', '--frozen-lockfile'],
  offline: { command: ['pnpm', 'install', '--frozen-lockfile', '--offline'] },
});

export const warmYarn1 = warm('warm-yarn1', {
  package: 'yarn',
  version: '1.22.22',
  first: ['yarn', 'install', '--non-interactive'],
  install: ['yarn', 'install', '--frozen-lockfile', '--non-interactive'],
  offline: { command: ['yarn', 'install', '--frozen-lockfile', '--non-interactive', '--offline'] },
});

export const warmYarn4 = warm('warm-yarn4', {
  package: '@yarnpkg/cli-dist',
  version: '4.18.1',
  first: ['yarn', 'install', '--no-immutable'],
  install: ['yarn', 'install', '--immutable'],
  offline: { command: ['yarn', 'install', '--immutable'], env: { YARN_ENABLE_NETWORK: '0' } },
  files: { '.yarnrc.yml': 'nodeLinker: node-modules\nnpmMinimalAgeGate: 0\n', 'yarn.lock': '' },
});

function warm(row: string, manager: Manager): Question {
  return {
    rows: [row],
    async ask(stage) {
      const project = await managedProject(stage, manager);
      const server = await startServer(stage, join(stage.folder, 'data'));
      const counts = new Set<number>();
      const conditions: Record<string, string> = {};
      const ours = async (run: typeof stage) => {
        const place = await freshPlace(run);
        const cwd = join(place, 'checkout');
        await cp(project.checkout, cwd, { recursive: true });
        await mkdir(join(place, 'home'));
        // Nothing of the manager's own is there: what is restored comes from the server alone.
        const env = project.env(join(place, 'home'));
        const client = { port: server.port, home: await newHome(run), cwd, env };
        const { seconds, stderr } = await cachalot(run, client, 'run', '--', ...manager.install);
        conditions['what ours said'] = stderr.trim().split('\n').slice(-3).join(' | ');
        counts.add((await measureTree(join(cwd, 'node_modules'))).files);
        return seconds;
      };
      // The cold build, on another runner.
      await stage.within(ours);
      const sides = {
        ours,
        theirs: async (run: typeof stage) => {
          const place = await freshPlace(run);
          const cwd = join(place, 'checkout');
          await cp(project.checkout, cwd, { recursive: true });
          // On the same file system, where pnpm links files rather than copying them.
          await copyTree(run, project.home, join(place, 'home'));
          const env = plainEnvironment({ ...project.env(join(place, 'home')), ...manager.offline.env });
          const { seconds } = await timed(run, manager.offline.command, { cwd, env });
          counts.add((await measureTree(join(cwd, 'node_modules'))).files);
          return seconds;
        },
      };
      const compared = await interleave(stage, sides, { runs: stage.runs(3) });
      // pnpm and yarn keep notes of their own beside the packages.
      if (Math.max(...counts) - Math.min(...counts) > NOTES)
        throw new Error(`the trees have ${[...counts].join(' and ')} files`);
      conditions.tree = `the packages of examples/npm-web, ${[...counts].join()} files in node_modules`;
      const against = `${manager.offline.command.join(' ')} with a full cache, ${manager.package} ${manager.version}`;
      return [comparedRow(row, 's', against, { ...compared, conditions })];
    },
  };
}
