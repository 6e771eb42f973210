/**
 * The store that pnpm fills a tree from, where the tree itself is not to be had. Any of this project's entries is useful: what it
 * lacks is fetched. Of the store comes into an entry, and of an entry into the store, what the lockfile names: packages by pnpm's index
 * of the store, files by what the index says of these packages.
 */
import { CUTS } from '#protocol/format/limits.ts';
import { fingerprintOf, type RootPlan, valueInput } from '../fingerprint.ts';
import { dropIndex, INDEX_ROOT, indexRoot, keepIndex, readIndex } from '../node-project/kept-index.ts';
import type { Detection, StandIn } from '../plan.ts';
import type { Project } from './project.ts';
import { soundAmong, soundFiles } from './store.ts';
import { STORE_INDEXES, type StoreIndex } from './store-index.ts';

export function standInOf(
  { place: { folder }, lockfile, major, store: place }: Project,
  name: string,
  { env, salt }: Detection,
): StandIn {
  const layout = `v${major}`;
  const inputs = [...lockfile.inputs, valueInput('store', layout)];
  const fingerprint = fingerprintOf('pnpm-store', name, inputs, salt);
  const store: RootPlan = {
    // Under one name wherever it lies: pnpm's settings say where that is.
    root: `home:.local/share/pnpm/store/${layout}`,
    place,
    restore: 'merge',
    modes: 'executable',
    select: () => soundFiles(place),
  };
  const standIn = {
    fingerprint,
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
  };
  const open = lockfile.known ? STORE_INDEXES.get(major) : undefined;
  if (open === undefined) return { ...standIn, roots: [store] };
  const index = open(place, lockfile.stored);
  const kept = indexRoot(env, folder);
  return {
    ...standIn,
    roots: [
      {
        ...store,
        select: (tell) => selectNamed(place, index, kept.place, tell),
        wants: (staged) => wantedOf(index, staged(INDEX_ROOT)),
      },
      // After the store, whose selection writes it.
      kept,
    ],
    async settle() {
      await index.add(readIndex(kept.place).filter(index.isNamed));
      await dropIndex(kept.place);
    },
  };
}

async function selectNamed(
  store: string,
  index: StoreIndex,
  kept: string,
  tell: (note: string) => void,
): Promise<string[]> {
  const records = await index.read();
  const contents = records?.map(index.contentsOf);
  if (records === undefined || contents === undefined || contents.includes(undefined)) {
    tell('the store is saved whole: what its index says of packages is not understood');
    await keepIndex(kept, []);
    return soundFiles(store);
  }
  await keepIndex(kept, records);
  return soundAmong(store, new Set(contents.flatMap((paths) => paths ?? [])));
}

/** An entry without an index of ours is of a store that was saved whole. */
function wantedOf(index: StoreIndex, kept: string | undefined): (path: string) => boolean {
  if (kept === undefined) return () => true;
  const records = readIndex(kept).filter(index.isNamed);
  const wanted = new Set(records.flatMap((record) => index.contentsOf(record) ?? []));
  return (path) => wanted.has(path);
}
