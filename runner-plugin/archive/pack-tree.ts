/**
 * From what a walk found to the members of the stream: in canonical order, hard links resolved, with their bytes counted.
 */
import type { CutMember } from '#protocol/format/cut.ts';
import type { ModeRule } from '#protocol/format/manifest.ts';
import type { Member, MemberType } from '#protocol/format/member.ts';
import { DERIVED_EPOCH } from '#protocol/format/mtime.ts';
import { memberName, type Root } from '#protocol/format/root.ts';
import { headerBytes, paddedSize } from '#protocol/format/tar-header.ts';
import { packTimes } from '#protocol/format/times.ts';
import { fault } from '#protocol/wire/errors.ts';
import { COLUMN, COLUMNS, DIRECTORY, FILE_TYPE, REGULAR, splitColumn, type Walked } from './walk-listing.ts';

export const MEMBER_TYPES: readonly MemberType[] = ['directory', 'file', 'symlink', 'hardlink'];

/**
 * The members of one root, in the order of the stream. Columns, as the walk's: a hundred thousand objects and texts that
 * live as long as the save would be most of its memory.
 */
export class Tree {
  /** For each member its row in the walk's columns; in shared memory. */
  readonly rows: Uint32Array<SharedArrayBuffer>;
  /** For each member its type, as an index into MEMBER_TYPES; in shared memory. */
  readonly types: Uint8Array<SharedArrayBuffer>;
  /** Targets of the links, as they stand in the stream. */
  readonly links: ReadonlyMap<number, string>;
  /** Bytes of the stream. */
  readonly raw: number;
  /** Regular files. */
  readonly files: number;
  readonly #walked: Walked;
  readonly #starts: Uint32Array;
  readonly #bytes: Float64Array;

