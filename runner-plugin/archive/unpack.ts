/**
 * From an archive to trees in their places: everything is restored into staging folders first, and takes the place of what
 * stands there only when the last byte has been checked. On any error, and when the signal aborts, the targets are as
 * they were and nothing else is left.
 *
 *     plan (restore-plan.ts) → stage (staging.ts) → restore (restore.ts) → swap or merge (swap.ts, merge.ts) → clean up
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { sha256 } from '#protocol/format/digest.ts';
import type { Layout } from '#protocol/format/layout.ts';
import { SMALL_ENTRY_BYTES } from '#protocol/format/limits.ts';
import type { Manifest, ManifestRoot } from '#protocol/format/manifest.ts';
import { unpackTimes } from '#protocol/format/times.ts';
import { fault } from '#protocol/wire/errors.ts';
import { targetFault } from './file-fault.ts';
import { mergeIn, standingIn } from './merge.ts';
import type { ArchiveSource } from './range-feed.ts';
import { type Restored, type RestoreProgress, restore } from './restore.ts';
import { planRestore } from './restore-plan.ts';
import { NEW_TREE, type Owner, Staging } from './staging.ts';
import { type Swapped, swapIn } from './swap.ts';
import { type CreatorOptions, TreeCreator } from './tree-creator.ts';
import { WorkingFolder } from './working-folder.ts';

export type { ArchiveSource } from './range-feed.ts';
export type { RestoreProgress } from './restore.ts';

export interface UnpackOptions {
  manifest: Manifest;
  layout: Layout;
  /** From a root's text to its absolute place on this machine, for every root of the manifest. */
  places: ReadonlyMap<string, string>;
  source: ArchiveSource;
  /** The packed times that the manifest names, where it does. */
  times?: Buffer;
  /** `full`: also the sha256 of every segment's content, for readers that do not take the layout's word. */
  verify: 'frame' | 'full';
  /** By a root's text, of roots that are merged; see {@link MembersWanted}. */
  wanted?: ReadonlyMap<string, MembersWanted>;
  /** By a root's text: given to everything that is created for it. */
  owners?: ReadonlyMap<string, Owner>;
  /** Decoding threads; 0 for none. Not said: none for a small entry, one for a middling one, else as many as there are cores, up to four. */
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: RestoreProgress) => void;
}

/**
 * Which files and links of a root come, by their paths below it; of the others, and of folders that would hold none of these,
 * nothing is created. Asked when the roots before this one (in the order of their texts, as an archive has them) have been written:
 * `staged` says where such a root lies until it takes its place, undefined for one without members. All segments are read and
 * verified all the same, and all members counted: bytes come, files do not.
 */
export type MembersWanted = (staged: (root: string) => string | undefined) => (path: string) => boolean;

/** Bytes of content up to which a second thread takes longer to start than it saves. */
const ONE_WORKER_BYTES = 128 * 1024 * 1024;
/** More threads than these would wait for the one that creates. */
const MOST_WORKERS = 4;

export interface Unpacked extends Restored {
  /** Folders with what stood in the targets, where it could not be removed: another user's, most likely. */
  left: string[];
}

/**
 * A root without members was not there when it was saved: what stands in its place is left alone. Throws errors of the
 * catalogue, the source's own, and the signal's reason.
 */
