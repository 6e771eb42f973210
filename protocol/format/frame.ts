/**
 * The stored form of a segment: one zstd frame with checksum and content size, and a trailer (formats.md, section 2).
 * Compressed bytes are nobody's identity: two writers' frames differ, and either serves both.
 *
 * Whatever is read here may be hostile: structure, window and sizes are checked before memory is given.
 */
import { fault } from '../wire/errors.ts';
import { sha256 } from './digest.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { FrameEncoder, type FrameLevel } from './frame-encoder.ts';
import { LIMITS, ZSTD_LEVEL, ZSTD_LEVEL_INCOMPRESSIBLE, ZSTD_PROBE_BYTES } from './limits.ts';
import type { Digest } from './manifest.ts';
import { readTrailer, TRAILER_BYTES, TRAILER_VERSION, writeTrailer } from './trailer.ts';
import { checkFrameShape } from './zstd-frame.ts';

export { TRAILER_BYTES } from './trailer.ts';

export interface Stored {
  /** Frame and trailer. */
  stored: Buffer;
  identity: Digest;
  /** sha256 of the frame. */
  digest: Digest;
  /** Of `stored`. */
  length: number;
}

/** What the outside of a stored object says. The digest is its own claim until {@link checkFrame} has looked. */
export interface ParsedStored {
  identity: Digest;
  raw: number;
  frame: Buffer;
  digest: Digest;
}

export interface VerifiedStored {
  identity: Digest;
  raw: number;
  length: number;
  digest: Digest;
}

/** Content that shrinks by less than this share in the probe is taken for incompressible. */
const WORTH_COMPRESSING = 0.97;

/**
 * Compresses a segment, 1 to LIMITS.segmentRaw bytes. `identity` if it is known already; `allocate` gives the memory for
 * what is stored, exactly as much as it is asked for.
 */
export function encodeStored(
  raw: Buffer,
  identity: Digest = sha256(raw),
  allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow,
): Stored {
  if (raw.length === 0 || raw.length > LIMITS.segmentRaw)
    throw new RangeError(`a segment of ${raw.length} bytes`);
  const frame = compress(raw, levelFor(raw));
  const digest = sha256(frame);
  const stored = allocate(frame.length + TRAILER_BYTES);
  frame.copy(stored);
  writeTrailer(
    { version: TRAILER_VERSION, identity, raw: raw.length, frameLength: frame.length, digest },
    stored,
    frame.length,
  );
  return { stored, identity, digest, length: stored.length };
}

function levelFor(raw: Buffer): FrameLevel {
  const probe = raw.subarray(0, ZSTD_PROBE_BYTES);
  return compress(probe, ZSTD_LEVEL_INCOMPRESSIBLE).length < probe.length * WORTH_COMPRESSING
    ? ZSTD_LEVEL
    : ZSTD_LEVEL_INCOMPRESSIBLE;
}

let encoder: FrameEncoder | undefined;

// The bytes hold until the next call.
function compress(raw: Buffer, level: FrameLevel): Buffer {
  encoder ??= new FrameEncoder();
  return encoder.encode(raw, level);
}

/**
 * The outside of a stored object: trailer, frame header, blocks. Nothing is decoded or hashed. Throws
 * `SEGMENT_UNREADABLE`.
 */
export function parseStored(stored: Buffer): ParsedStored {
  const trailer = readTrailer(stored);
  if (trailer === undefined) throw unreadable('?', 'it has no trailer');
  const { identity, raw, digest } = trailer;
  if (trailer.version !== TRAILER_VERSION)
    throw unreadable(identity, `its trailer has the version ${trailer.version}`);
  if (stored.length > LIMITS.segmentStored)
    throw unreadable(identity, `it has more than ${LIMITS.segmentStored} bytes`);
  if (trailer.frameLength !== stored.length - TRAILER_BYTES)
    throw unreadable(identity, 'its trailer says another length');
  const frame = stored.subarray(0, -TRAILER_BYTES);
  checkFrameShape(frame, raw, identity);
  return { identity, raw, frame, digest };
}

/** The frame's sha256 is what the layout (or the trailer) says. Throws `SEGMENT_DAMAGED`. */
export function checkFrame(frame: Buffer, digest: Digest, identity: Digest): void {
  if (sha256(frame) !== digest)
    throw fault('SEGMENT_DAMAGED', { identity, why: 'its frame has another sha256' });
}

let decoder: FrameDecoder | undefined;

/**
 * The content of one frame, as {@link FrameDecoder} decodes it: exactly `rawSize` bytes, at the start of `into` or in memory
 * of its own. Throws `SEGMENT_UNREADABLE` for another shape and `SEGMENT_DAMAGED` for what cannot be decoded.
 */
export function decodeFrame(frame: Buffer, rawSize: number, into?: Uint8Array, identity?: Digest): Buffer {
  decoder ??= new FrameDecoder();
  return decoder.decode(frame, rawSize, into, identity);
}

/** Everything: shape, the frame's sha256, zstd's checksum, identity. `into` as for {@link decodeFrame}. */
export function verifyStored(stored: Buffer, into?: Uint8Array): VerifiedStored {
  const { identity, raw, frame, digest } = parseStored(stored);
  checkFrame(frame, digest, identity);
  const content = decodeFrame(frame, raw, into, identity);
  if (sha256(content) !== identity)
    throw fault('SEGMENT_DAMAGED', { identity, why: 'its content has another sha256' });
  return { identity, raw, length: stored.length, digest };
}

/**
 * What follows the last segment of an archive: the two zero blocks that end a tar stream, as a zstd frame. Written out
 * (one block of 1024 times the same byte), so that an archive has one length whichever zstd serves it.
 */
export function archiveEnd(): Buffer {
  return Buffer.from(ARCHIVE_END);
}

const ARCHIVE_END = Buffer.from('28b52ffd64000303200000cdac85f0', 'hex');

function unreadable(identity: Digest, why: string): Error {
  return fault('SEGMENT_UNREADABLE', { identity, why });
}