  constructor(walked: Walked, root: Root) {
    this.#walked = walked;
    this.#starts = startsOf(walked);
    this.rows = new Uint32Array(new SharedArrayBuffer(4 * walked.count));
    this.types = new Uint8Array(new SharedArrayBuffer(walked.count));
    this.#bytes = new Float64Array(walked.count);
    const groups = this.#sortGroups(root);
    const links = new Map<number, string>();
    let index = 0;
    let raw = 0;
    for (const [typeIndex, { rows, linkOf }] of groups.entries()) {
      const type = MEMBER_TYPES[typeIndex] as MemberType;
      for (const row of rows) {
        this.rows[index] = row;
        this.types[index] = typeIndex;
        const link = linkOf?.get(row);
        if (link !== undefined) links.set(index, link);
        const size = this.sizeOf(index);
        const bytes =
          headerBytes(memberOf(root, type, this.#pathOfRow(row), 0, size, link)) + paddedSize(size);
        this.#bytes[index] = bytes;
        raw += bytes;
        index++;
      }
    }
    this.links = links;
    this.raw = raw;
    this.files = groups[1].rows.length;
  }

  get count(): number {
    return this.#walked.count;
  }

  typeOf(index: number): MemberType {
    return MEMBER_TYPES[this.types[index] as number] as MemberType;
  }

  /** Of its content. */
  sizeOf(index: number): number {
    return this.types[index] === 1 ? Number(this.#number(this.rows[index] as number, COLUMN.size)) : 0;
  }

  /** In the stream. */
  bytesOf(index: number): number {
    return this.#bytes[index] as number;
  }

  /** Relative to the root. */
  pathOf(index: number): string {
    return this.#pathOfRow(this.rows[index] as number);
  }

  /** The paths of members `from` to `to` (exclusive), as the walk's are, in memory of their own. */
  pathsOf(from: number, to: number): Uint8Array<ArrayBuffer> {
    const slices: Buffer[] = [];
    for (let index = from; index < to; index++) {
      const row = this.rows[index] as number;
      slices.push(this.#walked.paths.subarray(this.#starts[row], this.#starts[row + 1]));
    }
    const paths = new Uint8Array(slices.reduce((sum, slice) => sum + slice.length, 0));
    let at = 0;
    for (const slice of slices) {
      paths.set(slice, at);
      at += slice.length;
    }
    return paths;
  }

  /** For the cut rule. */
  *members(): Iterable<CutMember> {
    for (let index = 0; index < this.count; index++) {
      const type = this.typeOf(index);
      yield { path: this.pathOf(index), bytes: this.bytesOf(index), size: this.sizeOf(index), type };
    }
  }

  /** Modification times of all members, as they are stored beside the stream. */
  times(): Buffer {
    const times = new BigInt64Array(this.count);
    for (const [index, row] of this.rows.entries()) times[index] = this.#number(row, COLUMN.modified);
    return packTimes(times);
  }

  #number(row: number, column: number): bigint {
    return this.#walked.stats[row * COLUMNS + column] as bigint;
  }

  #pathOfRow(row: number): string {
    // Behind each stands a NUL.
    return this.#walked.paths.toString('utf8', this.#starts[row], (this.#starts[row + 1] as number) - 1);
  }

  #sortGroups(root: Root): Groups {
    const groups: Groups = [
      { rows: [] },
      { rows: [] },
      { rows: [], linkOf: new Map() },
      { rows: [], linkOf: new Map() },
    ];
    const targets = splitColumn(this.#walked.links).values();
    for (let row = 0; row < this.count; row++) {
      const type = Number(this.#number(row, COLUMN.mode)) & FILE_TYPE;
      if (type === DIRECTORY) groups[0].rows.push(row);
      else if (type === REGULAR) groups[1].rows.push(row);
      else {
        groups[2].rows.push(row);
        groups[2].linkOf?.set(row, targets.next().value as string);
      }
    }
    for (const { rows } of groups) this.#sortByPath(rows);
    this.#linkSecondNames(groups, root);
    return groups;
  }

  // Nearly sorted as they come: the walk goes in this order.
  #sortByPath(rows: number[]): void {
    rows.sort((a, b) => this.#comparePaths(a, b));
    for (let i = 1; i < rows.length; i++) {
      const row = rows[i] as number;
      // A folder that is written to while it is listed may name an entry twice.
      if (this.#comparePaths(rows[i - 1] as number, row) === 0)
        throw fault('ARCHIVE_TREE_CHANGED', { path: this.#pathOfRow(row) });
    }
  }

  // By bytes. The NUL behind the shorter of two that begin alike puts it first.
  #comparePaths(a: number, b: number): number {
    const { paths } = this.#walked;
    let x = this.#starts[a] as number;
    let y = this.#starts[b] as number;
    const end = this.#starts[a + 1] as number;
    for (; x < end; x++, y++) {
      const difference = (paths[x] as number) - (paths[y] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  // Of several names of one file the first holds it, the others are hard links to that name.
  #linkSecondNames([, files, , hardlinks]: Groups, root: Root): void {
    const firsts = new Map<string, string>();
    files.rows = files.rows.filter((row) => {
      if (this.#number(row, COLUMN.links) < 2n) return true;
      const inode = `${this.#number(row, COLUMN.device)}:${this.#number(row, COLUMN.inode)}`;
      const first = firsts.get(inode);
      if (first === undefined) {
        firsts.set(inode, memberName(root, this.#pathOfRow(row)));
        return true;
      }
      hardlinks.rows.push(row);
      hardlinks.linkOf?.set(row, first);
      return false;
    });
  }
}

interface Group {
  rows: number[];
  linkOf?: Map<number, string>;
}
type Groups = [directories: Group, files: Group, symlinks: Group, hardlinks: Group];

/** Where each row's path begins, and where the last ends. */
function startsOf({ count, paths }: Walked): Uint32Array {
  const starts = new Uint32Array(count + 1);
  for (let row = 0, at = 0; row < count; row++) {
    at = paths.indexOf(0, at) + 1;
    starts[row + 1] = at;
  }
  return starts;
}

/** A member as its header says it; the time is that of members without content. */
export function memberOf(
  root: Root,
  type: MemberType,
  path: string,
  mode: number,
  size: number,
  link?: string,
): Member {
  const member: Member = { type, path: memberName(root, path), mode, size, mtime: DERIVED_EPOCH };
  if (link !== undefined) member.link = link;
  return member;
}

/** The mode in a header. Links have no mode of their own: 0777, as the kernel shows them. */
export function headerMode(type: MemberType, mode: number, rule: ModeRule): number {
  if (type === 'symlink') return 0o777;
  if (rule === 'kept') return mode & 0o777;
  return type === 'directory' || (mode & 0o100) !== 0 ? 0o755 : 0o644;
}
