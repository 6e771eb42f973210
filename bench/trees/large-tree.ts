/** A large real `node_modules`: 22 packages that many projects have, with all that they depend on. */
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainEnvironment, timed } from '../stage/command.ts';
import type { Stage } from '../stage/stage.ts';
import { copyTree, keptTree, measureTree, type Tree } from './tree.ts';

const manifest = fileURLToPath(new URL('./large-tree/package.json', import.meta.url));
const ownModules = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** What the packages depend on in turn is taken as it was on this day, so that the tree is the same next year. */
const BEFORE = '2026-11-20';

/** Installed once from the registry. With `--quick` the project's own `node_modules`, copied: no network. */
export async function largeTree(stage: Stage): Promise<Tree> {
  if (stage.quick) return ownTree(stage);
  return keptTree(
    stage,
    {
      name: 'large-tree',
      title: 'node_modules',
      root: 'node_modules',
      madeOf: `${BEFORE}\n${await readFile(manifest, 'utf8')}`,
    },
    async (folder) => {
      await cp(manifest, join(folder, 'package.json'));
      await timed(
        stage,
        [
          'npm',
          'install',
          '--ignore-scripts',
          '--no-audit',
          '--no-fund',
          '--no-package-lock',
          `--before=${BEFORE}`,
        ],
        { cwd: folder, env: plainEnvironment() },
      );
      await rm(join(folder, 'node_modules/.package-lock.json'));
    },
  );
}

async function ownTree(stage: Stage): Promise<Tree> {
  const folder = join(stage.folder, 'own-tree');
  await copyTree(stage, ownModules, join(folder, 'node_modules'));
  const size = await measureTree(join(folder, 'node_modules'));
  return { title: "the project's own node_modules", folder, root: 'node_modules', ...size };
}
