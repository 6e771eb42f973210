/**
 * The hot tier: an object store in front of a bucket that keeps copies of segments near, on local disk and in memory.
 *
 * **What is served from here** are runs of segments, by `read` in a version (`ifMatch`) and with the object's size: that is how
 * archives and segments go to runners. A segment is named by the sha256 of its content and a version by its etag, so a copy cannot be
 * stale. It is verified (copy-check.ts) when it is moved here from the bucket, and, once in each process, when it is first read from
 * disk; afterwards serving hashes nothing.
 *
 * **What is not**: everything that decides. `head` and `list` say what is present, and with the index' rows whether there is a hit;
 * `get` is how a segment or a detail is looked at (examined, compared, scrubbed, quarantined). They ask the bucket itself, always.
 * Would a copy answer, then damage in the bucket could not be found while the copy is good, a good object could be quarantined because
 * its copy is bad, and a hole would be covered up on this replica alone. Details are therefore not kept here: all who read
 * them are also the judges of the bucket's object.
 *
 * **What the bucket has lost** is served only as what it was, in that version, to those whose rows still name it. A deletion or another version that
 * passes through here takes the copy with it; what happens elsewhere (another replica sweeps, somebody empties the bucket) is noticed
 * because a copy in use is compared with the bucket's `head` every hour, and the first time that it is used after a start. Then the
 * copy goes, the next reader finds the hole, and the entry is retired as without a hot tier.
 *
 * **A put writes through**: first the bucket, which is the truth, then the disk, because the next job wants what this one has just saved. Such a copy is
 * verified at its first read, like those of an earlier process: the save need not wait for a hash that its segment has
 * already been through. Many puts at once leave some copies out rather than wait for the disk.
 *
 * **A miss** moves the whole object once, however many ask for it (single flight), within a bound of memory. Readers follow it while it comes, as far as
 * the memory tier lends the memory that it is in, and get the end of what they asked for when it is verified (arrival.ts); else they wait, and are
 * served from disk. What does not verify is not taken: it breaks the answers of those who followed it, and is read from the bucket as
 * ever by those who come later: who reads it finds the damage, and the server examines the bucket's object.
 */
import type { Readable } from 'node:stream';
import { LIMITS } from '#protocol/format/limits.ts';
import { LargeChunks, ObjectRange } from '../object-file.ts';
import type { Into, ObjectHead, ObjectStore, StoredObject } from '../object-store.ts';
import { Confirmation } from './confirmation.ts';
import { LentRange } from './lent-range.ts';
import { type Moved, Moves, type Wanted } from './moves.ts';
import type { HotStoreParts } from './parts.ts';
import { Recent } from './recent.ts';

/** A second reader within this time makes a segment a favourite: jobs of one pipeline start within it. */
const FAVOURITE_MS = 60_000;
/** Puts whose copies are being written. */
const PUTS_AT_ONCE = 16;

type Answer<T> = T | 'changed' | undefined;

export class HotStore implements ObjectStore {
  readonly atomicCreate: boolean;
  readonly doubtedBefore: number;
  readonly presign?: NonNullable<ObjectStore['presign']>;
  readonly #parts: HotStoreParts;
  readonly #recent: Recent;
  readonly #confirmation: Confirmation;
  readonly #moves: Moves;
  readonly #large = new LargeChunks();
  #puts = 0;

