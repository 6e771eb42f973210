/**
 * Details: the sorted lines behind an input's digest, and packed times, stored once by the sha256 of their bytes. They are sent
 * without a save session, so one that is sent again and is not young is put again: retention leaves it alone until the commit.
 */
import { sha256 } from '#protocol/format/digest.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { detailObject, quarantineObject } from '#protocol/format/object-name.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { StoredObject } from '../store/object-store.ts';
import { mapAtMost } from './at-most.ts';
import type { Condemned } from './condemned.ts';
import { LIFETIMES } from './lifetimes.ts';
import type { EntryParts } from './parts.ts';

const WIDTH = 32;

export class Details {
  readonly #parts: EntryParts;
  readonly #condemned: Condemned;

  constructor(parts: EntryParts, condemned: Condemned) {
    this.#parts = parts;
    this.#condemned = condemned;
  }

  /** Throws `REQUEST_INVALID` where the bytes are not what the digest says; nothing is visible then. */
  async put(domain: string, digest: Digest, bytes: Buffer): Promise<'stored' | 'had'> {
    if (bytes.length > LIMITS.detailBytes) throw fault('REQUEST_TOO_LARGE', { limit: LIMITS.detailBytes });
    if (sha256(bytes) !== digest) {
      throw fault(
        'REQUEST_INVALID',
        { why: 'the body has another sha256 than its path says' },
        { field: 'digest' },
      );
    }
    // Reading it back is what tells a damaged copy, which is taken away, from one that can stay.
    const { store, lifetimes = LIFETIMES } = this.#parts;
    const held = await this.#sound(domain, digest);
    if (held !== undefined && (await store.now()) - held.modified < lifetimes.session) return 'had';
    await store.put(detailObject(domain, digest), bytes);
    return held === undefined ? 'stored' : 'had';
  }

  /** Undefined where it is not there, or not what its name says: then it is quarantined. */
  async get(domain: string, digest: Digest): Promise<Buffer | undefined> {
    return (await this.#sound(domain, digest))?.bytes;
  }

  async #sound(domain: string, digest: Digest): Promise<StoredObject | undefined> {
    const { store, observer } = this.#parts;
    const name = detailObject(domain, digest);
    const found = await store.get(name);
    if (found === undefined || found === 'changed') return undefined;
    if (sha256(found.bytes) === digest) return found;
    observer.damaged(digest, 'the detail has another sha256');
    await store.put(quarantineObject(name, await store.now()), found.bytes);
    await store.delete(name, { ifMatch: found.etag });
    return undefined;
  }

  /** The first of these that the store does not have. `renewing` puts what is condemned once more. */
  async firstMissing(
    domain: string,
    digests: readonly Digest[],
    { renewing = false, fresh = false } = {},
  ): Promise<Digest | undefined> {
    const distinct = [...new Set(digests)];
    if (distinct.length === 0) return undefined;
    const isCondemned = renewing ? await this.#condemned.of(domain, 'details', { fresh }) : undefined;
    const there = await mapAtMost(WIDTH, distinct, async (digest) => {
      const head = await this.#parts.store.head(detailObject(domain, digest));
      if (head === undefined) return false;
      return isCondemned?.(digest, head.modified) ? await this.#renew(domain, digest) : true;
    });
    return distinct.find((_, at) => !there[at]);
  }

  async #renew(domain: string, digest: Digest): Promise<boolean> {
    const found = await this.#sound(domain, digest);
    if (found === undefined) return false;
    await this.#parts.store.put(detailObject(domain, digest), found.bytes);
    return true;
  }
}
