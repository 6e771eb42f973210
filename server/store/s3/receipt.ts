/** An object on its way into the memory that is there for it. What has come stays, and is not asked for again. */
import type { Into } from '../object-store.ts';

export class Receipt {
  readonly #into: Into;
  #count = 0;

  constructor(into: Into) {
    this.#into = into;
  }

  get bytes(): Buffer {
    return this.#into.bytes;
  }

  get isWhole(): boolean {
    return this.#count === this.bytes.length;
  }

  /** What is to come, as a range whose `end` is exclusive; undefined for all of it. */
  get left(): { start: number; end: number } | undefined {
    return this.#count === 0 ? undefined : { start: this.#count, end: this.bytes.length };
  }

  add(piece: Buffer): void {
    const count = this.#count + piece.length;
    if (count > this.bytes.length) throw new RangeError('there is more of an object than there was to be');
    piece.copy(this.bytes, this.#count);
    this.#count = count;
    this.#into.grown?.(this.#count);
  }
}
