/**
 * The job `reindex`: reads every manifest of the store, puts a row for each into the index, and then writes the epoch that
 * makes a miss of the index a miss. Rows of entries that have gone need no care: a look-up removes them. If the index has
 * missed something meanwhile there is no epoch, and the next look-up asks for another reindex.
 */
import type { EntryReader } from './entry-reader.ts';
import type { EntryParts } from './parts.ts';

/** Manifests under way at once: a bucket answers each after some milliseconds. */
const WIDTH = 32;
/** Bytes of those: each may have 16 MiB, and most have a hundredth of that. */
const BYTES = 64 * 1024 * 1024;

/** `parts` with the index as it is: one that is told nothing and does not say so would end with a wrong epoch. */
export async function reindex(parts: EntryParts, reader: EntryReader, signal: AbortSignal): Promise<void> {
  const { store, index, observer, clock, random } = parts;
  const begun = clock();
  // Two that began in one moment are still two.
  const epoch = `${new Date(await store.now()).toISOString()} ${random(8).toString('hex')}`;
  await index.beginEpoch(epoch);
  let entries = 0;
  let bytes = 0;
  let failure: { error: unknown } | undefined;
  const underWay = new Set<Promise<void>>();
  const read = async (object: string, size: number) => {
    try {
      const reading = await reader.ofObject(domainOf(object), object);
      if (reading.entry === undefined) return;
      await index.put(reading.row);
      entries++;
    } catch (error) {
      // Thrown below: here nobody may be listening.
      failure ??= { error };
    } finally {
      bytes -= size;
    }
  };
  for await (const { name, size } of store.list('entries/')) {
    signal.throwIfAborted();
    if (!name.endsWith('.json')) continue;
    while (underWay.size >= WIDTH || (bytes + size > BYTES && underWay.size > 0))
      await Promise.race(underWay);
    if (failure !== undefined) break;
    bytes += size;
    const one: Promise<void> = read(name, size).finally(() => underWay.delete(one));
    underWay.add(one);
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure.error;
  if (await index.setEpoch(epoch)) observer.reindexed(entries, clock() - begun);
}

/** The domain as the object's name has it, which is only shortened for domains of unreasonable length. */
function domainOf(object: string): string {
  return decodeURIComponent(object.split('/')[1] ?? '');
}
