/**
 * Whether a miss of the index is a miss of the cache. It is while the index bears the epoch of a completed reindex, and
 * nothing has happened in this process since that the index may not have heard of. Otherwise the store is asked, and one
 * reindex is queued.
 */
import type { EntryParts } from './parts.ts';

export const REINDEX = { name: 'reindex', id: 'reindex', data: {} } as const;

export class IndexTrust {
  readonly #parts: EntryParts;
  #distrusted = 0;
  #rebuilt = 0;

  constructor(parts: EntryParts) {
    this.#parts = parts;
  }

  /** Where it says no, a reindex is under way when it returns. */
  async holds(): Promise<boolean> {
    if (this.#rebuilt === this.#distrusted && (await this.#parts.index.epoch()) !== undefined) return true;
    await this.#parts.queue.add(REINDEX);
    return false;
  }

  /** The store has changed and the index could not be told, or may not have been. */
  async distrust(): Promise<void> {
    this.#distrusted++;
    await this.#parts.queue.add(REINDEX);
  }

  /** Runs a reindex; trust is back if nothing was missed since it began. */
  async rebuild(reindex: () => Promise<void>): Promise<void> {
    const since = this.#distrusted;
    await reindex();
    this.#rebuilt = since;
  }
}
