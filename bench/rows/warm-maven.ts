/** How long does a Maven build take on an exact hit and an empty repository, against `mvn -o` with a full one? */
import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { comparedRow } from '../compare/compared.ts';
import { interleave } from '../interleave.ts';
import type { Question } from '../question.ts';
import { cachalot, newHome, startServer } from '../stage/cachalot.ts';
import { timed } from '../stage/command.ts';
import type { Stage } from '../stage/stage.ts';
import { freshPlace } from '../stage/xfs.ts';
import { mavenProject, mavenTree } from '../trees/maven-tree.ts';
import { copyTree } from '../trees/tree.ts';

const BUILD = ['mvn', '-B', '-q', '-Dmaven.repo.local=repository', 'verify'];

export const warmMaven: Question = {
  rows: ['warm-maven'],
  async ask(stage) {
    const full = await mavenTree(stage);
    const server = await startServer(stage, join(stage.folder, 'data'));
    const conditions: Record<string, string> = { project: 'examples/maven-service, mvn verify' };
    const checkOut = async (run: Stage): Promise<string> => {
      const cwd = join(await freshPlace(run), 'checkout');
      await cp(mavenProject, cwd, { recursive: true, filter: (path) => basename(path) !== 'target' });
      return cwd;
    };
    const withFull = async (run: Stage): Promise<string> => {
      const cwd = await checkOut(run);
      await copyTree(run, join(full.folder, full.root), join(cwd, 'repository'));
      return cwd;
    };
    const ours = async (run: Stage, cwd: string): Promise<number> => {
      const client = { port: server.port, home: await newHome(run), cwd };
      const { seconds, stderr } = await cachalot(run, client, 'run', '--', ...BUILD);
      conditions['what ours said'] = stderr.trim().split('\n').slice(-3).join(' | ');
      return seconds;
    };
    // What is saved is what a build used, here with all that it needs at hand.
    await stage.within(async (run) => ours(run, await withFull(run)));
    const compared = await interleave(
      stage,
      {
        ours: async (run) => ours(run, await checkOut(run)),
        theirs: async (run) =>
          (await timed(run, [...BUILD.slice(0, 1), '-o', ...BUILD.slice(1)], { cwd: await withFull(run) }))
            .seconds,
      },
      { runs: stage.runs(3) },
    );
    return [
      comparedRow('warm-maven', 's', 'mvn -o verify with a full repository', { ...compared, conditions }),
    ];
  },
};
