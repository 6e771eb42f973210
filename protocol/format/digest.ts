/**
 * The one hash of the formats: sha256. One-shot, because everything that is hashed here is in memory and bounded.
 */
import { hash } from 'node:crypto';
import type { Digest } from './manifest.ts';

/** sha256 of bytes, or of a text's UTF-8, in lower-case hexadecimal. */
export function sha256(content: Uint8Array | string): Digest {
  return hash('sha256', content, 'hex');
}

const DIGEST = /^[0-9a-f]{64}$/;

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && DIGEST.test(text);
}

/**
 * sha256 over a list of texts, each preceded by its length in bytes (u32, little endian), so that no two lists are
 * hashed as the same bytes.
 */
export function sha256OfList(texts: readonly string[]): Digest {
  const framed: Buffer[] = [];
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(bytes.length);
    framed.push(length, bytes);
  }
  return sha256(Buffer.concat(framed));
}
