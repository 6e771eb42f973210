/**
 * Whether a miss of the index is a miss of the cache. It is while the index bears the epoch of a completed reindex. Otherwise
 * the store is asked, and one reindex is queued.
 *
 * One rule keeps that true, for one process and for many on one index: **whoever knows that the index was not told of
 * something takes its epoch away** (`doubt`), and until he has done it he does not trust it himself. It suffices because
 *
 * - the epoch is the only thing that makes anybody believe a miss, and all of them read the same one;
 * - `doubt` also spoils a reindex that is under way, which may have passed the place already; the next one begins after it;
 * - rows that nobody knows to be missing went with the server that had them, and then the epoch does not count (entry-index.ts);
 * - a process that dies between a manifest and its row leaves an entry that misses, as before the commit. The next save of
 *   its key finds the manifest in the store and tells the index. The same holds for one that dies while it still has to
 *   take the epoch away.
 *
 * So what can go wrong is a miss for an entry that is there, for a while. It is never a hit for one that is not: a row is no
 * proof, the manifest is read.
 */
import { isFault } from '#protocol/wire/errors.ts';
import type { EntryParts } from './parts.ts';

export const REINDEX = { name: 'reindex', id: 'reindex', data: {} } as const;

export class IndexTrust {
  readonly #parts: Pick<EntryParts, 'index' | 'queue' | 'observer'>;
  /** How often the index was not told of something, and for how many of these its epoch was taken away since. */
  #missed = 0;
  #avowed = 0;
  #isAsking = false;

  constructor(parts: Pick<EntryParts, 'index' | 'queue' | 'observer'>) {
    this.#parts = parts;
  }

  /** Where it says no, a reindex has been asked for. */
  async holds(): Promise<boolean> {
    try {
      if (this.#hasMissed) await this.#takeEpochAway();
      if ((await this.#parts.index.epoch()) !== undefined) return true;
    } catch (error) {
      if (!isFault(error, 'INDEX_FAILED')) throw error;
    }
    this.#ask();
    return false;
  }

  /** The store has changed and the index could not be told, or may not have been. */
  async distrust(): Promise<void> {
    this.#missed++;
    try {
      await this.#takeEpochAway();
    } catch (error) {
      if (!isFault(error, 'INDEX_FAILED')) throw error;
    }
    // As long as the epoch stands there is nothing to rebuild.
    if (!this.#hasMissed) this.#ask();
  }

  /** Runs a reindex, unless the index has been rebuilt since it was asked for. */
  async rebuild(reindex: () => Promise<void>): Promise<void> {
    if (this.#hasMissed) await this.#takeEpochAway();
    if ((await this.#parts.index.epoch()) === undefined) await reindex();
  }

  get #hasMissed(): boolean {
    return this.#avowed < this.#missed;
  }

  async #takeEpochAway(): Promise<void> {
    const missed = this.#missed;
    await this.#parts.index.doubt();
    this.#avowed = Math.max(this.#avowed, missed);
  }

  // Nobody waits for it: the queue may be as far away as the index. One question at a time is enough.
  #ask(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { queue, observer } = this.#parts;
    queue
      .add(REINDEX)
      .catch((error: unknown) => observer.failed('asking for a reindex', error))
      .finally(() => {
        this.#isAsking = false;
      });
  }
}
