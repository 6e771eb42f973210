/**
 * Records of credentials that this server has made: objects in the store, the only truth and one for all replicas. Each remembers what
 * it has read for {@link MEMORY_MS}, so that a revocation counts soon.
 *
 * A record is signed as manifests are: who can write to the bucket, but has not the server's key, cannot make himself a credential.
 */
import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import { type Signature, signBytes, verifyBytes } from '#protocol/format/signature.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { Signing } from '../signing/signing-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Allowance } from './allowance.ts';
import { type CredentialKind, readCredential } from './credential-text.ts';

export const MEMORY_MS = 5_000;
const REMEMBERED = 10_000;
const FORMAT = 1;

/** What is stored, beside its signature. */
export interface CredentialRecord extends Allowance {
  id: string;
  /** sha256 of the secret, in hexadecimal. */
  digest: string;
  /** ISO 8601, by the store's clock. */
  created: string;
  expires?: string;
}

export interface RecordParts {
  store: Pick<ObjectStore, 'get' | 'put' | 'delete' | 'list' | 'now'>;
  signing: Signing;
  /** Milliseconds that only grow. */
  clock(): number;
  random(bytes: number): Buffer;
}

export class CredentialRecords {
  readonly #parts: RecordParts;
  readonly #kind: CredentialKind;
  readonly #prefix: string;
  readonly #known = new LRUCache<string, { at: number; record: Promise<CredentialRecord | undefined> }>({
    max: REMEMBERED,
  });

  /** `prefix` is where their objects lie. */
  constructor(parts: RecordParts, kind: CredentialKind, prefix: string) {
    this.#parts = parts;
    this.#kind = kind;
    this.#prefix = prefix;
  }

  async create(record: CredentialRecord): Promise<void> {
    const stored = { ...record, format: FORMAT };
    const signature = signBytes(this.#signedPart(stored), this.#parts.signing.current);
    const name = this.#objectOf(record.id);
    const bytes = canonicalBytes({ record: stored, signature });
    if ((await this.#parts.store.put(name, bytes, { ifAbsent: true, durable: true })) === 'exists')
      throw fault('STORE_FAILED', { why: `${name} is there already` });
  }

  async *all(): AsyncGenerator<CredentialRecord> {
    for await (const { name } of this.#parts.store.list(this.#prefix)) {
      const record = await this.#read(name);
      if (record !== undefined) yield record;
    }
  }

  /** False where there was none of that id. Other replicas know it at most {@link MEMORY_MS} longer. */
  async revoke(id: string): Promise<boolean> {
    const was = await this.#parts.store.delete(this.#objectOf(id));
    this.#known.delete(id);
    return was;
  }

  /** The record of a credential, by its text. Throws `CREDENTIAL_REFUSED`, and what the store throws. */
  async find(text: string): Promise<CredentialRecord> {
    const credential = readCredential(text);
    const record =
      credential === undefined || credential.kind !== this.#kind
        ? undefined
        : await this.#remembered(credential.id);
    // Neither tells whether there is one of that id.
    if (credential === undefined || record === undefined || !isEqual(credential.digest, record.digest))
      throw fault('CREDENTIAL_REFUSED', { why: 'it is not one that this server knows' });
    const { expires } = record;
    if (expires !== undefined && (await this.#parts.store.now()) >= Date.parse(expires))
      throw fault('CREDENTIAL_REFUSED', { why: `it has expired at ${expires}` });
    return record;
  }

  async #remembered(id: string): Promise<CredentialRecord | undefined> {
    const now = this.#parts.clock();
    const known = this.#known.get(id);
    if (known !== undefined && now - known.at < MEMORY_MS) return await known.record;
    const record = this.#read(this.#objectOf(id));
    this.#known.set(id, { at: now, record });
    // A store that failed has not said that there is none.
    record.catch(() => this.#known.delete(id));
    return await record;
  }

  /** Undefined for what this server did not sign, or for another id, and for what a newer one wrote. */
  async #read(name: string): Promise<CredentialRecord | undefined> {
    const found = await this.#parts.store.get(name);
    if (found === undefined || found === 'changed') return undefined;
    try {
      const { record, signature } = JSON.parse(found.bytes.toString()) as {
        record: CredentialRecord & { format: number };
        signature: Signature;
      };
      const isOurs = verifyBytes(this.#signedPart(record), signature, this.#parts.signing.trusted);
      return isOurs && record.format === FORMAT && this.#objectOf(record.id) === name ? record : undefined;
    } catch {
      return undefined;
    }
  }

  #objectOf(id: string): string {
    return `${this.#prefix}${id}.json`;
  }

  /** Told apart from a manifest, and from the other kind, which are signed by the same key. */
  #signedPart(record: object): Buffer {
    return Buffer.concat([Buffer.from(`cachalot ${this.#kind}\0`), canonicalBytes(record)]);
  }
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
