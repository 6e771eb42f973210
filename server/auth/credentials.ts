/**
 * From a request's headers to what it is allowed. A credential that is presented counts or is refused; it is never passed over.
 * Without one a request is this machine's own user, unless credentials are required, or the request shows that it came from
 * somewhere else through a proxy.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { fault } from '#protocol/wire/errors.ts';
import type { Allowance } from './allowance.ts';
import { readCredential } from './credential-text.ts';
import type { IdTokens } from './oidc/id-tokens.ts';
import type { Sessions } from './sessions.ts';
import type { Tokens } from './tokens.ts';

/** Undefined: none is presented, and none is needed. Throws `CREDENTIAL_REQUIRED`, `CREDENTIAL_REFUSED`, and what a store throws. */
export type Credentials = (headers: IncomingHttpHeaders) => Promise<Allowance | undefined>;

/** What proxies say of whom they speak for. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip'];

export interface CredentialSources {
  tokens: Pick<Tokens, 'allowance'>;
  sessions: Pick<Sessions, 'allowance'>;
  /** Undefined where no issuer is configured. */
  idTokens: Pick<IdTokens, 'isOne' | 'allowance'> | undefined;
}

export function openCredentials(
  { tokens, sessions, idTokens }: CredentialSources,
  isRequired: boolean,
): Credentials {
  const sourceOf = (text: string) => {
    if (idTokens?.isOne(text)) return idTokens;
    return readCredential(text)?.kind === 'session' ? sessions : tokens;
  };
  return async (headers) => {
    const { authorization } = headers;
    if (authorization !== undefined) {
      const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
      if (token === undefined) throw fault('CREDENTIAL_REFUSED', { why: 'it is no bearer token' });
      return await sourceOf(token).allowance(token);
    }
    if (isRequired) throw fault('CREDENTIAL_REQUIRED', { why: 'this server answers nobody without one' });
    if (FORWARDED.some((name) => headers[name] !== undefined))
      throw fault('CREDENTIAL_REQUIRED', { why: 'the request came through a proxy' });
    return undefined;
  };
}
