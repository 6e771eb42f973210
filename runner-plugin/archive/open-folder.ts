/**
 * A folder that is held open, so that what lies in it is reached through the descriptor: whoever swaps the folder's own
 * name for a symbolic link, after it was looked at, leads nobody astray (hardening.md E10). Node has no openat(2);
 * `/proc/self/fd/<n>/name` is the same walk on Linux, and no slower than a long absolute path. Where there is no such
 * folder (macOS) names are joined to the path, and the check is only as good as the moment in which it was made.
 */
import fs from 'node:fs';

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants;

let reachable: boolean | undefined;

export class OpenFolder {
  readonly #fd: number;
  readonly #base: string;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    reachable ??= fs.existsSync(`/proc/self/fd/${fd}/.`);
    this.#base = reachable ? `/proc/self/fd/${fd}` : path;
  }

  /** Whether names are reached through the descriptor. */
  get isReachable(): boolean {
    return reachable === true;
  }

  /** Refuses a symbolic link in the last part (ELOOP or ENOTDIR); links before it are the person's own and are followed. */
  static open(path: string): OpenFolder {
    return new OpenFolder(fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path);
  }

  /** A folder in this one, not through a link. `name` is one part. */
  openFolder(name: string): OpenFolder {
    return OpenFolder.open(this.at(name));
  }

  /** Goes down part by part; each is closed again but the last. The empty path is this folder once more. */
  openBelow(path: string): OpenFolder {
    let folder = OpenFolder.open(this.at('.'));
    for (const part of path === '' ? [] : path.split('/')) {
      const outer = folder;
      try {
        folder = outer.openFolder(part);
      } finally {
        outer.close();
      }
    }
    return folder;
  }

  at(name: string): string {
    return `${this.#base}/${name}`;
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}
