/**
 * What a walk finds, in columns rather than objects: a hundred thousand members cross from one thread to another as a
 * text and a block of numbers, and are hashed as such.
 */
import type { FileStat } from './file-access.ts';

/** The columns of `stats`; times in nanoseconds. */
export const COLUMN = { mode: 0, links: 1, size: 2, modified: 3, changed: 4, inode: 5, device: 6 } as const;
export const COLUMNS = 7;

/** All members of a root, in the order in which they were found. */
export interface Walked {
  count: number;
  /** Relative to the root, '' for the root itself; in UTF-8, a NUL behind each. */
  paths: Buffer;
  /** Texts of the symbolic links among them, in their order; a NUL behind each. */
  links: string;
  /** COLUMNS numbers a member; in shared memory, for the threads that read the files. */
  stats: BigInt64Array<SharedArrayBuffer>;
  /** When the walk began, in milliseconds since 1970: what changed before this was seen. */
  began: number;
  /** Whether folders were listed, rather than members taken from a list: then what is added to one is a change. */
  listed: boolean;
}

/** A run of members, of which paths and numbers are elsewhere. */
export interface Listing {
  count: number;
  pathBytes: number;
  links: string;
}

export const FILE_TYPE = 0o170000;
export const DIRECTORY = 0o040000;
export const REGULAR = 0o100000;
export const SYMLINK = 0o120000;

/** Gathers members in two blocks that grow: as strings and objects they would be most of what V8 has to look after. */
export class ListingBuilder {
  #paths = Buffer.allocUnsafeSlow(64 * 1024);
  #pathBytes = 0;
  #stats = new BigInt64Array(1024 * COLUMNS);
  #rows = 0;
  readonly #links: string[] = [];
  #taken = { rows: 0, pathBytes: 0 };

  get rows(): number {
    return this.#rows;
  }

  add(path: string, stat: FileStat): void {
    const at = this.#rows++ * COLUMNS;
    if (at === this.#stats.length) this.#growStats();
    const stats = this.#stats;
    stats[at + COLUMN.mode] = stat.mode;
    stats[at + COLUMN.links] = stat.nlink;
    stats[at + COLUMN.size] = stat.size;
    stats[at + COLUMN.modified] = stat.mtimeNs;
    stats[at + COLUMN.changed] = stat.ctimeNs;
    stats[at + COLUMN.inode] = stat.ino;
    stats[at + COLUMN.device] = stat.dev;
    // Three bytes a unit at most, and the NUL.
    if (this.#pathBytes + path.length * 3 + 1 > this.#paths.length) this.#growPaths();
    this.#pathBytes += this.#paths.write(path, this.#pathBytes);
    this.#paths[this.#pathBytes++] = 0;
  }

  addLink(target: string): void {
    this.#links.push(`${target}\0`);
  }

  /** The members since the last call; {@link finish} has their paths and numbers. */
  takeListing(): Listing {
    const { rows, pathBytes } = this.#taken;
    const listing = {
      count: this.#rows - rows,
      pathBytes: this.#pathBytes - pathBytes,
      links: this.#links.join(''),
    };
    this.#links.length = 0;
    this.#taken = { rows: this.#rows, pathBytes: this.#pathBytes };
    return listing;
  }

  /** Paths and numbers of all members, in memory of their own. */
  finish(): { paths: Uint8Array<ArrayBuffer>; stats: BigInt64Array<ArrayBuffer> } {
    const { buffer } = this.#paths;
    return {
      paths: new Uint8Array(buffer, 0, this.#pathBytes),
      stats: this.#stats.subarray(0, this.#rows * COLUMNS),
    };
  }

  #growStats(): void {
    const larger = new BigInt64Array(this.#stats.length * 2);
    larger.set(this.#stats);
    this.#stats = larger;
  }

  #growPaths(): void {
    const larger = Buffer.allocUnsafeSlow(this.#paths.length * 2);
    this.#paths.copy(larger, 0, 0, this.#pathBytes);
    this.#paths = larger;
  }
}

/** The texts of a column. */
export function splitColumn(column: string): string[] {
  return column === '' ? [] : column.slice(0, -1).split('\0');
}
