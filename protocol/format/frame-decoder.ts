/** Decodes zstd frames into buffers that the caller owns and uses again; see in-place-zstd.ts for what that is worth. */
import zlib from 'node:zlib';
import { fault } from '../wire/errors.ts';
import { allowsInPlace, InPlaceZstd } from './in-place-zstd.ts';
import { LIMITS } from './limits.ts';
import type { Digest } from './manifest.ts';
import { checkFrameShape } from './zstd-frame.ts';

const params = { [zlib.constants.ZSTD_d_windowLogMax]: LIMITS.windowLog };

export class FrameDecoder {
  readonly #inPlace: InPlaceZstd | undefined;

  /** Where content cannot be written in place, the public call decodes and its result is copied. */
  constructor(inPlace = allowsInPlace()) {
    this.#inPlace = inPlace ? InPlaceZstd.decompressor(params) : undefined;
  }

  /**
   * The content of one frame: exactly `rawSize` bytes at the start of `into` (shared memory too), or in memory of its own.
   * Shape, size and window are checked before anything is decoded, zstd's checksum after. Throws `SEGMENT_UNREADABLE`
   * and `SEGMENT_DAMAGED`; what is in `into` then means nothing.
   */
  decode(frame: Buffer, rawSize: number, into?: Uint8Array, identity: Digest = '?'): Buffer {
    checkFrameShape(frame, rawSize, identity);
    if (into !== undefined && into.length < rawSize)
      throw new RangeError(`${rawSize} bytes do not fit into ${into.length}`);
    const target =
      into === undefined
        ? Buffer.allocUnsafeSlow(rawSize)
        : Buffer.from(into.buffer, into.byteOffset, rawSize);
    const left =
      this.#inPlace === undefined ? decodeAndCopy(frame, target) : this.#inPlace.run(frame, target);
    if (left !== 0) {
      const why = typeof left === 'string' ? left : 'its frame has another size than it says';
      throw fault('SEGMENT_DAMAGED', { identity, why });
    }
    return target;
  }

  /** Gives zstd's memory back at once; otherwise that happens when the decoder is collected. */
  close(): void {
    this.#inPlace?.close();
  }
}

/** As InPlaceZstd.run. */
function decodeAndCopy(frame: Buffer, target: Buffer): number | string {
  try {
    // A chunk as large as the output, or Node gathers it from pieces of 16 KiB; 64 is the least that it takes.
    const chunkSize = Math.max(64, target.length);
    const content = zlib.zstdDecompressSync(frame, { params, chunkSize, maxOutputLength: target.length });
    return target.length - content.copy(target);
  } catch (error) {
    return (error as Error).message;
  }
}
