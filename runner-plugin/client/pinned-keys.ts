/**
 * The signing keys that a runner is pinned to (CACHALOT_TRUST). The server publishes its keys; one is taken only if its own
 * name, which is made from its bytes, is among the pinned ones. Then neither the server's word nor the connection's is needed
 * for what a manifest says.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { SignedManifest } from '#protocol/format/manifest.ts';
import { verifyManifest } from '#protocol/format/signature.ts';
import { signingKeyId } from '#protocol/format/signing-key-id.ts';
import { fault } from '#protocol/wire/errors.ts';

/** Below the server's address. */
export const KEYS_PATH = '/.well-known/cachalot-keys.json';

/** The pinned ones of a published JWK set; what is none of an ed25519 key is left out. */
export function pinnedKeys(published: unknown, pins: ReadonlySet<string>): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  if (typeof published !== 'object' || published === null || !('keys' in published)) return keys;
  if (!Array.isArray(published.keys)) return keys;
  for (const jwk of published.keys) {
    const key = readKey(jwk);
    if (key !== undefined && pins.has(signingKeyId(key))) keys.set(signingKeyId(key), key);
  }
  return keys;
}

/** Throws MANIFEST_UNTRUSTED unless one of the keys signed exactly this manifest. */
export function requireSigned(signed: SignedManifest, keys: ReadonlyMap<string, KeyObject>): void {
  if (!verifyManifest(signed, keys)) throw fault('MANIFEST_UNTRUSTED', { key: signed.manifest.key });
}

function readKey(jwk: unknown): KeyObject | undefined {
  if (typeof jwk !== 'object' || jwk === null || !('x' in jwk) || typeof jwk.x !== 'string') return undefined;
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: jwk.x }, format: 'jwk' });
  } catch {
    return undefined;
  }
}
