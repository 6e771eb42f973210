/**
 * Members: what a tar stream of ours may hold, and under which names. The rules are the same for a save and a restore,
 * so nothing is stored that could not be restored (hardening.md E1 to E16).
 */
import { isUtf8 } from 'node:buffer';
import { fault } from '../wire/errors.ts';
import { LIMITS } from './limits.ts';

export type MemberType = 'directory' | 'file' | 'symlink' | 'hardlink';

export interface Member {
  type: MemberType;
  /** Its name at the anchor, '/'-separated, without a trailing slash; `.` is the anchor itself. */
  path: string;
  /** Permission bits, at most 0777. */
  mode: number;
  /** Bytes of content; 0 for all but files. */
  size: number;
  /** Seconds since 1970. */
  mtime: number;
  /** Symbolic: the text of the link, which is never followed. Hard: the path of an earlier member. */
  link?: string;
}

/** Order of the stream: links last, because then no extractor can be led out of the tree through one. */
const GROUP: Record<MemberType, number> = { directory: 0, file: 1, symlink: 2, hardlink: 3 };

export function compareMembers(
  a: { type: MemberType; path: string },
  b: { type: MemberType; path: string },
): number {
  return GROUP[a.type] - GROUP[b.type] || comparePaths(a.path, b.path);
}

/** Byte order of the paths' UTF-8. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    let x = a.charCodeAt(at);
    let y = b.charCodeAt(at);
    if (x === y) continue;
    // JavaScript orders by UTF-16, where surrogates (four bytes in UTF-8) come before U+E000 to U+FFFF (three bytes).
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

/** A name as the file system gave it. Throws `ARCHIVE_NAME_NOT_UTF8`. */
export function decodeName(bytes: Uint8Array): string {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  // A replacement character is either one that was there or the sign that something else was.
  if (name.includes('\ufffd') && !isUtf8(bytes)) throw fault('ARCHIVE_NAME_NOT_UTF8', { path: name });
  return name;
}

/** Throws `ARCHIVE_PATH_ESCAPE`, `ARCHIVE_PATH_REFUSED`, `ARCHIVE_NAME_TOO_LONG` or `ARCHIVE_LIMIT`. */
export function checkMemberPath(path: string): void {
  if (path === '.') return;
  const first = path.charCodeAt(0);
  if (path === '') throw refused(path, 'it is empty');
  if (first === 0x2f || first === 0x5c) throw refused(path, 'it is absolute');
  // A drive letter, whatever follows: `c:..\x` is relative to the drive's own current folder (CVE-2021-37713).
  if (path.charCodeAt(1) === 0x3a && (first | 0x20) >= 0x61 && (first | 0x20) <= 0x7a)
    throw refused(path, 'it begins with a drive letter');

  let depth = 1;
  let start = 0;
  let seen = 0;
  for (let at = 0; ; at++) {
    const code = at < path.length ? path.charCodeAt(at) : 0x2f;
    if (code === 0) throw refused(path, 'it has a NUL');
    if (code !== 0x2f) {
      seen |= code;
      continue;
    }
    checkPart(path, start, at, seen);
    start = at + 1;
    if (at >= path.length) break;
    depth++;
  }
  if (path.length * 3 > LIMITS.pathBytes && Buffer.byteLength(path) > LIMITS.pathBytes)
    throw fault('ARCHIVE_NAME_TOO_LONG', { path });
  if (depth > LIMITS.depth)
    throw fault('ARCHIVE_LIMIT', { limit: LIMITS.depth, what: `levels of folders in ${path}` });
}

// `seen` is the union of the path's code units up to here: below 128, a part has as many bytes as characters.
function checkPart(path: string, start: number, end: number, seen: number): void {
  const length = end - start;
  if (length === 0) throw refused(path, 'it has an empty part');
  if (length <= 2 && path.charCodeAt(start) === 0x2e) {
    if (length === 1) throw refused(path, 'it has a part that is .');
    if (path.charCodeAt(start + 1) === 0x2e) throw fault('ARCHIVE_PATH_ESCAPE', { path });
  }
  if (seen < 0x80 && length <= LIMITS.partBytes) return;
  const part = path.slice(start, end);
  if (!part.isWellFormed()) throw fault('ARCHIVE_NAME_NOT_UTF8', { path });
  if (length * 3 > LIMITS.partBytes && Buffer.byteLength(part) > LIMITS.partBytes)
    throw fault('ARCHIVE_NAME_TOO_LONG', { path });
}

/**
 * A link's target. A symbolic link may say anything that a file system can hold, since it is created last and followed
 * by nobody; a hard link names a member, by the rules of member paths. Throws as {@link checkMemberPath} does.
 */
export function checkLink(type: 'symlink' | 'hardlink', path: string, link: string): void {
  if (type === 'hardlink') {
    if (link === '.' || link === path)
      throw fault('ARCHIVE_MEMBER_REFUSED', { path, why: 'it is a hard link to itself or to a folder' });
    checkMemberPath(link);
    return;
  }
  if (link === '') throw fault('ARCHIVE_MEMBER_REFUSED', { path, why: 'its target is empty' });
  if (link.includes('\0')) throw fault('ARCHIVE_MEMBER_REFUSED', { path, why: 'its target has a NUL' });
  if (!link.isWellFormed()) throw fault('ARCHIVE_NAME_NOT_UTF8', { path: link });
  // PATH_MAX counts the terminating NUL.
  if (link.length * 3 >= LIMITS.pathBytes && Buffer.byteLength(link) >= LIMITS.pathBytes)
    throw fault('ARCHIVE_NAME_TOO_LONG', { path: link });
}

/** Whether a member lies in a root, or is it. Compared with the separator: `dir-evil` is not inside `dir` (CVE-2025-59343). */
export function isInside(path: string, rootPath: string): boolean {
  return (
    rootPath === '.' ||
    path === rootPath ||
    (path.startsWith(rootPath) && path.charCodeAt(rootPath.length) === 0x2f)
  );
}

function refused(path: string, why: string): Error {
  return fault('ARCHIVE_PATH_REFUSED', { path, why });
}
