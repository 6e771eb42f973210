/**
 * Marks: which identities something needs, as a Bloom filter of ten bits for each. It may say "marked" of one that is not, in about
 * one case of a hundred: that keeps garbage until a later cycle, which has another salt, and never deletes anything.
 */
import { hash } from 'node:crypto';
import { REF_BYTES } from '../entries/refs.ts';

const BITS_EACH = 10;
const HASHES = 7;
const LEAST_BITS = 1 << 16;
/** 64 MiB: good for 5 * 10^7 identities, and still right for more. */
const MOST_BITS = 2 ** 29;

export class Marks {
  readonly bytes: Buffer;
  readonly #bits: number;
  readonly #salt: string;
  #domain: { name: string; first: number; second: number } | undefined;

  /** `bytes` as they were kept. The salt is text that differs from cycle to cycle. */
  constructor(salt: string, bytes: Buffer) {
    this.bytes = bytes;
    this.#bits = bytes.length * 8;
    this.#salt = salt;
  }

  /** Room for about so many identities, counted as often as they are marked. */
  static for(identities: number, salt: string): Marks {
    const bits = Math.min(MOST_BITS, Math.max(LEAST_BITS, identities * BITS_EACH));
    return new Marks(salt, Buffer.alloc(Math.ceil(bits / 8)));
  }

  /** Marks every identity of a list, for one domain as it stands in objects' names. */
  add(domain: string, refs: Buffer): void {
    for (let at = 0; at + REF_BYTES <= refs.length; at += REF_BYTES) {
      this.#places(domain, refs, at, (byte, bit) => {
        this.bytes[byte] = (this.bytes[byte] ?? 0) | bit;
        return true;
      });
    }
  }

  has(domain: string, refs: Buffer, at = 0): boolean {
    return this.#places(domain, refs, at, (byte, bit) => ((this.bytes[byte] ?? 0) & bit) !== 0);
  }

  // An identity is a sha256, so two of its words are as good as two hashes.
  #places(domain: string, refs: Buffer, at: number, each: (byte: number, bit: number) => boolean): boolean {
    const { first, second } = this.#saltOf(domain);
    const start = (refs.readUInt32LE(at) ^ first) >>> 0;
    const stride = ((refs.readUInt32LE(at + 4) ^ second) | 1) >>> 0;
    for (let n = 0; n < HASHES; n++) {
      const place = ((start + n * stride) >>> 0) % this.#bits;
      if (!each(place >>> 3, 1 << (place & 7))) return false;
    }
    return true;
  }

  #saltOf(name: string): { first: number; second: number } {
    if (this.#domain?.name !== name) {
      const bytes = hash('sha256', `${this.#salt}\n${name}`, 'buffer');
      this.#domain = { name, first: bytes.readUInt32LE(0), second: bytes.readUInt32LE(4) };
    }
    return this.#domain;
  }
}
