/** A small cache: 200 real files of together 2 MB. */
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stage } from '../stage/stage.ts';
import { measureTree, type Tree } from './tree.ts';

const FILES = 200;
const BYTES = 2_000_000;
const ownModules = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** Taken from the project's own packages in the order of their names, files of about the middling size. */
export async function smallTree(stage: Stage): Promise<Tree> {
  const folder = join(stage.folder, 'small-tree');
  const found = (await readdir(ownModules, { recursive: true }))
    .filter((path) => /\.(js|json|md|d\.ts)$/.test(path))
    .sort();
  const mean = BYTES / FILES;
  let files = 0;
  for (const path of found) {
    if (files === FILES) break;
    const { size } = await stat(join(ownModules, path));
    if (size < mean / 2 || size > mean * 2) continue;
    const target = join(folder, 'build', path);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(ownModules, path), target);
    files += 1;
  }
  return { title: 'real files', folder, root: 'build', ...(await measureTree(join(folder, 'build'))) };
}
