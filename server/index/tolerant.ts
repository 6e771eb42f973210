/**
 * An index that may be away. Whoever reads, commits or retires entries goes on without it: what it would have said is asked of
 * the store, and what it should have been told it learns from the next reindex.
 *
 * What it holds, where the index fails (`INDEX_FAILED`):
 * - It knows no row by id and no segment's place; both have another source.
 * - It is told nothing. A row that it lacks is a miss that is none, so `onMissed` is told of it. A row that it has too many is
 *   no harm: rows are no proof of anything, and whoever follows one that leads nowhere removes it.
 *
 * Every other error is passed on, and so is this one by what has no other source, or where "nothing" would be an answer: searches, lists, totals and the epoch.
 */
import { isFault } from '#protocol/wire/errors.ts';
import type { EntryIndex } from './entry-index.ts';

/** `onMissed` is told of each row that the index could not be told. */
export function tolerant(index: EntryIndex, onMissed: () => Promise<void>): EntryIndex {
  return {
    find: (query) => index.find(query),
    byId: (domain, id) => index.byId(domain, id).catch(knowing(undefined)),
    list: (query) => index.list(query),
    put: async (row) => {
      if (!(await told(index.put(row)))) await onMissed();
    },
    remove: async (domain, id) => void (await told(index.remove(domain, id))),
    putSegments: async (domain, rows) => void (await told(index.putSegments(domain, rows))),
    segments: (domain, identities) => index.segments(domain, identities).catch(knowing(new Map())),
    removeSegment: async (domain, identity) => void (await told(index.removeSegment(domain, identity))),
    totals: (domain) => index.totals(domain),
    epoch: () => index.epoch(),
    beginEpoch: (epoch) => index.beginEpoch(epoch),
    setEpoch: (epoch) => index.setEpoch(epoch),
    doubt: () => index.doubt(),
    clear: () => index.clear(),
    close: () => index.close(),
  };
}

function knowing<T>(nothing: T): (error: unknown) => T {
  return (error) => {
    if (isFault(error, 'INDEX_FAILED')) return nothing;
    throw error;
  };
}

async function told(telling: Promise<void>): Promise<boolean> {
  return await telling.then(() => true).catch(knowing(false));
}