export async function unpack(options: UnpackOptions): Promise<Unpacked> {
  const { manifest, layout, owners, signal } = options;
  const plan = planRestore(manifest, layout);
  const times = checkTimes(manifest, options.times);
  const places = placesOf(options);
  signal?.throwIfAborted();
  const context = { working: new WorkingFolder(), accessed: Date.now() / 1000 };
  const staged: (Staged | undefined)[] = [];
  try {
    for (const [index, root] of manifest.roots.entries())
      staged.push(
        root.members === 0
          ? undefined
          : stage(
              root,
              places[index] as string,
              owners?.get(root.root),
              context,
              wantedOf(options, root, staged),
            ),
      );
    const restored = await restore({
      manifest,
      plan,
      creators: staged.map((root) => root?.creator),
      source: options.source,
      full: options.verify === 'full',
      threads: options.workers ?? defaultWorkers(manifest.totals.raw),
      working: context.working,
      engine: { accessed: context.accessed },
      ...(times && { times }),
      ...(signal && { signal }),
      ...(options.onProgress && { onProgress: options.onProgress }),
    });
    signal?.throwIfAborted();
    const swapped = swapAll(
      staged.filter((root) => root !== undefined).filter((root) => !root.creator.isEmpty),
    );
    const left = staged
      .splice(0)
      .flatMap((root) => (root?.creator.isEmpty ? root.staging.discard() : root?.staging.remove()) ?? []);
    for (const { settle } of swapped) settle();
    return { ...restored, left };
  } catch (error) {
    for (const root of staged) root?.staging.discard();
    throw error;
  }
}

function checkTimes(
  { times: digest, totals }: Manifest,
  times: Buffer | undefined,
): BigInt64Array | undefined {
  if (digest === undefined) return undefined;
  if (times === undefined) throw fault('DETAIL_MISSING', { digest });
  if (sha256(times) !== digest)
    throw fault('SEGMENT_DAMAGED', { identity: digest, why: 'its times have another sha256' });
  return unpackTimes(times, totals.members);
}

/** In the order of the manifest. Roots that the save held apart may meet on a machine whose folders lie otherwise. */
function placesOf({ manifest, places }: UnpackOptions): string[] {
  const list = manifest.roots.map(({ root }) => {
    const place = places.get(root);
    if (place === undefined) throw fault('ROOT_MISSING', { path: root });
    return resolve(place);
  });
  for (const outer of list) {
    for (const inner of list) {
      if (inner.startsWith(`${outer}/`)) throw fault('ROOTS_NESTED', { outer, inner });
    }
  }
  if (new Set(list).size < list.length)
    throw fault('ROOTS_NESTED', { outer: list[0] as string, inner: list[0] as string });
  return list;
}

interface Staged {
  root: ManifestRoot;
  staging: Staging;
  creator: TreeCreator;
}

type Context = Pick<CreatorOptions, 'working' | 'accessed'>;

function wantedOf(
  { wanted }: UnpackOptions,
  { root, restore }: ManifestRoot,
  staged: readonly (Staged | undefined)[],
): (() => (path: string) => boolean) | undefined {
  const wants = restore === 'merge' ? wanted?.get(root) : undefined;
  if (wants === undefined) return undefined;
  return () => wants((text) => staged.find((one) => one?.root.root === text)?.staging.tree);
}

function stage(
  root: ManifestRoot,
  place: string,
  owner: Owner | undefined,
  context: Context,
  wanted: CreatorOptions['wanted'],
): Staged {
  const staging = Staging.create(place, owner);
  try {
    const creator = new TreeCreator({
      folder: staging.folder,
      name: NEW_TREE,
      place,
      modes: root.modes,
      umask: staging.umask(),
      ...context,
      ...(owner && { owner }),
      standing: root.restore === 'merge' ? standingIn(staging) : undefined,
      wanted,
    });
    return { root, staging, creator };
  } catch (error) {
    staging.discard();
    throw targetFault(error, place);
  }
}

/** All or none. */
function swapAll(staged: Staged[]): Swapped[] {
  const swapped: Swapped[] = [];
  try {
    for (const { root, staging } of staged)
      swapped.push(root.restore === 'merge' ? mergeIn(staging) : swapIn(staging));
    return swapped;
  } catch (error) {
    throw undoAll(swapped) ?? error;
  }
}

/** What could not be undone, if anything: it is worse than what it was undone for. */
function undoAll(swapped: Swapped[]): unknown {
  let worst: unknown;
  for (const { undo } of swapped.reverse()) {
    try {
      undo();
    } catch (error) {
      worst = error;
    }
  }
  return worst;
}

function defaultWorkers(raw: number): number {
  if (raw <= SMALL_ENTRY_BYTES) return 0;
  return raw <= ONE_WORKER_BYTES ? 1 : Math.min(availableParallelism(), MOST_WORKERS);
}
