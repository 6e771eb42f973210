/**
 * Many stored objects in one body (`segments/read`, `segments/write`): a u32 length, little endian, and that many bytes,
 * repeated. A length of 0 stands for what is not there.
 */
import { LIMITS } from '../format/limits.ts';
import { fault } from './errors.ts';

const LENGTH_BYTES = 4;

/** The buffers to write for one object; undefined for one that is not there. */
export function encodeBatchPart(stored: Buffer | undefined): Buffer[] {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32LE(stored?.length ?? 0);
  return stored === undefined ? [length] : [length, stored];
}

/**
 * Takes a body as it comes and gives whole objects back, in order; an empty buffer for one that is not there. What it
 * holds at a time is at most one object and the chunk that was pushed last.
 */
export class BatchReader {
  #chunks: Buffer[] = [];
  #held = 0;

  /** Throws `REQUEST_TOO_LARGE` for an object beyond LIMITS.segmentStored, before its bytes have come. */
  push(chunk: Buffer): Buffer[] {
    const whole: Buffer[] = [];
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    for (;;) {
      const length = this.#nextLength();
      if (length === undefined || this.#held < LENGTH_BYTES + length) return whole;
      const bytes = this.#joined();
      const end = LENGTH_BYTES + length;
      whole.push(bytes.subarray(LENGTH_BYTES, end));
      this.#chunks = end < bytes.length ? [bytes.subarray(end)] : [];
      this.#held = bytes.length - end;
    }
  }

  /** The body has ended. Throws `REQUEST_INVALID` if it did so inside an object. */
  end(): void {
    if (this.#held > 0) throw fault('REQUEST_INVALID', { why: 'the batch ends inside an object' });
  }

  #nextLength(): number | undefined {
    if (this.#held < LENGTH_BYTES) return undefined;
    if ((this.#chunks[0] as Buffer).length < LENGTH_BYTES) this.#joined();
    const length = (this.#chunks[0] as Buffer).readUInt32LE();
    if (length > LIMITS.segmentStored) throw fault('REQUEST_TOO_LARGE', { limit: LIMITS.segmentStored });
    return length;
  }

  #joined(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks, this.#held)];
    return this.#chunks[0] as Buffer;
  }
}
