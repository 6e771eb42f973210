/**
 * What a restore leaves to the next save: the tree that it has made, with the identities that its manifest names, so that a
 * save of the same tree with a few changes reads only these.
 *
 * git's racy rule asks whether somebody can have written to a file within the tick of its clock in which it was last
 * changed. Here that last change was the restore's own, and nobody else has been let in: so one tick is enough, where the
 * file system's clock has ticks below a second.
 */
import { type CutConstants, SMALL_ENTRY_BYTES } from '#protocol/format/limits.ts';
import type { Manifest, ManifestRoot } from '#protocol/format/manifest.ts';
import { formatRoot, type Root } from '#protocol/format/root.ts';
import type { DigestTable } from './digest-table.ts';
import { AT_REST_MS } from './digest-table-rows.ts';
import { type FileAccess, nodeFiles } from './file-access.ts';
import { PackingRoot } from './pack-root.ts';
import { PackThreads } from './pack-threads.ts';
import { walkRoot } from './walk.ts';
import { COLUMN, COLUMNS, type Walked } from './walk-listing.ts';

export interface RestoredRoot {
  root: Root;
  /** Where it was restored to; absolute. */
  place: string;
  /** As it is left out at a save; nothing of it is in the manifest. */
  exclude?: readonly string[];
}

export interface RestoredOptions {
  table: DigestTable;
  /** The entry that was restored, whole. */
  manifest: Manifest;
  roots: readonly RestoredRoot[];
  /** As they will be at the next save. */
  cut: CutConstants;
  keepTimes: boolean;
  workers?: number;
  files?: FileAccess;
  now?: () => number;
}

/** Twice the tick of a kernel's clock at 100 Hz. */
const TICK_MS = 20;

/**
 * Call it when a restore has ended and before anything else may write there, a command of the user's least of all: what it
 * finds is taken for what was restored. Roots that were merged are passed over (what stood there before is not the
 * entry's), and so is a tree that is not cut as the manifest says. Takes about 3 microseconds a file; throws what a walk
 * throws.
 */
export async function recordRestored(options: RestoredOptions): Promise<void> {
  const { files = nodeFiles, manifest } = options;
  const threads = new PackThreads(options.files === undefined ? (options.workers ?? 2) : 0, files);
  try {
    for (const restored of options.roots) {
      const root = manifest.roots.find(({ root }) => root === formatRoot(restored.root));
      if (root?.restore === 'replace') await recordRoot(options, restored, root, files, threads);
    }
  } finally {
    await threads.end();
  }
}

async function recordRoot(
  { table, manifest, cut, keepTimes, now = Date.now }: RestoredOptions,
  { root, place, exclude = [] }: RestoredRoot,
  restored: ManifestRoot,
  files: FileAccess,
  helpers: PackThreads,
): Promise<void> {
  const walked = await walkRoot({ root, place, exclude }, undefined, { files, now, helpers });
  const { modes, restore } = restored;
  const restSince = now() - (hasFineClock(walked) ? TICK_MS : AT_REST_MS);
  const packing = new PackingRoot({ root, place, modes, restore }, walked, cut, keepTimes, table, restSince);
  const items = packing.cut(0, manifest.totals.raw <= SMALL_ENTRY_BYTES);
  // Runs of one stream that have the same lengths are the same runs.
  if (items.length !== restored.segments.length || packing.tree.count !== restored.members) return;
  for (const [index, item] of items.entries()) {
    const segment = restored.segments[index];
    if (segment === undefined || item.task.raw !== segment.raw) return;
    item.identity = segment.identity;
  }
  packing.remember();
}

function hasFineClock(walked: Walked): boolean {
  for (let at = COLUMN.changed; at < walked.stats.length; at += COLUMNS) {
    if ((walked.stats[at] as bigint) % 1_000_000_000n !== 0n) return true;
  }
  return false;
}
