/**
 * Lists of identities and digests, 32 bytes each, sorted: what an entry, a save session or a list of the condemned holds, so that
 * retention reads millions of them quickly.
 *
 * The list beside an entry begins with 32 bytes more: the sha256 of the ETag of the manifest that it is a list of. It is written
 * after the manifest and only ever spares somebody reading that: where the two do not belong together (another server replaced the
 * entry, or died in between), the manifest is what counts.
 */
import { hash } from 'node:crypto';
import type { Digest } from '#protocol/format/manifest.ts';

export const REF_BYTES = 32;

/** Each once, sorted. */
export function encodeRefs(identities: readonly Digest[]): Buffer {
  const distinct = [...new Set(identities)].sort();
  const bytes = Buffer.allocUnsafeSlow(distinct.length * REF_BYTES);
  for (const [at, identity] of distinct.entries()) bytes.write(identity, at * REF_BYTES, 'hex');
  return bytes;
}

/** What {@link encodeRefs} wrote. */
export function* eachRef(refs: Buffer): Generator<Digest> {
  for (let at = 0; at + REF_BYTES <= refs.length; at += REF_BYTES)
    yield refs.toString('hex', at, at + REF_BYTES);
}

/** The list beside the entry whose manifest has this ETag. */
export function encodeEntryRefs(etag: string, identities: readonly Digest[]): Buffer {
  return Buffer.concat([boundTo(etag), encodeRefs(identities)]);
}

/** The list that {@link encodeEntryRefs} made for this version of the manifest; undefined where it is another's or torn. */
export function readEntryRefs(bytes: Buffer, etag: string): Buffer | undefined {
  if (bytes.length < REF_BYTES || bytes.length % REF_BYTES !== 0) return undefined;
  return bytes.subarray(0, REF_BYTES).equals(boundTo(etag)) ? bytes.subarray(REF_BYTES) : undefined;
}

function boundTo(etag: string): Buffer {
  return hash('sha256', etag, 'buffer');
}

/** Whether a sorted list holds these 32 bytes. */
export function holdsRef(refs: Buffer, ref: Buffer): boolean {
  let low = 0;
  let high = Math.floor(refs.length / REF_BYTES) - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const order = refs.compare(ref, 0, REF_BYTES, middle * REF_BYTES, (middle + 1) * REF_BYTES);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

/** A list of the condemned, and when it was written by the store's clock. */
export interface CondemnedList {
  modified: number;
  refs: Buffer;
}

/** Whether a list condemns the version of an object that was put at `modified`: not what was put within the grace, or since. */
export function holdsVersion(
  list: CondemnedList,
  identity: Digest,
  modified: number,
  grace: number,
): boolean {
  return modified + grace <= list.modified && holdsRef(list.refs, Buffer.from(identity, 'hex'));
}
