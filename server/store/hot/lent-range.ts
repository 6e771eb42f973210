/**
 * A run of bytes in memory as a stream, which gives them back at its end, or when its reader leaves. Chunks belong to their taker, who
 * may free the memory of one that is a whole buffer (entries/let-go.ts); others read these bytes too, so no chunk is all of its buffer.
 */
import { Readable } from 'node:stream';
import type { Lent } from './memory-tier.ts';

/** They are in memory anyway: fewer chunks are fewer ways through the socket. */
const CHUNK_BYTES = 1024 * 1024;

export class LentRange extends Readable {
  readonly #lent: Lent;
  readonly #end: number;
  #at: number;

  /** `end` is exclusive. */
  constructor(lent: Lent, start: number, end: number) {
    super({ highWaterMark: 0 });
    this.#lent = lent;
    this.#at = start;
    this.#end = Math.min(end, lent.bytes.length);
  }

  override _read(): void {
    const { bytes } = this.#lent;
    const isAll = bytes.length === bytes.buffer.byteLength;
    const most = isAll ? Math.min(CHUNK_BYTES, Math.ceil(bytes.length / 2)) : CHUNK_BYTES;
    const next = Math.min(this.#at + most, this.#end);
    this.push(next <= this.#at ? null : bytes.subarray(this.#at, next));
    this.#at = next;
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#lent.giveBack();
    callback(error);
  }
}
