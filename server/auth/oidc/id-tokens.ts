/** Tokens of CI systems (OIDC): verified against the keys of an issuer that the configuration names, and read as claims. */
import { decodeJwt, errors, jwtVerify } from 'jose';
import { fault } from '#protocol/wire/errors.ts';
import type { Allowance } from '../allowance.ts';
import { allowanceOf } from './claims.ts';
import type { Issuer } from './issuers.ts';
import { KeySource } from './key-source.ts';

/** Signatures by a private key alone: never `none`, and never a secret, which the public key could be taken for. */
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
const LEEWAY_SECONDS = 60;

export interface IdTokenParts {
  issuers: readonly Issuer[];
  /** Milliseconds that only grow. */
  clock(): number;
  /** Milliseconds since 1970: what tokens are dated by is no store's clock. */
  now(): number;
}

export class IdTokens {
  readonly #now: () => number;
  readonly #sources: ReadonlyMap<string, { issuer: Issuer; keys: KeySource }>;

  constructor({ issuers, clock, now }: IdTokenParts) {
    this.#now = now;
    this.#sources = new Map(
      issuers.map((issuer) => [issuer.issuer, { issuer, keys: new KeySource(issuer.issuer, clock) }]),
    );
  }

  /** Whether a text has the form of one. */
  isOne(text: string): boolean {
    return this.#sources.size > 0 && /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
  }

  /** Throws `CREDENTIAL_REFUSED`. */
  async allowance(text: string): Promise<Allowance> {
    try {
      const { iss } = decodeJwt(text);
      const source = this.#sources.get(iss ?? '');
      if (source === undefined)
        throw fault('CREDENTIAL_REFUSED', { why: 'its issuer is none that is configured here' });
      const { issuer, keys } = source;
      const { payload } = await jwtVerify(text, keys.keyOf, {
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms: ALGORITHMS,
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(this.#now()),
        requiredClaims: ['exp'],
      });
      return { ...allowanceOf(issuer, payload), issuer: issuer.name };
    } catch (error) {
      if (error instanceof errors.JOSEError)
        throw fault('CREDENTIAL_REFUSED', { why: reasonOf(error) }, { cause: error });
      throw error;
    }
  }
}

/** Nothing of the token itself: it would be in the log. */
function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return `its claim ${error.claim} is not as it should be`;
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is none that counts';
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'it is signed with a key that its issuer does not publish';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  return 'it is no signed token';
}
