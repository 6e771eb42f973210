/**
 * Admission: one stored segment in. Verified whole by a worker, then put if absent: the first writer's bytes serve all.
 * Where the store has the segment already, its copy is compared, and replaced if it is damaged: that is how a bad
 * segment heals. A condemned one is put over, and is a version that nobody has condemned.
 */

import type { VerifiedStored } from '#protocol/format/frame.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { segmentObject } from '#protocol/format/object-name.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { Condemned } from './condemned.ts';
import type { EntryParts } from './parts.ts';
import type { SegmentCheck } from './segment-check.ts';

/** Somebody may take the copy away between two looks; each time it is somebody else's doing. */
const TRIES = 5;

export interface Admitted {
  identity: Digest;
  status: 'stored' | 'had';
  length: number;
}

export class Admission {
  readonly #parts: EntryParts;
  readonly #check: SegmentCheck;
  readonly #condemned: Condemned;

  constructor(parts: EntryParts, check: SegmentCheck, condemned: Condemned) {
    this.#parts = parts;
    this.#check = check;
    this.#condemned = condemned;
  }

  /**
   * `stored` is frame and trailer, and must hold still until it answers. `expected` is what the sender says it is. Throws
   * `SEGMENT_UNREADABLE` or `SEGMENT_DAMAGED`, and then nothing is visible.
   */
  async admit(domain: string, stored: Buffer, expected?: Digest): Promise<Admitted> {
    const verified = await this.#parts.verifier.verify(stored);
    const { identity } = verified;
    if (expected !== undefined && expected !== identity) {
      throw fault('SEGMENT_DAMAGED', { identity: expected, why: `its content is ${identity}` });
    }
    return await this.#place(domain, stored, verified);
  }

  async #place(domain: string, stored: Buffer, verified: VerifiedStored): Promise<Admitted> {
    const { store, index, observer, reach } = this.#parts;
    const { identity, raw, length, digest } = verified;
    const name = segmentObject(domain, identity);
    let healing = false;
    for (let tries = 0; tries < TRIES; tries++) {
      reach('admit-before-put');
      const first = await store.put(name, stored, { ifAbsent: true });
      const condemned = first === 'exists' && (await this.#isCondemned(domain, identity));
      const put = condemned ? await store.put(name, stored) : first;
      if (put !== 'exists') {
        reach('admit-after-put');
        await index.putSegments(domain, [{ identity, raw, length, digest, etag: put.etag }]);
        this.#check.sawWhole(name);
        if (healing) observer.healed(identity);
        return { identity, status: 'stored', length };
      }
      const held = await this.#check.holds(name, stored);
      if (held === undefined) continue;
      if (held !== 'other') {
        await index.putSegments(domain, [{ identity, raw, length, digest, etag: held.etag }]);
        this.#check.sawWhole(name);
        return { identity, status: 'had', length };
      }
      // Other bytes: another compression of the same content, or damage.
      const row = await this.#check.examine(domain, identity);
      if (row !== undefined) return { identity, status: 'had', length: row.length };
      healing = true;
    }
    throw fault('STORE_FAILED', { why: `${name} is taken away as fast as it is put` });
  }

  async #isCondemned(domain: string, identity: Digest): Promise<boolean> {
    const isCondemned = await this.#condemned.of(domain, 'segments');
    const head = await this.#parts.store.head(segmentObject(domain, identity));
    return head !== undefined && isCondemned(identity, head.modified);
  }
}
