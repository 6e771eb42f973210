/** A run of bytes in memory, lent where they lie, or as a stream of copies. Given back when its last chunk is, or when its reader leaves. */
import { Readable } from 'node:stream';
import type { Chunk, Chunks, Lending } from '../../entries/chunk.ts';
import type { Arrival } from './arrival.ts';
import type { Lent } from './memory-tier.ts';

/** Of copies. */
const CHUNK_BYTES = 256 * 1024;

export class LentRange extends Readable implements Lending {
  readonly length: number;
  readonly #chunks: LentChunks;

  /** `end` is exclusive. With `arrival` the bytes are still coming. */
  constructor(lent: Lent, start: number, end: number, arrival?: Arrival) {
    super({ highWaterMark: 0 });
    const last = Math.min(end, lent.bytes.length);
    this.length = Math.max(0, last - start);
    this.#chunks = new LentChunks(lent, start, last, arrival);
  }

  lend(): Chunks {
    return this.#chunks;
  }

  override _read(): void {
    this.#chunks.next(CHUNK_BYTES).then(
      ({ value: chunk }) => {
        const copy = chunk === undefined ? null : Buffer.from(chunk.bytes);
        chunk?.release();
        this.push(copy);
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#chunks.leave();
    callback(error);
  }
}

class LentChunks implements Chunks {
  readonly #lent: Lent;
  readonly #end: number;
  readonly #arrival: Arrival | undefined;
  #at: number;
  #isHeld = true;

  constructor(lent: Lent, start: number, end: number, arrival: Arrival | undefined) {
    this.#lent = lent;
    this.#at = start;
    this.#end = end;
    this.#arrival = arrival;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** All that is there at once: it is in memory anyway, and each chunk is a way through the socket. */
  async next(most = Number.POSITIVE_INFINITY): Promise<IteratorResult<Chunk, undefined>> {
    const at = this.#at;
    if (at >= this.#end) this.leave();
    if (!this.#isHeld) return { done: true, value: undefined };
    let to: number;
    try {
      to = this.#arrival === undefined ? this.#end : await this.#arrival.reaches(at, this.#end);
    } catch (error) {
      this.leave();
      throw error;
    }
    if (!this.#isHeld) return { done: true, value: undefined };
    this.#at = Math.min(to, at + most);
    const held = this.#lent.again();
    const chunk = { bytes: this.#lent.bytes.subarray(at, this.#at), release: () => held.giveBack() };
    if (this.#at >= this.#end) this.leave();
    return { done: false, value: chunk };
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    this.leave();
    return { done: true, value: undefined };
  }

  leave(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#lent.giveBack();
  }
}
