/**
 * Reads the members of a segment, synchronously, from bytes already in memory. Strict: it takes what tar-header.ts writes
 * and archives of other writers that mean the same, and refuses everything that two readers of tar might read in two
 * ways (hardening.md E1 to E17). What it takes, GNU tar lists with the same names, types and sizes: the tests hold it to
 * that.
 *
 * This is on the hot path of every restore: it looks at each header byte a few times at most and allocates only what it
 * returns.
 */
import { isUtf8 } from 'node:buffer';
import { fault } from '../wire/errors.ts';
import { checkLink, checkMemberPath, type Member, type MemberType } from './member.ts';
import { type PaxValues, readPax } from './pax.ts';
import { BLOCK, FIELD, MAGIC, PAX_FLAG, paddedSize, paxRecords } from './tar-header.ts';

export interface MemberAt {
  member: Member;
  /** Where in the segment its content begins. */
  contentStart: number;
  /** Set where the content is not here but in the parts that follow. */
  contentInParts?: true;
}

/** The first part of a large file, as the manifest names it for the segment after this one. */
export interface FollowingPart {
  path: string;
  size: number;
}

const TYPES: (MemberType | undefined)[] = [];
TYPES[0x30] = 'file';
TYPES[0x31] = 'hardlink';
TYPES[0x32] = 'symlink';
TYPES[0x35] = 'directory';

/**
 * All members of a segment. `following`: this segment is the header of the large file whose parts come next, and must be
 * that header and nothing else (hardening.md D4). Throws `ARCHIVE_*`.
 */
export function readMembers(segment: Buffer, following?: FollowingPart): MemberAt[] {
  // Checksums are read by words; only a view into other bytes can begin between two.
  const bytes = segment.byteOffset % 4 === 0 ? segment : Buffer.from(segment);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const members: MemberAt[] = [];
  const end = bytes.length;
  if (end % BLOCK !== 0) throw malformed('a segment is no whole number of blocks');
  let at = 0;
  while (at < end) {
    let pax: PaxValues | undefined;
    if (bytes[at + FIELD.type.at] === PAX_FLAG) {
      checkBlock(bytes, words, at);
      const size = readField(bytes, at, FIELD.size);
      pax = readPax(bytes, at + BLOCK, size);
      if (at + BLOCK + paddedSize(size) >= end) throw malformed('it ends after a pax header');
      at = endOfContent(bytes, words, at + BLOCK, size);
    }
    const member = readHeader(bytes, words, at, pax);
    at += BLOCK;
    if (following !== undefined) {
      members.push({ member, contentStart: at, contentInParts: true });
      checkFollowing(member, following, at === end && members.length === 1);
      continue;
    }
    members.push({ member, contentStart: at });
    if (at + paddedSize(member.size) > end) throw malformed(`it ends inside ${member.path}`);
    at = endOfContent(bytes, words, at, member.size);
  }
  if (following !== undefined && end === 0) throw malformed(`the header of ${following.path} is not there`);
  return members;
}

/** Where the padding behind a content ends. It is zeros: nothing can stand there that no reader shows. */
function endOfContent(bytes: Buffer, words: Int32Array, start: number, size: number): number {
  const end = start + paddedSize(size);
  let seen = 0;
  let at = start + size;
  for (; at % 4 !== 0; at++) seen |= bytes[at] as number;
  for (let word = at >> 2; word < end >> 2; word++) seen |= words[word] as number;
  if (seen !== 0) throw malformed(`something stands in the padding before ${end}`);
  return end;
}

function checkFollowing(member: Member, following: FollowingPart, alone: boolean): void {
  if (!alone) throw malformed(`the header of ${member.path} does not stand alone`);
  if (member.type !== 'file' || member.path !== following.path || member.size !== following.size) {
    throw malformed(`the header of ${member.path} and the manifest disagree about its parts`);
  }
}

