/**
 * Retirement: an entry leaves, and its key is free again. Its manifest is copied to `retired/` and deleted in the version
 * that was judged, the index forgets it. Whoever finds an entry that is not whole retires it; so does who removes it.
 *
 * Changes to one entry's objects wait for each other (`locks`): a retirement never takes the lists of a newer commit.
 */
import { refsObject, retiredObject, useObject } from '#protocol/format/object-name.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { NameLocks } from '../store/name-locks.ts';
import type { EntryParts } from './parts.ts';
import { entryId } from './read-manifest.ts';
import type { WholeEntries } from './whole-entry.ts';

export interface Retiring {
  domain: string;
  /** Name of the manifest's object, and the version that is meant. */
  object: string;
  etag: string;
  /** The ids under which the index may know it. */
  ids: string[];
}

export interface Retired {
  gone: boolean;
  /** Name of the copy below `retired/`; undefined where there was nothing, or no room for it. */
  copy: string | undefined;
}

export class Retirement {
  readonly #parts: EntryParts;
  readonly #known: WholeEntries;
  readonly #locks: NameLocks;

  constructor(parts: EntryParts, known: WholeEntries, locks: NameLocks) {
    this.#parts = parts;
    this.#known = known;
    this.#locks = locks;
  }

  /** What became of it: whether that version was there and is gone now, and the name of its copy. */
  async retire(entry: Retiring, why: string): Promise<Retired> {
    return await this.#locks.hold(entry.object, () => this.retireHeld(entry, why));
  }

  /** As {@link retire}, for who holds the lock on the object. */
  async retireHeld({ domain, object, etag, ids }: Retiring, why: string): Promise<Retired> {
    const { store, observer, reach } = this.#parts;
    const found = await store.get(object, { ifMatch: etag });
    const retired: Retired = { gone: false, copy: undefined };
    if (found !== undefined && found !== 'changed') {
      retired.copy = await this.#keepAside(object, found.bytes);
      reach('retire-copied');
      retired.gone = await store.delete(object, { ifMatch: etag });
      reach('retire-deleted');
      if (retired.gone) {
        await store.delete(refsObject(object));
        await store.delete(useObject(object));
        observer.retired(object, why);
      }
      await this.forget({ domain, object }, entryId(found.bytes));
    }
    for (const id of ids) await this.forget({ domain, object }, id);
    return retired;
  }

  /**
   * The index and the memory of this process forget the entry that they know in this place; nothing in the store changes. A
   * manifest that somebody has copied elsewhere has the same id, and must not take the true one with it.
   */
  async forget({ domain, object }: { domain: string; object: string }, id: string): Promise<void> {
    if (this.#known.peek(id)?.object === object) this.#known.delete(id);
    const row = await this.#parts.index.byId(domain, id);
    if (row?.object === object) await this.#parts.index.remove(domain, id);
  }

  async #keepAside(object: string, bytes: Buffer): Promise<string | undefined> {
    const { store, observer } = this.#parts;
    const copy = retiredObject(object, await store.now());
    try {
      await store.put(copy, bytes);
      return copy;
    } catch (error) {
      // No room to keep it for inspection: the key's freedom matters more.
      if (!isFault(error, 'STORE_FULL')) throw error;
      observer.failed('keeping a retired manifest', error);
      return undefined;
    }
  }
}
