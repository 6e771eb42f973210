/** What a signing key is called: made from the key itself, so that whoever holds the name can tell the key from another. */
import { hash, type KeyObject } from 'node:crypto';

/** The first half of the sha256 of the public key (SPKI, DER), in hexadecimal. */
export function signingKeyId(publicKey: KeyObject): string {
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex').slice(0, 32);
}