function readHeader(bytes: Buffer, words: Int32Array, at: number, pax: PaxValues | undefined): Member {
  checkBlock(bytes, words, at);
  const type = TYPES[bytes[at + FIELD.type.at] as number];
  const name = pax?.path ?? readName(bytes, at);
  if (type === undefined) throw memberRefused(name, 'it is neither a file, a folder nor a link');
  const path = type === 'directory' ? withoutSlash(name) : name;
  checkMemberPath(path);
  const size = pax?.size ?? readField(bytes, at, FIELD.size);
  if (size !== 0 && type !== 'file') throw memberRefused(path, 'only a file has a size');
  if (path === '.' && type !== 'directory') throw memberRefused(path, 'it is no folder');
  if (readField(bytes, at, FIELD.uid) !== 0 || readField(bytes, at, FIELD.gid) !== 0)
    throw memberRefused(path, 'it has an owner');
  // setuid, setgid and sticky are masked (E16).
  const mode = readField(bytes, at, FIELD.mode) & 0o777;
  const mtime = readField(bytes, at, FIELD.mtime);
  const link = pax?.linkpath ?? readText(bytes, at + FIELD.link.at, FIELD.link.length);
  let member: Member;
  if (type === 'symlink' || type === 'hardlink') {
    checkLink(type, path, link);
    member = { type, path, mode, size, mtime, link };
  } else {
    if (link !== '') throw memberRefused(path, 'only a link has a target');
    member = { type, path, mode, size, mtime };
  }
  if (pax !== undefined) checkPaxNeeded(member, pax);
  return member;
}

// Pax only where needed: otherwise one tree would have two streams.
function checkPaxNeeded(member: Member, pax: PaxValues): void {
  if (paxRecords(member)?.equals(pax.records) !== true)
    throw memberRefused(member.path, 'its pax header is not the one it needs');
}

function withoutSlash(name: string): string {
  if (!name.endsWith('/')) throw memberRefused(name, 'a folder is named with a slash at its end');
  return name.slice(0, -1);
}

function checkBlock(bytes: Buffer, words: Int32Array, at: number): void {
  const stored = readField(bytes, at, FIELD.checksum);
  if (stored !== checksum(bytes, words, at)) throw malformed(`the header at ${at} has a wrong checksum`);
  for (let i = 0; i < FIELD.magic.length; i++) {
    if (bytes[at + FIELD.magic.at + i] !== MAGIC.charCodeAt(i))
      throw malformed(`the header at ${at} is not ustar`);
  }
}

/** The sum of a block's bytes, its checksum field taken as eight spaces. */
function checksum(bytes: Buffer, words: Int32Array, at: number): number {
  // Four bytes at a time, in two lanes of 16 bits: 128 words of 255 twice are 65,280, so no lane overflows.
  let lanes = 0;
  for (let word = at >> 2, end = word + BLOCK / 4; word < end; word++) {
    const four = words[word] as number;
    lanes = (lanes + (four & 0x00ff00ff) + ((four >>> 8) & 0x00ff00ff)) | 0;
  }
  let sum = (lanes & 0xffff) + (lanes >>> 16) + FIELD.checksum.length * 0x20;
  for (let i = 0; i < FIELD.checksum.length; i++) sum -= bytes[at + FIELD.checksum.at + i] as number;
  return sum;
}

// Octal digits, then NULs or spaces to the end of the field. No leading spaces, signs or base-256 (E13).
function readField(bytes: Buffer, block: number, field: { at: number; length: number }): number {
  const start = block + field.at;
  const end = start + field.length;
  let at = start;
  let value = 0;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (at === start || at === end) throw malformed(`the number at ${start} is not octal`);
  for (; at < end; at++) {
    if (bytes[at] !== 0 && bytes[at] !== 0x20) throw malformed(`the number at ${start} is not octal`);
  }
  return value;
}

function readName(bytes: Buffer, at: number): string {
  const name = readText(bytes, at, FIELD.name.length);
  if (bytes[at + FIELD.prefix.at] === 0) return name;
  return `${readText(bytes, at + FIELD.prefix.at, FIELD.prefix.length)}/${name}`;
}

// A field's text ends at its first NUL.
function readText(bytes: Buffer, start: number, length: number): string {
  const limit = start + length;
  let end = start;
  let seen = 0;
  while (end < limit) {
    const byte = bytes[end] as number;
    if (byte === 0) break;
    seen |= byte;
    end++;
  }
  if (end === start) return '';
  if (seen < 0x80) return bytes.toString('latin1', start, end);
  const text = bytes.toString('utf8', start, end);
  if (!isUtf8(bytes.subarray(start, end))) throw fault('ARCHIVE_NAME_NOT_UTF8', { path: text });
  return text;
}

function malformed(why: string): Error {
  return fault('ARCHIVE_MALFORMED', { why });
}

function memberRefused(path: string, why: string): Error {
  return fault('ARCHIVE_MEMBER_REFUSED', { path, why });
}
