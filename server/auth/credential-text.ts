/**
 * The text of a credential that this server makes: `cachalot_<id>_<secret>` for a static token, `cachalot_session_<id>_<secret>` for a
 * session, of a form that secret scanners find. The secret is 256 bits of chance, so its plain sha256 is as good to keep as a slow
 * hash of a password would be: there is nothing to guess.
 */
import { hash } from 'node:crypto';

const ID_BYTES = 8;
const SECRET_BYTES = 32;
const TEXT = /^cachalot_(session_)?([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export type CredentialKind = 'token' | 'session';

export interface CredentialText {
  kind: CredentialKind;
  id: string;
  /** sha256 of the secret, in hexadecimal. */
  digest: string;
}

export function makeCredential(
  kind: CredentialKind,
  random: (bytes: number) => Buffer,
): CredentialText & { text: string } {
  const id = random(ID_BYTES).toString('hex');
  const secret = random(SECRET_BYTES).toString('base64url');
  const text = `cachalot_${kind === 'session' ? 'session_' : ''}${id}_${secret}`;
  return { kind, id, digest: hash('sha256', secret), text };
}

/** Undefined for what is none of ours. */
export function readCredential(text: string): CredentialText | undefined {
  const [, session, id, secret] = TEXT.exec(text) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return { kind: session === undefined ? 'token' : 'session', id, digest: hash('sha256', secret) };
}
