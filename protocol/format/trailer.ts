/**
 * The trailer of a stored object: a zstd skippable frame (RFC 8878, section 3.1.2) behind the frame, so that scrub and hot
 * tier can check an object without decompressing it and every zstd reader passes over it. All numbers little endian:
 *
 *     u32 0x184D2A5C · u32 84 · u32 version · 32 bytes identity · u64 raw · u64 frame length · 32 bytes sha256 of the frame
 */
import type { Digest } from './manifest.ts';

export interface Trailer {
  version: number;
  identity: Digest;
  raw: number;
  frameLength: number;
  /** sha256 of the frame. */
  digest: Digest;
}

const MAGIC = 0x184d2a5c;
const PAYLOAD_BYTES = 4 + 32 + 8 + 8 + 32;
export const TRAILER_BYTES = 8 + PAYLOAD_BYTES;
export const TRAILER_VERSION = 1;

export function writeTrailer(trailer: Trailer, target: Buffer, at: number): void {
  target.writeUInt32LE(MAGIC, at);
  target.writeUInt32LE(PAYLOAD_BYTES, at + 4);
  target.writeUInt32LE(trailer.version, at + 8);
  target.write(trailer.identity, at + 12, 'hex');
  target.writeBigUInt64LE(BigInt(trailer.raw), at + 44);
  target.writeBigUInt64LE(BigInt(trailer.frameLength), at + 52);
  target.write(trailer.digest, at + 60, 'hex');
}

/** What the last bytes say, or undefined if they are no trailer. */
export function readTrailer(stored: Buffer): Trailer | undefined {
  const at = stored.length - TRAILER_BYTES;
  if (at < 0 || stored.readUInt32LE(at) !== MAGIC || stored.readUInt32LE(at + 4) !== PAYLOAD_BYTES)
    return undefined;
  return {
    version: stored.readUInt32LE(at + 8),
    identity: stored.toString('hex', at + 12, at + 44),
    raw: Number(stored.readBigUInt64LE(at + 44)),
    frameLength: Number(stored.readBigUInt64LE(at + 52)),
    digest: stored.toString('hex', at + 60, at + 92),
  };
}
