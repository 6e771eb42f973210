/**
 * The public keys of an issuer, found by discovery. Whoever presents a token can make the server ask, so each question is bounded in
 * time and size, follows no redirect, and is asked once for all who wait; after an answer, good or bad, nothing is asked for a while.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { fault } from '#protocol/wire/errors.ts';

const TIMEOUT_MS = 5_000;
const MOST_BYTES = 256 * 1024;
const MOST_KEYS = 100;
/** A key that is not known is looked for this often at most: issuers rotate rarely, and liars ask often. */
export const QUIET_MS = 60_000;
/** A key that was taken away counts no longer than this, */
export const KEPT_MS = 10 * 60_000;
/** or this, while the issuer does not answer: builds should not feel each of its faults. */
export const STALE_MS = 60 * 60_000;

interface Known {
  /** When they were asked for, and when they came. */
  at: number;
  since: number;
  keys: ReturnType<typeof createLocalJWKSet> | { failed: Error };
}

export class KeySource {
  readonly #issuer: string;
  readonly #clock: () => number;
  readonly #timeout: number;
  #known: Known | undefined;
  #asking: Promise<Known> | undefined;

  /** `clock` in milliseconds that only grow; `timeout` in milliseconds, for both documents together. */
  constructor(issuer: string, clock: () => number, timeout = TIMEOUT_MS) {
    this.#issuer = issuer;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** As jose asks for the key of a token. Throws `CREDENTIAL_REFUSED` where the keys are not to be had, and jose's error for none. */
  readonly keyOf: JWTVerifyGetKey = async (header, token) => {
    const known = await this.#keys(KEPT_MS);
    try {
      return await use(known)(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      return await use(await this.#keys(QUIET_MS))(header, token);
    }
  };

  /** What is known, if it is younger than `age`; a failure is known for the quiet time. */
  async #keys(age: number): Promise<Known> {
    const known = this.#known;
    if (known !== undefined) {
      const allowed = 'failed' in known.keys ? QUIET_MS : age;
      if (this.#clock() - known.at < allowed) return known;
    }
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return await this.#asking;
  }

  async #ask(): Promise<Known> {
    const signal = AbortSignal.timeout(this.#timeout);
    let keys: Known['keys'];
    try {
      const { issuer, jwks_uri: place } = (await getJson(discoveryOf(this.#issuer), signal)) as {
        issuer?: unknown;
        jwks_uri?: unknown;
      };
      if (issuer !== this.#issuer) throw new Error('its discovery document is of another issuer');
      if (typeof place !== 'string' || !isPlace(place, this.#issuer))
        throw new Error('it names no place of its keys');
      keys = createLocalJWKSet(bounded(await getJson(place, signal)));
    } catch (error) {
      const why = `the keys of ${this.#issuer} are not to be had: ${reasonOf(error)}`;
      keys = { failed: fault('CREDENTIAL_REFUSED', { why }, { cause: error }) };
    }
    const now = this.#clock();
    const before = this.#known;
    const isOutage = 'failed' in keys && before !== undefined && now - before.since < STALE_MS;
    this.#known = isOutage ? { ...before, at: now } : { at: now, since: now, keys };
    return this.#known;
  }
}

function use({ keys }: Known): ReturnType<typeof createLocalJWKSet> {
  if ('failed' in keys) throw keys.failed;
  return keys;
}

function discoveryOf(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** Keys over plain HTTP only from where the issuer itself speaks it. */
function isPlace(place: string, issuer: string): boolean {
  const url = URL.parse(place);
  if (url === null || url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || url.origin === new URL(issuer).origin;
}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    // Leaving the loop cancels the rest.
    if (bytes > MOST_BYTES) throw new Error(`${url} has more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (typeof value !== 'object' || value === null) throw new Error(`${url} has no JSON object`);
  return value;
}

function bounded(value: unknown): JSONWebKeySet {
  const { keys } = value as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0) throw new Error('there are no keys');
  if (keys.length > MOST_KEYS) throw new Error(`there are more than ${MOST_KEYS} keys`);
  return { keys };
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message} (${cause.message})` : message;
}
