/** The machine that an entry was made on, as a manifest has it. */
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Platform } from '#protocol/format/manifest.ts';
import { systemFacts } from '../fingerprint/npm/system.ts';

export async function platformOf(place: string): Promise<Platform> {
  const { libc } = await systemFacts();
  const common = { os: process.platform, arch: process.arch, foldsCase: await foldsCase(place) };
  return libc === undefined ? common : { ...common, libc };
}

/** Whether the file system there takes `A` and `a` for one name: asked of the first name on the way up that has letters. */
async function foldsCase(place: string): Promise<boolean> {
  for (let path = place; path !== dirname(path); path = dirname(path)) {
    const name = basename(path);
    const other = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase();
    if (other === name) continue;
    const [one, two] = await Promise.all([
      lstat(path).catch(() => undefined),
      lstat(join(dirname(path), other)).catch(() => undefined),
    ]);
    if (one !== undefined) return two !== undefined && one.ino === two.ino && one.dev === two.dev;
  }
  return false;
}
