/** Lists of identities beside an entry or a save session: 32 bytes each, so that mark reads millions of them quickly. */
import type { Digest } from '#protocol/format/manifest.ts';

const IDENTITY_BYTES = 32;

/** Each once, sorted. */
export function encodeRefs(identities: readonly Digest[]): Buffer {
  const distinct = [...new Set(identities)].sort();
  const bytes = Buffer.allocUnsafeSlow(distinct.length * IDENTITY_BYTES);
  for (const [at, identity] of distinct.entries()) bytes.write(identity, at * IDENTITY_BYTES, 'hex');
  return bytes;
}
