/**
 * Reads the records of a pax header. Of the many keywords that exist only three are ours: path, linkpath and size, each at
 * most once. Everything else changes what a member is in ways that readers differ about, and is refused.
 */
import { isUtf8 } from 'node:buffer';
import { fault } from '../wire/errors.ts';
import { LIMITS } from './limits.ts';

export interface PaxValues {
  /** The records as they stood, to be compared with those that the member needs. */
  records: Buffer;
  /** With a directory's trailing slash. */
  path?: string;
  linkpath?: string;
  size?: number;
}

/** Two paths at their longest, and what stands around them. */
const MAX_BYTES = 2 * LIMITS.pathBytes + 256;
const NEWLINE = 0x0a;

/** Reads `size` bytes from `start` on. Throws `ARCHIVE_MALFORMED` and `ARCHIVE_NAME_NOT_UTF8`. */
export function readPax(bytes: Buffer, start: number, size: number): PaxValues {
  if (size === 0 || size > MAX_BYTES) throw malformed(`it has ${size} bytes`);
  if (start + size > bytes.length) throw malformed('it is cut off');
  const records = bytes.subarray(start, start + size);
  const values: PaxValues = { records };
  for (let at = 0; at < size; ) {
    const space = records.indexOf(0x20, at);
    const digits = space < 0 ? '' : records.toString('latin1', at, space);
    if (!/^[1-9][0-9]{0,4}$/.test(digits)) throw malformed('a record has no length');
    const end = at + Number(digits);
    const equals = records.indexOf(0x3d, space);
    if (equals < 0 || end > size || equals >= end - 2 || records[end - 1] !== NEWLINE)
      throw malformed('a record and its length disagree');
    take(values, records.toString('latin1', space + 1, equals), records.subarray(equals + 1, end - 1));
    at = end;
  }
  return values;
}

function take(values: PaxValues, keyword: string, value: Buffer): void {
  if (keyword !== 'path' && keyword !== 'linkpath' && keyword !== 'size')
    throw malformed(`it has the keyword ${keyword}`);
  if (values[keyword] !== undefined) throw malformed(`it has two records ${keyword}`);
  if (value.includes(0)) throw malformed(`its ${keyword} has a NUL`);
  const text = value.toString();
  if (keyword === 'size') {
    if (!/^[1-9][0-9]{0,15}$/.test(text) || !Number.isSafeInteger(Number(text)))
      throw malformed(`its size is ${text}`);
    values.size = Number(text);
    return;
  }
  if (!isUtf8(value)) throw fault('ARCHIVE_NAME_NOT_UTF8', { path: text });
  values[keyword] = text;
}

function malformed(why: string): Error {
  return fault('ARCHIVE_MALFORMED', { why: `in a pax header, ${why}` });
}
