/**
 * A block of memory for segments on their way, given out in pieces and used again. Fresh buffers would have the kernel clear
 * 1.4 GB of pages for one large save, and V8 mark its whole heap for each 10 MB of them that come and go.
 */

export interface Piece {
  bytes: Buffer;
  start: number;
}

export class SegmentMemory {
  readonly #block: Buffer;
  /** What is given out, by where it begins. */
  readonly #pieces: Piece[] = [];

  /**
   * `shared` memory can be shown to another thread where it is. What is copied into it is copied a word at a time, as JavaScript
   * promises of such memory, which takes five times as long.
   */
  constructor(capacity: number, { shared = true } = {}) {
    this.#block = shared ? Buffer.from(new SharedArrayBuffer(capacity)) : Buffer.allocUnsafeSlow(capacity);
  }

  /** `length` bytes with whatever was in them, from the lowest gap that has room (its pages are the warmest); or none. */
  take(length: number): Piece | undefined {
    let start = 0;
    let index = 0;
    for (const piece of this.#pieces) {
      if (piece.start - start >= length) break;
      start = piece.start + piece.bytes.length;
      index++;
    }
    if (this.#block.length - start < length) return undefined;
    const piece = { bytes: this.#block.subarray(start, start + length), start };
    this.#pieces.splice(index, 0, piece);
    return piece;
  }

  release(piece: Piece): void {
    this.#pieces.splice(this.#pieces.indexOf(piece), 1);
  }
}
