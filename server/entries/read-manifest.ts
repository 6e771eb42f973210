/**
 * Reading a manifest from the store: parsed, its signature checked, and found where it says that it belongs. Whoever can
 * write to the store can put anything there, also a true manifest under another scope's name (hardening.md, S8).
 */
import { hash } from 'node:crypto';
import type { SignedManifest } from '#protocol/format/manifest.ts';
import { parseSignedManifest } from '#protocol/format/manifest-check.ts';
import { entryObject, rootsDigest } from '#protocol/format/object-name.ts';
import { verifyManifest } from '#protocol/format/signature.ts';
import { CachalotError, isFault } from '#protocol/wire/errors.ts';
import type { EntryParts } from './parts.ts';

export type ManifestReading =
  | { state: 'absent' }
  /** `etag` is the version that was read; `why` is for a person. */
  | { state: 'bad'; etag: string; why: string }
  /** Written by a newer program: a miss here, and nobody's fault. */
  | { state: 'too-new'; why: string }
  | { state: 'good'; etag: string; id: string; signed: SignedManifest };

/**
 * An entry's id: the first half of the sha256 of its stored manifest, so that an id means one content for ever, and is
 * the same again after the index has been rebuilt.
 */
export function entryId(storedManifest: Buffer): string {
  return hash('sha256', storedManifest, 'hex').slice(0, 32);
}

/** The name of the object that a manifest belongs into. */
export function manifestObject({ manifest }: SignedManifest): string {
  const roots = manifest.roots.map(({ root }) => root);
  return entryObject({
    domain: manifest.domain,
    scope: manifest.scope,
    key: manifest.key,
    rootsDigest: rootsDigest(roots),
  });
}

export async function readManifest({ store, signing }: EntryParts, object: string): Promise<ManifestReading> {
  const found = await store.get(object);
  if (found === undefined || found === 'changed') return { state: 'absent' };
  const { bytes, etag } = found;
  try {
    const signed = parseSignedManifest(bytes);
    if (!verifyManifest(signed, signing.trusted)) {
      return { state: 'bad', etag, why: 'its signature is not of a key that is trusted here' };
    }
    if (manifestObject(signed) !== object) return { state: 'bad', etag, why: 'it belongs to another place' };
    return { state: 'good', etag, id: entryId(bytes), signed };
  } catch (error) {
    if (isFault(error, 'FORMAT_TOO_NEW')) return { state: 'too-new', why: error.message };
    if (error instanceof CachalotError) return { state: 'bad', etag, why: error.message };
    throw error;
  }
}
