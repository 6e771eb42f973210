/**
 * Distinct versions for files that are written one after another. A file's etag is its inode, size and modification time; a
 * file system gives a freed inode out again, and its clock ticks every 4 to 10 ms. So a third version of a name may look like
 * the first, if all three are written within one tick. Then its time is set a little later.
 */
import { fstatSync, futimesSync } from 'node:fs';
import { versionOf } from './object-file.ts';

/** More than can be written in a tick of the clock. */
const REMEMBERED = 1024;

export class DistinctVersions {
  readonly #given = new Set<string>();

  /** The etag of a file that is open for writing and complete; no earlier one of the last 1,024 is like it. */
  give(fd: number): string {
    for (;;) {
      const stats = fstatSync(fd, { bigint: true });
      const { etag } = versionOf(stats);
      if (!this.#given.has(etag)) {
        this.#remember(etag);
        return etag;
      }
      const later = Number(stats.mtimeNs) / 1e9 + 0.001;
      futimesSync(fd, later, later);
    }
  }

  #remember(etag: string): void {
    this.#given.add(etag);
    if (this.#given.size <= REMEMBERED) return;
    for (const oldest of this.#given) {
      this.#given.delete(oldest);
      return;
    }
  }
}
