/**
 * Static tokens: who holds one may what its record says. Records are objects in the store, `auth/tokens/<id>.json`, the only truth
 * and one for all replicas; each remembers what it has read for {@link MEMORY_MS}, so that a revocation counts soon.
 *
 * A record is signed as manifests are: who can write to the bucket, but has not the server's key, cannot make himself a token.
 */
import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import { TOKENS_PREFIX, tokenObject } from '#protocol/format/object-name.ts';
import { isProject } from '#protocol/format/scope.ts';
import { type Signature, signBytes, verifyBytes } from '#protocol/format/signature.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { AdminToken, AdminTokenRequest } from '#protocol/wire/routes.ts';
import type { Signing } from '../signing/signing-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Allowance } from './allowance.ts';
import { isRefPattern } from './ref-pattern.ts';
import { makeToken, readToken } from './token-text.ts';

export const MEMORY_MS = 5_000;
const REMEMBERED = 10_000;
const FORMAT = 1;
/** Trusted builds write branches and tags. What untrusted ones write lies apart, so it may be called anything. */
const USUAL_WRITES = { trusted: ['refs/heads/*', 'refs/tags/*'], untrusted: ['refs/*'], 'read-only': [] };
/** As it stands in objects' names, without any encoding. Lower case: some file systems fold. */
const DOMAIN = /^[a-z0-9][a-z0-9._:-]{0,127}$/;

/** What is stored, beside its signature. */
interface TokenRecord extends AdminToken {
  format: typeof FORMAT;
  /** sha256 of the secret. */
  digest: string;
}

export interface TokenParts {
  store: Pick<ObjectStore, 'get' | 'put' | 'delete' | 'list' | 'now'>;
  signing: Signing;
  /** Milliseconds that only grow. */
  clock(): number;
  random(bytes: number): Buffer;
}

export class Tokens {
  readonly #parts: TokenParts;
  readonly #known = new LRUCache<string, { at: number; record: Promise<TokenRecord | undefined> }>({
    max: REMEMBERED,
  });

  constructor(parts: TokenParts) {
    this.#parts = parts;
  }

  /** `token` is its text, which is nowhere else. Throws `REQUEST_INVALID`, with the field that is wrong. */
  async create(request: AdminTokenRequest): Promise<AdminToken & { token: string }> {
    const { store, random } = this.#parts;
    const { project, tier, expiresIn } = request;
    const { domain = `static:${project.replaceAll('/', ':')}`, writes = USUAL_WRITES[tier] } = request;
    demand(isProject(project), 'project', 'a project is lower case letters, digits, . _ / and -');
    demand(DOMAIN.test(domain), 'domain', 'a domain is lower case letters, digits, . _ : and -');
    for (const write of writes)
      demand(isRefPattern(write), 'writes', `${write} is no ref, nor one with a * in it; refs/heads/* is`);
    demand(tier !== 'read-only' || writes.length === 0, 'writes', 'who only reads writes no ref');
    demand(tier === 'read-only' || writes.length > 0, 'writes', 'it would write nothing; that is read-only');
    const { id, digest, text } = makeToken(random);
    const now = await store.now();
    const record: TokenRecord = {
      format: FORMAT,
      id,
      digest,
      domain,
      project,
      tier,
      writes,
      created: new Date(now).toISOString(),
      ...(expiresIn === undefined ? {} : { expires: new Date(now + expiresIn * 1000).toISOString() }),
    };
    const put = await store.put(tokenObject(id), this.#encode(record), { ifAbsent: true, durable: true });
    if (put === 'exists') throw fault('STORE_FAILED', { why: `${tokenObject(id)} is there already` });
    return { ...describe(record), token: text };
  }

  /** All of them, the oldest first. */
  async list(): Promise<AdminToken[]> {
    const found: AdminToken[] = [];
    for await (const { name } of this.#parts.store.list(TOKENS_PREFIX)) {
      const record = await this.#read(name);
      if (record !== undefined) found.push(describe(record));
    }
    return found.sort((a, b) => a.created.localeCompare(b.created) || a.id.localeCompare(b.id));
  }

  /** False where there was none of that id. Other replicas know it at most {@link MEMORY_MS} longer. */
  async revoke(id: string): Promise<boolean> {
    const was = await this.#parts.store.delete(tokenObject(id));
    this.#known.delete(id);
    return was;
  }

  /** What the token allows. Throws `CREDENTIAL_REFUSED`, and what the store throws. */
  async allowance(text: string): Promise<Allowance> {
    const token = readToken(text);
    const record = token === undefined ? undefined : await this.#find(token.id);
    // Neither tells whether there is a token of that id.
    if (token === undefined || record === undefined || !isEqual(token.digest, record.digest))
      throw fault('CREDENTIAL_REFUSED', { why: 'it is not one that this server knows' });
    const { expires, domain, project, tier, writes } = record;
    if (expires !== undefined && (await this.#parts.store.now()) >= Date.parse(expires))
      throw fault('CREDENTIAL_REFUSED', { why: `it has expired at ${expires}` });
    return { domain, project, tier, writes };
  }

  async #find(id: string): Promise<TokenRecord | undefined> {
    const now = this.#parts.clock();
    const known = this.#known.get(id);
    if (known !== undefined && now - known.at < MEMORY_MS) return await known.record;
    const record = this.#read(tokenObject(id));
    this.#known.set(id, { at: now, record });
    // A store that failed has not said that there is none.
    record.catch(() => this.#known.delete(id));
    return await record;
  }

  async #read(name: string): Promise<TokenRecord | undefined> {
    const found = await this.#parts.store.get(name);
    return found === undefined || found === 'changed' ? undefined : this.#decode(name, found.bytes);
  }

  #encode(record: TokenRecord): Buffer {
    const signature = signBytes(signedPart(record), this.#parts.signing.current);
    return canonicalBytes({ record, signature });
  }

  /** Undefined for what this server did not sign, or for another id, and for what a newer one wrote. */
  #decode(name: string, bytes: Buffer): TokenRecord | undefined {
    try {
      const { record, signature } = JSON.parse(bytes.toString()) as {
        record: TokenRecord;
        signature: Signature;
      };
      const isOurs = verifyBytes(signedPart(record), signature, this.#parts.signing.trusted);
      return isOurs && record.format === FORMAT && tokenObject(record.id) === name ? record : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Told apart from a manifest, which is signed by the same key. */
function signedPart(record: TokenRecord): Buffer {
  return Buffer.concat([Buffer.from('cachalot token\0'), canonicalBytes(record)]);
}

function describe({ id, domain, project, tier, writes, created, expires }: TokenRecord): AdminToken {
  return { id, domain, project, tier, writes, created, ...(expires === undefined ? {} : { expires }) };
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function demand(holds: boolean, field: string, why: string): void {
  if (!holds) throw fault('REQUEST_INVALID', { why }, { field });
}
