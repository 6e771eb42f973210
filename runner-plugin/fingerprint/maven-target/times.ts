/**
 * Times of restored outputs. Maven compares them with the sources', which a checkout has just written, and with each other: a
 * class that is older than its source is compiled again, an archive that is older than a class is packed again. So they keep
 * their order and come to lie after the newest source and not after the present, squeezed together if the checkout is younger
 * than the build took.
 */
import { lstat, lutimes, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';

export interface TimesOptions {
  /** Folders; those that are not there are passed over. */
  targets: readonly string[];
  /** Milliseconds since 1970. */
  newestSource: number;
  now: number;
}

/** Throws TARGET_UNWRITABLE where there is no time between the newest source and now. */
export async function settleTimes({ targets, newestSource, now }: TimesOptions): Promise<void> {
  const files: { path: string; time: number }[] = [];
  for (const target of targets) {
    for (const entry of await readdir(target, { recursive: true, withFileTypes: true }).catch(() => [])) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isDirectory()) files.push({ path, time: (await lstat(path)).mtimeMs });
    }
  }
  if (files.length === 0) return;
  const oldest = files.reduce((least, { time }) => Math.min(least, time), Number.POSITIVE_INFINITY);
  const newest = files.reduce((most, { time }) => Math.max(most, time), 0);
  // Java sees whole milliseconds: the next one is after the source for it too.
  const start = Math.floor(newestSource) + 1;
  if (start > now)
    throw fault('TARGET_UNWRITABLE', { path: targets[0] ?? '', why: 'a source is newer than the present' });
  const span = newest - oldest;
  const scale = span === 0 ? 0 : Math.min(1, (now - start) / span);
  for (const { path, time } of files) {
    const moved = (now - (newest - time) * scale) / 1000;
    await lutimes(path, moved, moved);
  }
}
