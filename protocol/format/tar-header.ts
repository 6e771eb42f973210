/**
 * Writes canonical tar headers: ustar, with a pax header before it only where a path, a link or a size does not fit.
 * One member, one sequence of bytes: uid and gid 0, no user names, nothing that depends on the machine.
 *
 * The names of fields are POSIX's (pax, "ustar Interchange Format" and "pax Header Block").
 */
import type { Member, MemberType } from './member.ts';

export const BLOCK = 512;

/** Where the fields stand in a header block, and how long they are. */
export const FIELD = {
  name: { at: 0, length: 100 },
  mode: { at: 100, length: 8 },
  uid: { at: 108, length: 8 },
  gid: { at: 116, length: 8 },
  size: { at: 124, length: 12 },
  mtime: { at: 136, length: 12 },
  checksum: { at: 148, length: 8 },
  type: { at: 156, length: 1 },
  link: { at: 157, length: 100 },
  magic: { at: 257, length: 8 },
  devmajor: { at: 329, length: 8 },
  devminor: { at: 337, length: 8 },
  prefix: { at: 345, length: 155 },
} as const;

/** `ustar`, a NUL and the version `00`, as one latin1 text. */
export const MAGIC = 'ustar\u000000';
const TYPE_FLAG: Record<MemberType, number> = {
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  directory: 0x35,
};
export const PAX_FLAG = 0x78;
/** What a pax header's own block is called. */
const PAX_NAME = '././@PaxHeader';
/** Eleven octal digits. */
const USTAR_MAX_SIZE = 8 ** 11 - 1;

