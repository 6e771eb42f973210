/** npm's own cache with all that a project needs, as a runner has it that never loses anything. */
import { cp, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { plainEnvironment, timed } from '../stage/command.ts';
import type { Stage } from '../stage/stage.ts';
import { keptTree, type Tree } from './tree.ts';

/** Filled once from the registry, by `npm ci` in a copy of `project`. */
export async function npmCache(stage: Stage, project: string): Promise<Tree> {
  return keptTree(
    stage,
    {
      name: 'npm-cache',
      title: "npm's cache",
      root: 'npm-cache',
      madeOf: await readFile(join(project, 'package-lock.json'), 'utf8'),
    },
    async (folder) => {
      const checkout = join(stage.folder, 'to-fill-the-cache');
      await cp(project, checkout, { recursive: true, filter: (path) => basename(path) !== 'node_modules' });
      await timed(stage, ['npm', 'ci'], {
        cwd: checkout,
        env: plainEnvironment({ npm_config_cache: join(folder, 'npm-cache') }),
      });
    },
  );
}
