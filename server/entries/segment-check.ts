/**
 * Which stored segments may be relied on. A segment is verified when it is admitted; after that it is doubted only
 *
 * - where the machine stopped before its bytes were surely on disk (the store says until when): at its first read,
 * - where the store holds another version of it than the index knows: somebody else wrote it,
 * - where a reader reported it, or another segment of its entry: until it has been looked at, nobody is told "have it".
 *
 * What fails is quarantined: its bytes are kept aside, its name is free, and the next save brings it again.
 */
import { LIMITS } from '#protocol/format/limits.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { quarantineObject, segmentObject } from '#protocol/format/object-name.ts';
import { fault, isFault } from '#protocol/wire/errors.ts';
import type { SegmentRow } from '../index/entry-index.ts';
import { NameLocks } from '../store/name-locks.ts';
import { ByteBudget } from './byte-budget.ts';
import { letGo } from './let-go.ts';
import type { EntryParts } from './parts.ts';

/** How many identities are remembered as looked at since the start; beyond that they are looked at once more. */
const REMEMBERED = 200_000;

export class SegmentCheck {
  readonly #parts: EntryParts;
  readonly #onLoss: () => void;
  readonly #looking = new NameLocks();
  /** Whole segments in memory, for this alone. */
  readonly #memory = new ByteBudget(2 * LIMITS.segmentStored);
  readonly #seen = new Set<string>();
  readonly #suspected = new Map<string, number>();
  #losses = 0;

  /** `onLoss` is called when a segment has been taken away: what is remembered of entries may be wrong then. */
  constructor(parts: EntryParts, onLoss: () => void) {
    this.#parts = parts;
    this.#onLoss = onLoss;
  }

  /** Grows with each segment that is taken away. */
  get losses(): number {
    return this.#losses;
  }

  /** Whether its bytes may have been lost with the machine, and have not been looked at since. `modified` as of its head. */
  isUnread(name: string, modified: number): boolean {
    return modified < this.#parts.store.doubtedBefore && !this.#seen.has(name);
  }

  /** Somebody is looking at it because a reader found damage near it. */
  isSuspected(name: string): boolean {
    return this.#suspected.has(name);
  }

  /** Whether any segment is in doubt for the machine's sake; spares the others a question to the store. */
  get anyUnread(): boolean {
    return this.#parts.store.doubtedBefore > 0;
  }

  /** Runs `work` while none of the segments counts as present. */
  async suspecting<T>(domain: string, identities: readonly Digest[], work: () => Promise<T>): Promise<T> {
    const names = identities.map((identity) => segmentObject(domain, identity));
    for (const name of names) this.#suspected.set(name, (this.#suspected.get(name) ?? 0) + 1);
    try {
      return await work();
    } finally {
      for (const name of names) {
        const others = (this.#suspected.get(name) ?? 1) - 1;
        if (others === 0) this.#suspected.delete(name);
        else this.#suspected.set(name, others);
      }
    }
  }

  /** It has just been verified on its way in. */
  sawWhole(name: string): void {
    if (this.#parts.store.doubtedBefore === 0) return;
    if (this.#seen.size >= REMEMBERED) this.#seen.clear();
    this.#seen.add(name);
  }

  /**
   * Reads the segment whole and verifies it. Its row, or undefined where it is not there (any more): bad bytes have then been
   * quarantined. Throws what the store or the verifier throws for reasons of their own.
   */
  async examine(domain: string, identity: Digest): Promise<SegmentRow | undefined> {
    const name = segmentObject(domain, identity);
    return await this.#looking.hold(name, async () => {
      const head = await this.#parts.store.head(name);
      if (head === undefined) return await this.#absent(domain, identity);
      const release = await this.#memory.reserve(head.size);
      try {
        return await this.#lookAt(domain, identity, name);
      } finally {
        release();
      }
    });
  }

  /**
   * Puts a condemned segment once more: a version that is not. Verified first; its row, or undefined where it is not there (any
   * more).
   */
  async renew(domain: string, identity: Digest): Promise<SegmentRow | undefined> {
    const row = await this.examine(domain, identity);
    if (row === undefined) return undefined;
    const { store, index } = this.#parts;
    const name = segmentObject(domain, identity);
    const release = await this.#memory.reserve(row.length);
    try {
      const found = await store.get(name, row.etag === undefined ? {} : { ifMatch: row.etag });
      if (found === undefined) return await this.#absent(domain, identity);
      // Somebody has put it meanwhile, verified, and that is as good.
      if (found === 'changed') return await this.examine(domain, identity);
      const put = await store.put(name, found.bytes);
      const renewed = put === 'exists' ? row : { ...row, etag: put.etag };
      await index.putSegments(domain, [renewed]);
      this.sawWhole(name);
      return renewed;
    } finally {
      release();
    }
  }

  /** Whether the store holds exactly these bytes; undefined where it holds none. */
  async holds(name: string, bytes: Buffer): Promise<{ etag: string } | 'other' | undefined> {
    const head = await this.#parts.store.head(name);
    if (head === undefined) return undefined;
    if (head.size !== bytes.length) return 'other';
    const release = await this.#memory.reserve(head.size);
    try {
      const found = await this.#parts.store.get(name);
      if (found === undefined || found === 'changed') return undefined;
      const same = found.bytes.equals(bytes);
      letGo(found.bytes);
      return same ? { etag: found.etag } : 'other';
    } finally {
      release();
    }
  }

  async #lookAt(domain: string, identity: Digest, name: string): Promise<SegmentRow | undefined> {
    const { store, index, verifier } = this.#parts;
    const found = await store.get(name);
    if (found === undefined || found === 'changed') return await this.#absent(domain, identity);
    const { etag } = found;
    try {
      if (found.bytes.length > LIMITS.segmentStored)
        throw fault('SEGMENT_UNREADABLE', { identity, why: 'it is too large' });
      const verified = await verifier.verify(found.bytes).finally(() => letGo(found.bytes));
      if (verified.identity !== identity) {
        throw fault('SEGMENT_DAMAGED', { identity, why: `it holds ${verified.identity}` });
      }
      const row = { identity, raw: verified.raw, length: verified.length, digest: verified.digest, etag };
      await index.putSegments(domain, [row]);
      this.sawWhole(name);
      return row;
    } catch (error) {
      if (!isFault(error, 'SEGMENT_DAMAGED') && !isFault(error, 'SEGMENT_UNREADABLE')) throw error;
      await this.#quarantine(domain, identity, name, etag, error.message);
      return undefined;
    }
  }

  async #quarantine(
    domain: string,
    identity: Digest,
    name: string,
    etag: string,
    why: string,
  ): Promise<void> {
    const { store, observer } = this.#parts;
    observer.damaged(identity, why);
    const found = await store.get(name, { ifMatch: etag });
    if (found !== undefined && found !== 'changed') {
      try {
        await store.put(quarantineObject(name, await store.now()), found.bytes);
      } catch (error) {
        // No room to keep it for inspection: the key's freedom matters more.
        if (!isFault(error, 'STORE_FULL')) throw error;
        observer.failed('keeping a damaged segment in quarantine', error);
      }
      await store.delete(name, { ifMatch: etag });
    }
    await this.#absent(domain, identity);
  }

  async #absent(domain: string, identity: Digest): Promise<undefined> {
    this.#losses++;
    await this.#parts.index.removeSegment(domain, identity);
    this.#onLoss();
    return undefined;
  }
}
