/**
 * Walks folders of a root: every entry is listed and asked for its numbers, nothing is opened. What no archive can hold
 * stops the walk here, before anything is read or sent.
 */
import { constants } from 'node:fs';
import { checkLink, checkMemberPath, decodeName } from '#protocol/format/member.ts';
import { memberName, type Root } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import { errorCode, type FileAccess, type FileStat } from './file-access.ts';
import { DIRECTORY, FILE_TYPE, type ListingBuilder, REGULAR, SYMLINK } from './walk-listing.ts';

/** What is walked; plain data, so that it can be sent to a thread. */
export interface WalkOrder {
  root: Root;
  /** Where the root is; absolute. */
  place: string;
  /** Paths relative to the root that are left out, with all below them. */
  exclude: readonly string[];
}

export class FolderWalker {
  readonly #order: WalkOrder;
  readonly #excluded: ReadonlySet<string>;
  readonly #files: FileAccess;
  readonly #found: ListingBuilder;

  constructor(order: WalkOrder, files: FileAccess, found: ListingBuilder) {
    this.#order = order;
    this.#excluded = new Set(order.exclude);
    this.#files = files;
    this.#found = found;
  }

  placeOf(path: string): string {
    const { place } = this.#order;
    if (path === '') return place;
    return place.endsWith('/') ? place + path : `${place}/${path}`;
  }

  /** Adds one member. Returns whether it is a folder. */
  addMember(path: string, whenMissing: 'changed' | 'missing' = 'changed'): boolean {
    const name = memberName(this.#order.root, path);
    checkMemberPath(name);
    const place = this.placeOf(path);
    const stat = this.#stat(place, whenMissing);
    const type = Number(stat.mode) & FILE_TYPE;
    if (type !== REGULAR && type !== DIRECTORY && type !== SYMLINK)
      throw fault('ARCHIVE_MEMBER_REFUSED', { path: place, why: `it is ${nameOfType(type)}` });
    if (name === '.' && type !== DIRECTORY)
      throw fault('ARCHIVE_MEMBER_REFUSED', { path: place, why: 'it is no folder' });
    this.#found.add(path, stat);
    if (type === SYMLINK) this.#found.addLink(this.#readLink(place));
    return type === DIRECTORY;
  }

  /** Adds a folder's entries and returns the folders among them. */
  addEntries(folder: string): string[] {
    const folders: string[] = [];
    for (const path of this.#entries(folder)) {
      if (this.addMember(path)) folders.push(path);
    }
    return folders;
  }

  /** Adds all below a folder, files in byte order of their paths (but for rare scripts, see comparePaths). */
  addBelow(folder: string): void {
    // A folder's contents sort as `name/`, which is after `name-x` and `name.x`: it is entered behind those.
    const open: string[] = [];
    for (const path of this.#entries(folder)) {
      for (let last = open.at(-1); last !== undefined && !sortsInside(path, last); last = open.at(-1)) {
        open.pop();
        this.addBelow(last);
      }
      if (this.addMember(path)) open.push(path);
    }
    for (let last = open.pop(); last !== undefined; last = open.pop()) this.addBelow(last);
  }

  #entries(folder: string): string[] {
    const place = this.placeOf(folder);
    let names: string[];
    try {
      names = this.#files.list(place);
    } catch (error) {
      throw unreadable(place, error);
    }
    const prefix = folder === '' ? '' : `${folder}/`;
    names.sort();
    const paths: string[] = [];
    for (const name of names) {
      if (name.includes('\ufffd')) this.#refuseOtherThanUtf8(place);
      const path = prefix + name;
      if (this.#excluded.size === 0 || !this.#excluded.has(path)) paths.push(path);
    }
    return paths;
  }

  #refuseOtherThanUtf8(folder: string): void {
    for (const bytes of this.#files.listBytes(folder)) {
      try {
        decodeName(bytes);
      } catch (cause) {
        throw fault('ARCHIVE_NAME_NOT_UTF8', { path: `${folder}/${bytes.toString()}` }, { cause });
      }
    }
  }

  #stat(place: string, whenMissing: 'changed' | 'missing'): FileStat {
    try {
      return this.#files.stat(place);
    } catch (error) {
      if (whenMissing === 'missing' && isGone(error)) throw fault('ROOT_MISSING', { path: place });
      throw unreadable(place, error);
    }
  }

  #readLink(place: string): string {
    let bytes: Buffer;
    try {
      bytes = this.#files.readLink(place);
    } catch (error) {
      // It was a link a moment ago.
      if (errorCode(error) === 'EINVAL')
        throw fault('ARCHIVE_TREE_CHANGED', { path: place }, { cause: error });
      throw unreadable(place, error);
    }
    const target = decodeName(bytes);
    checkLink('symlink', place, target);
    return target;
  }
}

function sortsInside(path: string, folder: string): boolean {
  return path.startsWith(folder) && path.charCodeAt(folder.length) < 0x2f;
}

function isGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Why something that was there could not be looked at. */
export function unreadable(place: string, cause: unknown): Error {
  const code = errorCode(cause);
  if (isGone(cause)) return fault('ARCHIVE_TREE_CHANGED', { path: place }, { cause });
  if (code === 'ENAMETOOLONG') return fault('ARCHIVE_NAME_TOO_LONG', { path: place }, { cause });
  return fault('INPUT_UNREADABLE', { path: place, why: code === '' ? String(cause) : code }, { cause });
}

const TYPE_NAMES = new Map([
  [constants.S_IFSOCK, 'a socket'],
  [constants.S_IFIFO, 'a FIFO'],
  [constants.S_IFCHR, 'a character device'],
  [constants.S_IFBLK, 'a block device'],
]);

function nameOfType(type: number): string {
  return TYPE_NAMES.get(type) ?? 'of a type unknown here';
}
