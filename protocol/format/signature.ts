/**
 * Signing of manifests: ed25519 over their RFC 8785 bytes. It guards against a store that was tampered with and against
 * delivery by others, not against a poisoned build (docs/security.md).
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { canonicalBytes } from './canonical-json.ts';
import { sha256 } from './digest.ts';
import type { Digest, Manifest, SignedManifest } from './manifest.ts';

export interface SigningKey {
  id: string;
  /** ed25519 */
  privateKey: KeyObject;
}

export type Signature = SignedManifest['signature'];

/** Of ed25519. */
const SIGNATURE_BYTES = 64;

export function signBytes(bytes: Buffer, { id, privateKey }: SigningKey): Signature {
  return { key: id, value: sign(null, bytes, privateKey).toString('base64url') };
}

/** Whether one of these public keys, by id, signed exactly these bytes. */
export function verifyBytes(
  bytes: Buffer,
  signature: Signature,
  keys: ReadonlyMap<string, KeyObject>,
): boolean {
  const key = keys.get(signature.key);
  const value = Buffer.from(signature.value, 'base64url');
  // Node reads base64url leniently; a signature has one spelling.
  if (key === undefined || key.asymmetricKeyType !== 'ed25519') return false;
  if (value.length !== SIGNATURE_BYTES || value.toString('base64url') !== signature.value) return false;
  return verify(null, bytes, key, value);
}

export function signManifest(manifest: Manifest, key: SigningKey): SignedManifest {
  return { manifest, signature: signBytes(canonicalBytes(manifest), key) };
}

/** Whether one of these public keys, by id, signed exactly this manifest. */
export function verifyManifest(
  { manifest, signature }: SignedManifest,
  keys: ReadonlyMap<string, KeyObject>,
): boolean {
  return verifyBytes(canonicalBytes(manifest), signature, keys);
}

/** The stored form: what parseSignedManifest reads. */
export function signedManifestBytes(signed: SignedManifest): Buffer {
  return canonicalBytes(signed);
}

/**
 * What "the same content" means for two saves of one key: equal roots, segments and inputs; not who wrote it, when, and how
 * long it took (formats.md, section 5).
 */
export function contentDigest({ roots, inputs }: Pick<Manifest, 'roots' | 'inputs'>): Digest {
  const content = {
    roots: roots
      .map(({ root, restore, modes, segments }) => ({
        root,
        restore,
        modes,
        segments: segments.map(({ identity }) => identity),
      }))
      .sort((a, b) => (a.root < b.root ? -1 : 1)),
    inputs: inputs.map(({ name, digest }) => ({ name, digest })).sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
  return sha256(canonicalBytes(content));
}

export { parseSignedManifest } from './manifest-check.ts';
