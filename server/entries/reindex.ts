/**
 * The job `reindex`: reads every manifest of the store, puts a row for each into the index, and then writes the epoch that
 * makes a miss of the index a miss. Rows of entries that have gone need no care: a look-up removes them.
 */
import type { EntryReader } from './entry-reader.ts';
import type { EntryParts } from './parts.ts';

/** Manifests under way at once: each may be 16 MiB. */
const WIDTH = 4;

export async function reindex(parts: EntryParts, reader: EntryReader, signal: AbortSignal): Promise<void> {
  const { store, index, observer, clock } = parts;
  const begun = clock();
  const epoch = new Date(await store.now()).toISOString();
  let entries = 0;
  const underWay = new Set<Promise<void>>();
  const read = async (object: string) => {
    const reading = await reader.ofObject(domainOf(object), object);
    if (reading.entry === undefined) return;
    await index.put(reading.row);
    entries++;
  };
  for await (const { name } of store.list('entries/')) {
    signal.throwIfAborted();
    if (!name.endsWith('.json')) continue;
    const one = read(name).finally(() => underWay.delete(one));
    underWay.add(one);
    if (underWay.size >= WIDTH) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  await index.setEpoch(epoch);
  observer.reindexed(entries, clock() - begun);
}

/** The domain as the object's name has it, which is only shortened for domains of unreasonable length. */
function domainOf(object: string): string {
  return decodeURIComponent(object.split('/')[1] ?? '');
}
