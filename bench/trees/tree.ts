/**
 * A tree to save and restore: real files, in a folder that stands for a checkout. What took long to make is made once and
 * kept in the cache folder; a measurement never changes it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../stage/cachalot.ts';
import { timed } from '../stage/command.ts';
import type { Stage } from '../stage/stage.ts';

export interface Tree {
  /** For people: what it is. */
  title: string;
  /** The checkout. */
  folder: string;
  /** What is saved, relative to the checkout. */
  root: string;
  files: number;
  bytes: number;
}

const MARKER = 'tree.json';

/**
 * A tree that is kept between runs, under a name and what it is made of. `make` fills the folder that it is given and says how the
 * root is called.
 */
export async function keptTree(
  stage: Stage,
  what: { name: string; title: string; root: string; madeOf: string },
  make: (folder: string) => Promise<void>,
): Promise<Tree> {
  const digest = createHash('sha256').update(what.madeOf).digest('hex').slice(0, 12);
  const folder = join(cacheFolder, `${what.name}-${digest}`);
  const kept = await readFile(join(folder, MARKER), 'utf8').catch(() => undefined);
  if (kept !== undefined)
    return { ...(JSON.parse(kept) as { files: number; bytes: number }), ...titled(what, folder) };
  stage.say(`making ${what.title}; it is kept in ${folder}`);
  const unfinished = `${folder}.${randomBytes(4).toString('hex')}`;
  await mkdir(unfinished, { recursive: true });
  try {
    await make(unfinished);
    const size = await measureTree(join(unfinished, what.root));
    await writeFile(join(unfinished, MARKER), JSON.stringify(size));
    await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder);
    return { ...size, ...titled(what, folder) };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

function titled(
  what: { title: string; root: string },
  folder: string,
): Pick<Tree, 'title' | 'root' | 'folder'> {
  return { title: what.title, root: what.root, folder };
}

/** Files (links too) and their bytes below a folder, or of a single file. */
export async function measureTree(path: string): Promise<{ files: number; bytes: number }> {
  const size = { files: 0, bytes: 0 };
  const found = await lstat(path);
  if (!found.isDirectory()) return { files: 1, bytes: found.size };
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const files: string[] = [];
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const child = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(child);
      else files.push(child);
    }
    size.files += files.length;
    for (const { size: bytes } of await Promise.all(files.map((file) => lstat(file)))) size.bytes += bytes;
  }
  return size;
}

/** `to` becomes what `from` is. By a process, so that an interrupt ends it. */
export async function copyTree(stage: Stage, from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await timed(stage, ['cp', '-a', '-T', from, to]);
}

/** Throws where what was restored is not as large as what was saved: a fast run of something else is no measurement. */
export async function requireWhole(tree: Tree, folder: string): Promise<void> {
  const { files, bytes } = await measureTree(join(folder, tree.root));
  if (files !== tree.files || bytes !== tree.bytes)
    throw new Error(
      `${folder} should hold ${tree.files} files of ${tree.bytes} bytes, and holds ${files} of ${bytes}: nothing was measured`,
    );
}

/** `107,000 files, 1,080 MB`, for the conditions. */
export function sizeOf(tree: Tree): string {
  return `${tree.title}: ${tree.files.toLocaleString('en')} files, ${(tree.bytes / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}