  constructor(parts: HotStoreParts) {
    const { bucket, clock } = parts;
    this.#parts = parts;
    this.atomicCreate = bucket.atomicCreate;
    this.doubtedBefore = bucket.doubtedBefore;
    if (bucket.presign !== undefined) this.presign = bucket.presign.bind(bucket);
    this.#recent = new Recent(FAVOURITE_MS, clock);
    this.#confirmation = new Confirmation({
      bucket,
      clock,
      onOther: (name, etag) => this.#dropOthers(name, etag),
    });
    this.#moves = new Moves(parts, this.#confirmation);
  }

  now(): Promise<number> {
    return this.#parts.bucket.now();
  }

  head(name: string): Promise<ObjectHead | undefined> {
    return this.#parts.bucket.head(name);
  }

  get(name: string, options?: { ifMatch?: string; into?: Into }): Promise<Answer<StoredObject>> {
    return this.#parts.bucket.get(name, options);
  }

  list(prefix: string): AsyncIterable<ObjectHead> {
    return this.#parts.bucket.list(prefix);
  }

  async read(
    name: string,
    start: number,
    end: number,
    options: { ifMatch?: string; size?: number } = {},
  ): Promise<Answer<Readable>> {
    const { ifMatch: etag, size } = options;
    const { bucket, memory, observer } = this.#parts;
    if (!isKept(name) || etag === undefined || size === undefined || size > LIMITS.segmentStored)
      return await bucket.read(name, start, end, options);
    // A reader who takes it in several runs is one reader.
    const favourite = start === 0 && this.#recent.again(name) && memory.hasRoom(size);
    const lent = memory.lend(name, etag);
    if (lent !== undefined) {
      observer.served('memory', end - start);
      this.#confirmation.used(name, etag);
      return new LentRange(lent, start, end);
    }
    const disk = this.#parts.disk?.takes(size) ? this.#parts.disk : undefined;
    if (disk?.has(name, etag) === 'checked' && !favourite) {
      const found = await this.#fromDisk(name, start, end, etag);
      if (found !== undefined) {
        observer.served('disk', end - start);
        this.#confirmation.used(name, etag);
        return found;
      }
    }
    if ((disk === undefined && !favourite) || this.#moves.isRefused(name, etag)) {
      observer.served('bucket', end - start);
      return await bucket.read(name, start, end, options);
    }
    return await this.#moving({ name, etag, size, favourite }, start, end);
  }

  async put(
    name: string,
    bytes: Buffer,
    options?: { ifAbsent?: boolean; durable?: boolean },
  ): Promise<{ etag: string } | 'exists'> {
    const put = await this.#parts.bucket.put(name, bytes, options);
    if (put === 'exists' || !isKept(name)) return put;
    const { disk, observer } = this.#parts;
    this.#overtake(name, put.etag);
    if (disk === undefined) return put;
    if (this.#puts >= PUTS_AT_ONCE) {
      observer.refused('busy');
      await disk.drop(name);
      return put;
    }
    this.#puts += 1;
    try {
      if (await disk.place(name, put.etag, bytes, false)) this.#confirmation.note(name, put.etag);
    } finally {
      this.#puts -= 1;
    }
    return put;
  }

  async putStream(
    name: string,
    source: AsyncIterable<Uint8Array>,
    options?: { expected?: number; durable?: boolean },
  ): Promise<{ etag: string; size: number }> {
    const put = await this.#parts.bucket.putStream(name, source, options);
    if (isKept(name)) await this.#dropOthers(name, put.etag);
    return put;
  }

  async delete(name: string, options?: { ifMatch?: string; modified?: number }): Promise<boolean> {
    const deleted = await this.#parts.bucket.delete(name, options);
    if (deleted && isKept(name)) await this.#dropOthers(name, undefined);
    return deleted;
  }

  async file(name: string, etag: string | undefined): Promise<string | undefined> {
    const { bucket, disk } = this.#parts;
    if (etag === undefined || disk === undefined) return await bucket.file?.(name, etag);
    const path = disk.path(name, etag);
    if (path !== undefined) this.#confirmation.used(name, etag);
    return path;
  }

  async close(): Promise<void> {
    await this.#moves.settled();
    await this.#parts.disk?.close();
    await this.#parts.bucket.close();
  }

  async #moving(wanted: Wanted, start: number, end: number): Promise<Answer<Readable>> {
    const { name, etag } = wanted;
    const { bucket, observer } = this.#parts;
    return await this.#moves.share(wanted, async (outcome) => {
      if (outcome === undefined || outcome === 'changed') return outcome;
      if (outcome !== 'refused' && 'arrival' in outcome) {
        observer.served('bucket', end - start);
        return new LentRange(outcome.lent.again(), start, end, outcome.arrival);
      }
      const found = outcome === 'refused' ? undefined : await this.#fromMove(outcome, name, start, end, etag);
      observer.served(found === undefined || outcome === 'refused' ? 'bucket' : outcome.from, end - start);
      return found ?? (await bucket.read(name, start, end, { ifMatch: etag }));
    });
  }

  async #fromMove(
    { lent, placed }: Moved,
    name: string,
    start: number,
    end: number,
    etag: string,
  ): Promise<Readable | undefined> {
    if (lent !== undefined) return new LentRange(lent.again(), start, end);
    return (await placed) ? await this.#fromDisk(name, start, end, etag) : undefined;
  }

  async #fromDisk(name: string, start: number, end: number, etag: string): Promise<Readable | undefined> {
    const file = await this.#parts.disk?.open(name, etag);
    return file === undefined ? undefined : new ObjectRange(file, start, end, this.#large);
  }

  /** Takes away every copy that is not that version. */
  async #dropOthers(name: string, etag: string | undefined): Promise<void> {
    const { disk } = this.#parts;
    this.#overtake(name, etag);
    if (etag === undefined || disk?.has(name, etag) === undefined) await disk?.drop(name);
  }

  #overtake(name: string, by: string | undefined): void {
    const { memory } = this.#parts;
    if (by === undefined) memory.drop(name);
    else memory.dropOthers(name, by);
    this.#moves.overtake(name, by);
  }
}

function isKept(name: string): boolean {
  return name.startsWith('segments/');
}
