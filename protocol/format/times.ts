/**
 * Times of kinds that keep them: one signed 64-bit little-endian count of nanoseconds since 1970 a member, in the order
 * of the stream. They are no part of the stream itself, or a rebuilt tree of equal contents would share nothing.
 */
import { endianness } from 'node:os';
import { fault } from '../wire/errors.ts';

const BYTES = 8;

export function packTimes(ns: ArrayLike<bigint>): Buffer {
  const bytes = Buffer.from(BigInt64Array.from(ns).buffer);
  return endianness() === 'LE' ? bytes : bytes.swap64();
}

/** Throws `ARCHIVE_MALFORMED` where the bytes are not as many times as there are members. */
export function unpackTimes(bytes: Uint8Array, members = Math.floor(bytes.length / BYTES)): BigInt64Array {
  if (bytes.length !== members * BYTES) {
    throw fault('ARCHIVE_MALFORMED', { why: `its times have ${bytes.length} bytes, not ${members * BYTES}` });
  }
  const aligned = new Uint8Array(bytes);
  if (endianness() !== 'LE') Buffer.from(aligned.buffer).swap64();
  return new BigInt64Array(aligned.buffer);
}
