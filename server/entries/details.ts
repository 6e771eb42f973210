/**
 * Details: the sorted lines behind an input's digest, and packed times, stored once by the sha256 of their bytes.
 */
import { sha256 } from '#protocol/format/digest.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { detailObject, quarantineObject } from '#protocol/format/object-name.ts';
import { fault } from '#protocol/wire/errors.ts';
import { mapAtMost } from './at-most.ts';
import type { EntryParts } from './parts.ts';

const WIDTH = 32;

export class Details {
  readonly #parts: EntryParts;

  constructor(parts: EntryParts) {
    this.#parts = parts;
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
    if ((await this.get(domain, digest)) !== undefined) return 'had';
    const put = await this.#parts.store.put(detailObject(domain, digest), bytes, { ifAbsent: true });
    return put === 'exists' ? 'had' : 'stored';
  }

  /** Undefined where it is not there, or not what its name says: then it is quarantined. */
  async get(domain: string, digest: Digest): Promise<Buffer | undefined> {
    const { store, observer } = this.#parts;
    const name = detailObject(domain, digest);
    const found = await store.get(name);
    if (found === undefined || found === 'changed') return undefined;
    if (sha256(found.bytes) === digest) return found.bytes;
    observer.damaged(digest, 'the detail has another sha256');
    await store.put(quarantineObject(name, await store.now()), found.bytes);
    await store.delete(name, { ifMatch: found.etag });
    return undefined;
  }

  /** The first of these that the store does not have. */
  async firstMissing(domain: string, digests: readonly Digest[]): Promise<Digest | undefined> {
    const distinct = [...new Set(digests)];
    const heads = await mapAtMost(WIDTH, distinct, (digest) =>
      this.#parts.store.head(detailObject(domain, digest)),
    );
    return distinct.find((_, at) => heads[at] === undefined);
  }
}
