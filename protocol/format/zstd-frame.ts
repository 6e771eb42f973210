/**
 * Reads the outside of a zstd frame (RFC 8878, section 3.1.1) without decoding it: what it will need and produce is known
 * before memory is given to it, and that it is one frame and nothing more before it is believed.
 */
import { fault } from '../wire/errors.ts';
import { LIMITS } from './limits.ts';
import type { Digest } from './manifest.ts';

export interface FrameShape {
  /** Of the content, as the header says. */
  contentSize: number;
  /** In bytes; what a decoder must be able to look back. */
  window: number;
}

const MAGIC = 0xfd2fb528;
const CHECKSUM_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/**
 * The bytes are one frame whose content has `rawSize` bytes, at most LIMITS.segmentRaw, and whose window is at most
 * 2^LIMITS.windowLog (hardening.md D1 to D3). Throws `SEGMENT_UNREADABLE`.
 */
export function checkFrameShape(frame: Buffer, rawSize: number, identity: Digest): void {
  const shape = readFrameShape(frame);
  const why =
    typeof shape === 'string'
      ? shape
      : shape.contentSize !== rawSize
        ? `its frame header says ${shape.contentSize} bytes, not ${rawSize}`
        : rawSize === 0 || rawSize > LIMITS.segmentRaw
          ? `its content has ${rawSize} bytes`
          : shape.window > 2 ** LIMITS.windowLog
            ? `its frame asks for a window of ${shape.window} bytes`
            : undefined;
  if (why !== undefined) throw fault('SEGMENT_UNREADABLE', { identity, why });
}

/** The shape of a frame that begins with the first byte and ends with the last; or, as a text, why it is not one. */
export function readFrameShape(bytes: Buffer): FrameShape | string {
  if (bytes.length < 6 || bytes.readUInt32LE() !== MAGIC) return 'it is no zstd frame';
  const descriptor = bytes[4] as number;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) return 'its frame header has a reserved bit';
  if ((descriptor & 0x04) === 0) return 'its frame has no checksum';
  if ((descriptor & 0x03) !== 0) return 'its frame names a dictionary';
  const flag = descriptor >> 6;
  const sizeBytes = flag === 0 && singleSegment ? 1 : (CONTENT_SIZE_BYTES[flag] as number);
  if (sizeBytes === 0) return 'its frame does not say how large its content is';
  const sizeAt = singleSegment ? 5 : 6;
  const blocksAt = sizeAt + sizeBytes;
  if (bytes.length < blocksAt) return 'its frame header is cut off';
  const contentSize = readSize(bytes, sizeAt, sizeBytes);
  const window = singleSegment ? contentSize : windowOf(bytes[5] as number);
  return endOfBlocks(bytes, blocksAt) ?? { contentSize, window };
}

function readSize(bytes: Buffer, at: number, length: number): number {
  if (length === 1) return bytes[at] as number;
  if (length === 2) return bytes.readUInt16LE(at) + 256;
  if (length === 4) return bytes.readUInt32LE(at);
  return Number(bytes.readBigUInt64LE(at));
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

// Undefined if the blocks and the checksum end where the bytes do.
function endOfBlocks(bytes: Buffer, start: number): string | undefined {
  let at = start;
  for (let last = false; !last; ) {
    if (at + BLOCK_HEADER_BYTES > bytes.length) return 'its frame is cut off';
    const header = bytes.readUIntLE(at, BLOCK_HEADER_BYTES);
    const type = (header >> 1) & 3;
    if (type === RESERVED_BLOCK) return 'its frame has a block of a reserved type';
    last = (header & 1) === 1;
    at += BLOCK_HEADER_BYTES + (type === RLE_BLOCK ? 1 : header >> 3);
  }
  if (at + CHECKSUM_BYTES > bytes.length) return 'its frame is cut off';
  return at + CHECKSUM_BYTES === bytes.length ? undefined : 'something follows its frame';
}
