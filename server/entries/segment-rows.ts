/**
 * Where segments' stored bytes are: from the index, and where that has forgotten, from the trailers of the stored objects
 * themselves. `locate` believes the index (for layouts, which are hints); `present` asks the store about each (for what a
 * commit or a "have it" rests on).
 */
import { buffer } from 'node:stream/consumers';
import { LRUCache } from 'lru-cache';
import type { Digest } from '#protocol/format/manifest.ts';
import { segmentObject } from '#protocol/format/object-name.ts';
import { readTrailer, TRAILER_BYTES, TRAILER_VERSION } from '#protocol/format/trailer.ts';
import type { SegmentRow } from '../index/entry-index.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { mapAtMost } from './at-most.ts';
import type { Condemned } from './condemned.ts';
import type { EntryParts } from './parts.ts';
import type { SegmentCheck } from './segment-check.ts';

/**
 * What a condemned segment is for who asks: there as any other, for who reads; not there, for who can send it; put again, for who
 * commits and was perhaps told "have it" before it was condemned.
 */
type WhenCondemned = 'there' | 'lacks' | 'renewed';

/** Rows that are remembered, some 500 bytes each. */
const REMEMBERED = 20_000;

/** Questions to the store at once, for one request. */
const WIDTH = 32;

export class SegmentRows {
  readonly #parts: EntryParts;
  readonly #check: SegmentCheck;
  readonly #condemned: Condemned;
  readonly #remembered = new LRUCache<string, SegmentRow>({ max: REMEMBERED });

  constructor(parts: EntryParts, check: SegmentCheck, condemned: Condemned) {
    this.#parts = parts;
    this.#check = check;
    this.#condemned = condemned;
  }

  /**
   * As {@link locate}, for who reads it in the version that its row names: what is remembered by identity may be as old as it
   * likes then. Who finds it otherwise says so by {@link forget}.
   */
  async toRead(domain: string, identity: Digest): Promise<SegmentRow | undefined> {
    const key = `${domain} ${identity}`;
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const row = (await this.locate(domain, [identity])).get(identity);
    if (row?.etag !== undefined) this.#remembered.set(key, row);
    return row;
  }

  forget(domain: string, identity: Digest): void {
    this.#remembered.delete(`${domain} ${identity}`);
  }

  /** Rows of those that are there, as far as the index knows; the others are looked for in the store. */
  async locate(domain: string, identities: readonly Digest[]): Promise<Map<Digest, SegmentRow>> {
    const distinct = [...new Set(identities)];
    const rows = await this.#parts.index.segments(domain, distinct);
    const unknown = distinct.filter((identity) => !rows.has(identity));
    const found = await mapAtMost(WIDTH, unknown, async (identity) => {
      const head = await this.#parts.store.head(segmentObject(domain, identity));
      return head === undefined ? undefined : await this.#fromTrailer(domain, identity, head);
    });
    return await this.#learn(domain, rows, found);
  }

  /**
   * Rows of those that the store has now, in the version that was verified; none that is suspected. What may have been lost with
   * the machine is read and verified first. `fresh` asks the store anew what is condemned.
   */
  async present(
    domain: string,
    identities: readonly Digest[],
    whenCondemned: WhenCondemned = 'there',
    { fresh = false } = {},
  ): Promise<Map<Digest, SegmentRow>> {
    const distinct = [...new Set(identities)];
    // Before any segment is looked at: see Condemned.
    const isCondemned =
      whenCondemned === 'there' ? undefined : await this.#condemned.of(domain, 'segments', { fresh });
    const known = await this.#parts.index.segments(domain, distinct);
    const rows = new Map<Digest, SegmentRow>();
    const found = await mapAtMost(WIDTH, distinct, async (identity) => {
      const name = segmentObject(domain, identity);
      if (this.#check.isSuspected(name)) return undefined;
      const head = await this.#parts.store.head(name);
      const row = known.get(identity);
      if (head === undefined) {
        if (row !== undefined) await this.#check.examine(domain, identity);
        return undefined;
      }
      if (isCondemned?.(identity, head.modified)) {
        return whenCondemned === 'lacks' ? undefined : await this.#check.renew(domain, identity);
      }
      if (this.#check.isUnread(name, head.modified)) return await this.#check.examine(domain, identity);
      if (row === undefined) return await this.#fromTrailer(domain, identity, head);
      if (row.length === head.size && row.etag === head.etag) rows.set(identity, row);
      // Somebody else wrote it: what it holds is anybody's guess.
      else return await this.#check.examine(domain, identity);
      return undefined;
    });
    return await this.#learn(domain, rows, found);
  }

  async #learn(
    domain: string,
    rows: Map<Digest, SegmentRow>,
    found: (SegmentRow | undefined)[],
  ): Promise<Map<Digest, SegmentRow>> {
    const learnt = found.filter((row) => row !== undefined);
    if (learnt.length > 0) await this.#parts.index.putSegments(domain, learnt);
    for (const row of learnt) rows.set(row.identity, row);
    return rows;
  }

  // An object whose trailer is not right is looked at whole, which quarantines it.
  async #fromTrailer(domain: string, identity: Digest, head: ObjectHead): Promise<SegmentRow | undefined> {
    const start = Math.max(0, head.size - TRAILER_BYTES);
    const stream = await this.#parts.store.read(head.name, start, head.size, { ifMatch: head.etag });
    if (stream === undefined || stream === 'changed') return await this.#check.examine(domain, identity);
    const trailer = readTrailer(await buffer(stream));
    if (
      trailer?.version !== TRAILER_VERSION ||
      trailer.identity !== identity ||
      trailer.frameLength !== head.size - TRAILER_BYTES
    ) {
      return await this.#check.examine(domain, identity);
    }
    return { identity, raw: trailer.raw, length: head.size, digest: trailer.digest, etag: head.etag };
  }
}
