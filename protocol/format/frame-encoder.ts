/** Compresses to zstd frames with checksum and content size, in memory that it uses again; see in-place-zstd.ts. */
import zlib from 'node:zlib';
import { allowsInPlace, InPlaceZstd } from './in-place-zstd.ts';
import { ZSTD_LEVEL, type ZSTD_LEVEL_INCOMPRESSIBLE, ZSTD_LEVEL_TUNING } from './limits.ts';

export type FrameLevel = typeof ZSTD_LEVEL | typeof ZSTD_LEVEL_INCOMPRESSIBLE;

export class FrameEncoder {
  readonly #inPlace: boolean;
  readonly #compressors = new Map<FrameLevel, InPlaceZstd>();
  #output = Buffer.alloc(0);

  /** Where frames cannot be written in place, the public call compresses. */
  constructor(inPlace = allowsInPlace()) {
    this.#inPlace = inPlace;
  }

  /** One frame. Its bytes are the encoder's own and hold until the next call. */
  encode(raw: Buffer, level: FrameLevel): Buffer {
    const bound = compressBound(raw.length);
    if (!this.#inPlace) return compressPublicly(raw, level, bound);
    if (this.#output.length < bound) this.#output = Buffer.allocUnsafeSlow(bound);
    const left = this.#compressor(level).run(raw, this.#output);
    if (typeof left === 'string') throw new Error(`zstd: ${left}`);
    return this.#output.subarray(0, this.#output.length - left);
  }

  #compressor(level: FrameLevel): InPlaceZstd {
    const known = this.#compressors.get(level);
    if (known !== undefined) return known;
    const compressor = InPlaceZstd.compressor(paramsOf(level));
    this.#compressors.set(level, compressor);
    return compressor;
  }
}

function paramsOf(level: FrameLevel): Record<number, number> {
  const { constants } = zlib;
  const params = {
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_checksumFlag]: 1,
    [constants.ZSTD_c_contentSizeFlag]: 1,
  };
  if (level === ZSTD_LEVEL) {
    params[constants.ZSTD_c_minMatch] = ZSTD_LEVEL_TUNING.minMatch;
    params[constants.ZSTD_c_chainLog] = ZSTD_LEVEL_TUNING.chainLog;
  }
  return params;
}

function compressPublicly(raw: Buffer, level: FrameLevel, bound: number): Buffer {
  return zlib.zstdCompressSync(raw, {
    params: paramsOf(level),
    pledgedSrcSize: raw.length,
    chunkSize: bound,
  });
}

// What zstd may need at most (its ZSTD_COMPRESSBOUND), so that the output is written in one piece.
function compressBound(size: number): number {
  return size + Math.ceil(size / 256) + 1024;
}