/** Bytes of a file's content in the stream, with the padding to whole blocks. */
export function paddedSize(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** Bytes of all of a member's headers: one block, or the pax header's block and records before it. */
export function headerBytes(member: Member): number {
  const records = paxRecords(member);
  return records === undefined ? BLOCK : BLOCK + paddedSize(records.length) + BLOCK;
}

export function encodeHeader(member: Member): Buffer {
  const target = Buffer.alloc(headerBytes(member));
  writeHeader(member, target, 0);
  return target;
}

/** Writes a member's headers into `target` from `at` on and returns where they end. The caller has checked the member. */
export function writeHeader(member: Member, target: Buffer, at: number): number {
  const records = paxRecords(member);
  let block = at;
  if (records !== undefined) {
    block = at + BLOCK + paddedSize(records.length);
    target.fill(0, at + BLOCK, block);
    records.copy(target, at + BLOCK);
    TEMPLATE.copy(target, at);
    const sum = writeText(target, PAX_NAME, at, FIELD.name.length);
    finish(target, at, sum, 0o644, records.length, 0, PAX_FLAG);
  }
  TEMPLATE.copy(target, block);
  let sum = writeName(member, target, block);
  if (member.link !== undefined)
    sum += writeText(target, member.link, block + FIELD.link.at, FIELD.link.length);
  const size = member.size > USTAR_MAX_SIZE ? 0 : member.size;
  finish(target, block, sum, member.mode, size, member.mtime, TYPE_FLAG[member.type]);
  return block + BLOCK;
}

/** A member's name as it stands in a header. */
function tarName(member: Member): string {
  return member.type === 'directory' ? `${member.path}/` : member.path;
}

/**
 * The pax records that a member needs, in the order path, linkpath, size; undefined where ustar's fields do. A size
 * record is for sizes beyond eleven octal digits.
 */
export function paxRecords(member: Member): Buffer | undefined {
  const { path, link, size } = member;
  // Almost every member: short names need no second look, in whatever script they are (three bytes a unit at most).
  if (path.length <= 32 && size <= USTAR_MAX_SIZE && (link === undefined || link.length <= 33))
    return undefined;
  const records: string[] = [];
  const name = tarName(member);
  if (splitAt(name) === undefined) records.push(paxRecord('path', name));
  if (link !== undefined && Buffer.byteLength(link) > FIELD.link.length)
    records.push(paxRecord('linkpath', link));
  if (size > USTAR_MAX_SIZE) records.push(paxRecord('size', String(size)));
  return records.length === 0 ? undefined : Buffer.from(records.join(''));
}

// `<length> <keyword>=<value>\n`, where the length counts its own digits.
function paxRecord(keyword: string, value: string): string {
  const rest = ` ${keyword}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let digits = String(bytes).length;
  if (String(bytes + digits).length > digits) digits++;
  return `${bytes + digits}${rest}`;
}

/**
 * Where a name is divided into prefix and name: 0 if it fits undivided, else the index of the last slash (in bytes) that
 * leaves a prefix of at most 155 bytes, as GNU tar chooses it; undefined if no slash does.
 */
function splitAt(name: string): number | undefined {
  if (name.length * 3 <= FIELD.name.length) return 0;
  const length = Buffer.byteLength(name);
  if (length <= FIELD.name.length) return 0;
  const bytes = length === name.length ? undefined : Buffer.from(name);
  // The slash at the end of a directory divides nothing.
  const from = Math.min(FIELD.prefix.length, length - 2);
  const slash = bytes === undefined ? name.lastIndexOf('/', from) : bytes.lastIndexOf(0x2f, from);
  return slash > 0 && length - slash - 1 <= FIELD.name.length ? slash : undefined;
}

function writeName(member: Member, target: Buffer, block: number): number {
  const name = tarName(member);
  const slash = splitAt(name);
  // Where a pax path holds the name, a reader without pax sees its beginning.
  if (slash === 0 || slash === undefined) return writeText(target, name, block, FIELD.name.length);
  const bytes = Buffer.from(name);
  bytes.copy(target, block + FIELD.prefix.at, 0, slash);
  bytes.copy(target, block, slash + 1);
  return sumOf(bytes, 0, bytes.length) - 0x2f;
}

/** Writes as much of a text as fits and returns the sum of its bytes. */
function writeText(target: Buffer, text: string, at: number, length: number): number {
  let sum = 0;
  const end = Math.min(text.length, length);
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i);
    // write() does not split a character: a text that a pax record holds whole may end short here.
    if (code > 0x7f) return sumOf(target, at, at + target.write(text, at, length, 'utf8'));
    target[at + i] = code;
    sum += code;
  }
  return sum;
}

/** Fills the fields that differ, in a block that holds the template, and its checksum; `sum` is that of its texts. */
function finish(
  target: Buffer,
  block: number,
  texts: number,
  mode: number,
  size: number,
  mtime: number,
  flag: number,
): void {
  let sum = TEMPLATE_SUM + texts + flag;
  sum += writeOctal(target, block + FIELD.mode.at, 7, mode);
  sum += writeOctal(target, block + FIELD.size.at, 11, size);
  sum += writeOctal(target, block + FIELD.mtime.at, 11, mtime);
  target[block + FIELD.type.at] = flag;
  writeOctal(target, block + FIELD.checksum.at, 6, sum);
}

/** Writes digits with leading zeros and returns their sum. */
function writeOctal(target: Buffer, at: number, digits: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 8 ** digits)
    throw new RangeError(`${value} does not fit a header`);
  let sum = digits * 0x30;
  let rest = value;
  let digit = at + digits - 1;
  // Beyond 31 bits the operators on integers would cut the number.
  for (; rest > 0x7fffffff; digit--) {
    const low = rest % 8;
    target[digit] = 0x30 + low;
    sum += low;
    rest = (rest - low) / 8;
  }
  for (; digit >= at; digit--) {
    const low = rest & 7;
    target[digit] = 0x30 + low;
    sum += low;
    rest >>>= 3;
  }
  return sum;
}

function sumOf(bytes: Buffer, start: number, end: number): number {
  let sum = 0;
  for (let at = start; at < end; at++) sum += bytes[at] as number;
  return sum;
}

/** What every header of ours has in common. */
const TEMPLATE = Buffer.alloc(BLOCK);
for (const field of [FIELD.uid, FIELD.gid, FIELD.devmajor, FIELD.devminor])
  writeOctal(TEMPLATE, field.at, 7, 0);
TEMPLATE.write(MAGIC, FIELD.magic.at, 'latin1');
// Six digits, a NUL, a space: POSIX leaves it open, and this is what everybody writes.
TEMPLATE[FIELD.checksum.at + 7] = 0x20;
/** The checksum counts its own field as eight spaces. */
const TEMPLATE_SUM = sumOf(TEMPLATE, 0, BLOCK) - 0x20 + FIELD.checksum.length * 0x20;
