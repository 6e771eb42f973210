/** How long does a job wait for its packages: `cachalot run -- npm ci` on an exact hit, or npm with a full cache? */
import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { comparedRow } from '../compare/compared.ts';
import { interleave } from '../interleave.ts';
import type { Question } from '../question.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import { plainEnvironment, timed } from '../stage/command.ts';
import { freshPlace } from '../stage/xfs.ts';
import { npmCache } from '../trees/npm-cache.ts';
import { measureTree } from '../trees/tree.ts';

const project = fileURLToPath(new URL('../../examples/npm-web', import.meta.url));
const NOT_CHECKED_OUT = new Set(['node_modules', '.next']);

export const warmNpm: Question = {
  rows: ['warm-npm'],
  async ask(stage) {
    const cache = await npmCache(stage, project);
    const full = { npm_config_cache: join(cache.folder, cache.root) };
    const server = await startServer(stage, join(stage.folder, 'data'));
    // The cold build, on another runner.
    await stage.within(async (run) => {
      const cwd = await checkOut(await freshPlace(run));
      await cachalot(
        run,
        { port: server.port, home: await newHome(run), cwd, env: full },
        'run',
        '--',
        'npm',
        'ci',
      );
    });
    const sizes = new Set<string>();
    const conditions: Record<string, string> = {};
    const { ours, theirs } = await interleave(
      stage,
      {
        ours: async (run) => {
          const place = await freshPlace(run);
          const cwd = await checkOut(place);
          // Nothing of npm's own is there: what is restored comes from the server alone.
          const env = { npm_config_cache: join(place, 'empty-npm-cache') };
          const client = { port: server.port, home: await newHome(run), cwd, env };
          const { seconds, stderr } = await cachalot(run, client, 'run', '--', 'npm', 'ci');
          conditions['what ours said'] = stderr.trim().split('\n').slice(-3).join(' | ');
          sizes.add(await sizeBelow(cwd));
          return seconds;
        },
        theirs: async (run) => {
          const cwd = await checkOut(await freshPlace(run));
          const { seconds } = await timed(run, ['npm', 'ci', '--offline'], {
            cwd,
            env: plainEnvironment(full),
          });
          sizes.add(await sizeBelow(cwd));
          return seconds;
        },
      },
      { runs: stage.runs(3) },
    );
    if (sizes.size !== 1) throw new Error(`the trees differ in size: ${[...sizes].join(' and ')}`);
    conditions.tree = `examples/npm-web, node_modules of ${[...sizes].join()}`;
    return [comparedRow('warm-npm', 's', 'npm ci --offline with a full cache', { ours, theirs, conditions })];
  },
};

async function checkOut(place: string): Promise<string> {
  const cwd = join(place, 'checkout');
  await cp(project, cwd, { recursive: true, filter: (path) => !NOT_CHECKED_OUT.has(basename(path)) });
  return cwd;
}

async function sizeBelow(cwd: string): Promise<string> {
  const { files, bytes } = await measureTree(join(cwd, 'node_modules'));
  return `${files} files, ${bytes} bytes`;
}
