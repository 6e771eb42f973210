/**
 * Reads the members of one segment straight into its buffer: headers are written in place, contents read to where they
 * belong, and each file is asked afterwards whether it is still the one that the walk saw. A tree that changes while it is
 * read is not saved.
 */
import zlib from 'node:zlib';
import type { ModeRule } from '#protocol/format/manifest.ts';
import type { Member, MemberType } from '#protocol/format/member.ts';
import { derivedMtime, HIDDEN_LOCKFILE_MTIME } from '#protocol/format/mtime.ts';
import type { Root } from '#protocol/format/root.ts';
import { headerBytes, paddedSize, writeHeader } from '#protocol/format/tar-header.ts';
import { fault, isFault } from '#protocol/wire/errors.ts';
import { errorCode, type FileAccess } from './file-access.ts';
import { headerMode, MEMBER_TYPES, memberOf } from './pack-tree.ts';
import { unreadable } from './walk-folder.ts';
import { COLUMN, COLUMNS, splitColumn } from './walk-listing.ts';

/** What reading a root's segments needs to know of it; the columns are in shared memory (see Tree and Walked). */
export interface RootColumns {
  root: Root;
  place: string;
  modes: ModeRule;
  stats: BigInt64Array<SharedArrayBuffer>;
  rows: Uint32Array<SharedArrayBuffer>;
  types: Uint8Array<SharedArrayBuffer>;
}

/** One segment to be read. Paths are relative to the root; a NUL behind each, as the walk has them. */
export interface SegmentTask {
  id: number;
  /** Index of its root. */
  root: number;
  raw: number;
  what:
    | { type: 'run'; from: number; to: number; paths: Uint8Array; links: string }
    /** `crc` is that of the whole content, whose parts have been read before. */
    | { type: 'header'; index: number; path: string; crc: number }
    | { type: 'part'; index: number; path: string; offset: number; length: number };
}

const HIDDEN_LOCKFILE = 'node_modules/.package-lock.json';

/** Fills `into`, which has exactly the segment's bytes. Returns the CRC-32 of a part's content, and 0 for other segments. */
export function readSegment(task: SegmentTask, root: RootColumns, into: Buffer, files: FileAccess): number {
  const { what } = task;
  if (what.type === 'part') {
    const end = readContent(root, what.index, what.path, into, 0, what.length, what.offset, files);
    into.fill(0, end);
    return zlib.crc32(into.subarray(0, end));
  }
  if (what.type === 'header') {
    const member = fileMember(root, what.index, what.path);
    member.mtime = fileTime(member.path, what.crc);
    writeHeader(member, into, 0);
    return 0;
  }
  const links = splitColumn(what.links).values();
  let at = 0;
  let index = what.from;
  for (const path of splitColumn(Buffer.from(what.paths.buffer).toString())) {
    const type = typeOf(root, index);
    if (type === 'file') at = readFile(root, index, path, into, at, files);
    else {
      const link = type === 'directory' ? undefined : links.next().value;
      const mode = headerMode(type, modeOf(root, index), root.modes);
      at = writeHeader(memberOf(root.root, type, path, mode, 0, link), into, at);
    }
    index++;
  }
  return 0;
}

function readFile(
  root: RootColumns,
  index: number,
  path: string,
  into: Buffer,
  at: number,
  files: FileAccess,
): number {
  const member = fileMember(root, index, path);
  const content = at + headerBytes(member);
  const end = readContent(root, index, path, into, content, member.size, null, files);
  // The header says a time made of the content, so it is written after it.
  member.mtime = fileTime(member.path, zlib.crc32(into.subarray(content, end)));
  writeHeader(member, into, at);
  const padded = content + paddedSize(member.size);
  into.fill(0, end, padded);
  return padded;
}

function fileMember(root: RootColumns, index: number, path: string): Member {
  const mode = headerMode('file', modeOf(root, index), root.modes);
  return memberOf(root.root, 'file', path, mode, sizeOf(root, index));
}

function fileTime(name: string, crc: number): number {
  const hidden = name === HIDDEN_LOCKFILE || name.endsWith(`/${HIDDEN_LOCKFILE}`);
  return hidden ? HIDDEN_LOCKFILE_MTIME : derivedMtime(crc);
}

function readContent(
  root: RootColumns,
  index: number,
  path: string,
  into: Buffer,
  at: number,
  length: number,
  offset: number | null,
  files: FileAccess,
): number {
  const place = path === '' ? root.place : `${root.place}/${path}`;
  const file = openFile(place, files);
  try {
    const end = at + length;
    let done = at;
    while (done < end) {
      const position = offset === null ? null : offset + done - at;
      const read = files.read(file, into, done, end - done, position);
      if (read === 0) throw fault('ARCHIVE_TREE_CHANGED', { path: place });
      done += read;
    }
    if (!isSame(root, index, file, files)) throw fault('ARCHIVE_TREE_CHANGED', { path: place });
    return end;
  } catch (error) {
    throw isFault(error) ? error : unreadable(place, error);
  } finally {
    files.close(file);
  }
}

function openFile(place: string, files: FileAccess): number {
  try {
    return files.open(place);
  } catch (error) {
    // A link, or a FIFO that nobody writes to, stands where a file was.
    const code = errorCode(error);
    if (code === 'ELOOP' || code === 'ENXIO')
      throw fault('ARCHIVE_TREE_CHANGED', { path: place }, { cause: error });
    throw unreadable(place, error);
  }
}

/**
 * The walk's numbers are those of before the read, these are those after it: a file that was written to in between has
 * another ctime, and one that took its place another inode.
 */
function isSame(root: RootColumns, index: number, file: number, files: FileAccess): boolean {
  const stat = files.statOpen(file);
  const { stats } = root;
  const at = (root.rows[index] as number) * COLUMNS;
  return (
    stat.size === stats[at + COLUMN.size] &&
    stat.mtimeNs === stats[at + COLUMN.modified] &&
    stat.ctimeNs === stats[at + COLUMN.changed] &&
    stat.ino === stats[at + COLUMN.inode]
  );
}

function typeOf(root: RootColumns, index: number): MemberType {
  return MEMBER_TYPES[root.types[index] as number] as MemberType;
}

function modeOf(root: RootColumns, index: number): number {
  return Number(root.stats[(root.rows[index] as number) * COLUMNS + COLUMN.mode]);
}

function sizeOf(root: RootColumns, index: number): number {
  return Number(root.stats[(root.rows[index] as number) * COLUMNS + COLUMN.size]);
}
