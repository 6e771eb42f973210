/**
 * Node's zstd without the stream around it: one call, from memory that the caller owns into memory that the caller owns and
 * uses again. Fresh memory for each frame makes V8 mark and sweep and the kernel fault pages, and a fresh context has
 * megabytes of tables to clear: decoding runs half as fast again without, compressing a twentieth.
 *
 * The handle that allows it is not public. It is used only after it has passed a test in this process
 * ({@link allowsInPlace}); with a Node that does not pass, callers take the public calls: slower, never wrong.
 */
import zlib from 'node:zlib';

/** What is used here of zlib's stream and of the handle below it. */
interface Stream {
  _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ): void;
    close(): void;
    onerror: (message: string) => void;
  };
  /** Bytes of output and of input that a write left. */
  _writeState: Uint32Array;
}

export type Parameters = Record<number, number>;

export class InPlaceZstd {
  readonly #create: () => object;
  readonly #flush: number;
  #stream: Stream | undefined;
  #error: string | undefined;

  private constructor(create: () => object, flush: number) {
    this.#create = create;
    this.#flush = flush;
  }

  // The streams' own output buffers are never used: as small as they may be.

  static compressor(params: Parameters): InPlaceZstd {
    return new InPlaceZstd(
      () => zlib.createZstdCompress({ params, chunkSize: 64 }),
      zlib.constants.ZSTD_e_end,
    );
  }

  static decompressor(params: Parameters): InPlaceZstd {
    return new InPlaceZstd(
      () => zlib.createZstdDecompress({ params, chunkSize: 64 }),
      zlib.constants.ZSTD_e_continue,
    );
  }

  /**
   * From one whole input to one whole output. How many bytes of `output` are left, or, as a text, why it failed. Given
   * everything at once, zstd knows the content's size when it compresses and needs no window of its own when it decodes.
   */
  run(input: Uint8Array, output: Uint8Array): number | string {
    this.#stream ??= this.#open();
    const { _handle: handle, _writeState: left } = this.#stream;
    this.#error = undefined;
    handle.writeSync(this.#flush, input, 0, input.length, output, 0, output.length);
    const why = this.#error ?? (left[1] === 0 ? undefined : 'there is more than fits');
    if (why === undefined) return left[0] as number;
    // What has met an error stays in it.
    this.close();
    return why;
  }

  close(): void {
    this.#stream?._handle.close();
    this.#stream = undefined;
  }

  #open(): Stream {
    const stream = this.#create() as Stream;
    stream._handle.onerror = (message) => {
      this.#error = message;
    };
    return stream;
  }
}

let allowed: boolean | undefined;

/** Whether this Node passes the test. Once a process and thread, about a millisecond. */
export function allowsInPlace(): boolean {
  allowed ??= passesTest();
  return allowed;
}

/** Both ways with shared memory, twice each; damage and a wrong size are noticed, and forgotten. */
function passesTest(): boolean {
  const { ZSTD_c_checksumFlag, ZSTD_d_windowLogMax } = zlib.constants;
  const compressor = InPlaceZstd.compressor({ [ZSTD_c_checksumFlag]: 1 });
  const decompressor = InPlaceZstd.decompressor({ [ZSTD_d_windowLogMax]: 23 });
  const raw = Buffer.from('cachalot '.repeat(2000));
  const output = Buffer.from(new SharedArrayBuffer(raw.length * 2));
  const compressed = () => {
    const left = compressor.run(raw, output);
    return Buffer.from(output.subarray(0, typeof left === 'string' ? 0 : -left));
  };
  const target = output.subarray(0, raw.length);
  const decodes = (frame: Buffer) => decompressor.run(frame, target.fill(0)) === 0 && target.equals(raw);
  try {
    const frames = [compressed(), compressed()] as const;
    const publicly = frames.every((frame) => zlib.zstdDecompressSync(frame).equals(raw));
    const damaged = Buffer.from(frames[0]);
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
    return (
      publicly &&
      frames.every(decodes) &&
      typeof decompressor.run(damaged, target) === 'string' &&
      frames.every(decodes) &&
      typeof decompressor.run(frames[0], target.subarray(1)) === 'string' &&
      frames.every(decodes)
    );
  } catch {
    return false;
  } finally {
    compressor.close();
    decompressor.close();
  }
}
