/**
 * The text of a static token: `cachalot_<id>_<secret>`, of a form that secret scanners find. The secret is 256 bits of chance, so
 * its plain sha256 is as good to keep as a slow hash of a password would be: there is nothing to guess.
 */
import { hash } from 'node:crypto';

const ID_BYTES = 8;
const SECRET_BYTES = 32;
const TOKEN = /^cachalot_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export interface TokenText {
  id: string;
  /** sha256 of the secret, in hexadecimal. */
  digest: string;
}

export function makeToken(random: (bytes: number) => Buffer): TokenText & { text: string } {
  const id = random(ID_BYTES).toString('hex');
  const secret = random(SECRET_BYTES).toString('base64url');
  return { id, digest: hash('sha256', secret), text: `cachalot_${id}_${secret}` };
}

/** Undefined for what is no token of ours. */
export function readToken(text: string): TokenText | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, digest: hash('sha256', secret) };
}
