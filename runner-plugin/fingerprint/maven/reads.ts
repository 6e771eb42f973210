/**
 * Which files a command reads, told by their access times. Linux writes them by default for the first read after a change
 * (mount option relatime), and a restored file has just changed; where a file system writes none (noatime), nothing is told.
 */
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Of these files (relative to the folder), those that have been read since. */
export type Reads = () => Promise<Set<string>>;

/** Undefined where the folder's file system does not tell. */
export async function watchReads(folder: string, files: readonly string[]): Promise<Reads | undefined> {
  if (files.length === 0) return async () => new Set();
  if (!(await tells(folder))) return undefined;
  const before = new Map<string, bigint>();
  for (const file of files) before.set(file, await readyTime(join(folder, file)));
  return async () => {
    const read = new Set<string>();
    for (const [file, time] of before) {
      const now = await stat(join(folder, file), { bigint: true }).catch(() => undefined);
      if (now !== undefined && now.atimeNs !== time) read.add(file);
    }
    return read;
  };
}

/** The access time of a file whose next read will change it. */
async function readyTime(path: string): Promise<bigint> {
  const { atimeNs, mtimeNs, ctimeNs, mtime } = await stat(path, { bigint: true });
  if (atimeNs <= mtimeNs || atimeNs <= ctimeNs) return atimeNs;
  // It was read not long ago, and a second read within a day is not noted.
  await utimes(path, new Date(0), mtime);
  return 0n;
}

async function tells(folder: string): Promise<boolean> {
  const place = await mkdtemp(join(folder, '.cachalot-')).catch(() => undefined);
  if (place === undefined) return false;
  try {
    const probe = join(place, 'probe');
    await writeFile(probe, 'read');
    await utimes(probe, new Date(0), new Date(0));
    await readFile(probe);
    return (await stat(probe, { bigint: true })).atimeNs !== 0n;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}
