/**
 * A save's side of the archive: from roots on this machine to segments in a store and what a manifest says of them.
 *
 * Walk, order, cut, read, name, ask, compress, send: all at once where the tree is large, in threads; in this thread where it
 * is small. What the store has is not sent, what the digest table knows is not read. Nothing is promised of a tree that
 * changes meanwhile but that it is refused.
 */
import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { type CutConstants, LIMITS, SMALL_ENTRY_BYTES } from '#protocol/format/limits.ts';
import type { ManifestRoot } from '#protocol/format/manifest.ts';
import { comparePaths } from '#protocol/format/member.ts';
import { formatRoot } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { DigestTable, TableRecord } from './digest-table.ts';
import { type FileAccess, nodeFiles } from './file-access.ts';
import { refuseNestedPlaces } from './pack-places.ts';
import { PackingRoot, type PackRoot } from './pack-root.ts';
import { type Item, Schedule, type SegmentSink } from './pack-schedule.ts';
import { PackThreads } from './pack-threads.ts';
import { walkRoot } from './walk.ts';
import { COLUMN, COLUMNS } from './walk-listing.ts';

export type { PackRoot } from './pack-root.ts';
export type { SegmentSink } from './pack-schedule.ts';

export interface PackOptions {
  roots: readonly PackRoot[];
  cut: CutConstants;
  /** Whether the members' own times are returned, packed, to be stored beside the entry. */
  keepTimes: boolean;
  sink: SegmentSink;
  table?: DigestTable;
  /** Threads at most; 0 for none. Not said: as many as there are cores, up to four. */
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: PackProgress) => void;
  /** Whether each root is one segment; not said: as the size of all roots together has it. */
  small?: boolean;
  /** The file system, where it is another than Node's; then there are no threads. */
  files?: FileAccess;
  clock?: PackClock;
}

/** Raw bytes: what is done with (sent, or not needed), of the whole. */
export interface PackProgress {
  done: number;
  total: number;
}

export interface PackClock {
  /** Milliseconds since 1970. */
  now(): number;
  wait(ms: number): Promise<void>;
}

export interface Packed {
  /** Sorted by their text. */
  roots: ManifestRoot[];
  /** For all roots, in their order; only with `keepTimes`. */
  times?: Buffer;
  totals: { members: number; files: number; raw: number };
  /** Stored bytes that were sent. */
  sentBytes: number;
  /** Raw bytes that the store had already. */
  reusedBytes: number;
}

const MAX_WORKERS = 4;
/** Raw segments in memory, all threads together. */
const IN_FLIGHT_BYTES = 48 * 1024 * 1024;
/** Stored segments in memory that is used again, all threads together. */
const STORED_BYTES = 24 * 1024 * 1024;
/** Up to this much to read, starting threads takes longer than it saves. */
const INLINE_BYTES = 16 * 1024 * 1024;
/** The tick of the coarsest clock that a kernel stamps files with (100 Hz), twice. */
const TICK_MS = 20;

const systemClock: PackClock = { now: Date.now, wait: (ms) => setTimeout(ms) };

/**
 * Throws what a walk throws (ROOT_MISSING, ARCHIVE_*, INPUT_UNREADABLE), `ROOTS_NESTED`, `ARCHIVE_TREE_CHANGED` if the tree
 * did not hold still, what the sink throws, and the signal's reason. After an error the store may hold segments that
 * nothing refers to.
 */
export async function pack(options: PackOptions): Promise<Packed> {
  options.signal?.throwIfAborted();
  const files = options.files ?? nodeFiles;
  const workers = options.files === undefined ? (options.workers ?? defaultWorkers()) : 0;
  const threads = new PackThreads(workers, files);
  const packing = new Packing(options, files, threads);
  const aborted = whenAborted(options.signal);
  try {
    return await Promise.race([packing.run(), threads.failed, aborted.promise]);
  } finally {
    aborted.forget();
    packing.stop();
    await threads.end();
  }
}

function defaultWorkers(): number {
  return Math.min(availableParallelism(), MAX_WORKERS);
}

class Packing {
  readonly #options: PackOptions;
  readonly #files: FileAccess;
  readonly #threads: PackThreads;
  readonly #clock: PackClock;
  readonly #schedule: Schedule;
  #done = 0;
  #total = 0;

  constructor(options: PackOptions, files: FileAccess, threads: PackThreads) {
    this.#options = options;
    this.#files = files;
    this.#threads = threads;
    this.#clock = options.clock ?? systemClock;
    this.#schedule = new Schedule(options.sink, (raw) => {
      this.#done += raw;
      options.onProgress?.({ done: this.#done, total: this.#total });
    });
  }

  stop(): void {
    this.#schedule.stop();
  }

  async run(): Promise<Packed> {
    const sources = [...this.#options.roots].sort((a, b) =>
      comparePaths(formatRoot(a.root), formatRoot(b.root)),
    );
    if (sources.length > LIMITS.rootsPerEntry)
      throw fault('ARCHIVE_LIMIT', { limit: LIMITS.rootsPerEntry, what: 'roots' });
    refuseNestedPlaces(sources);
    const roots: PackingRoot[] = [];
    for (const source of sources) roots.push(await this.#walk(source));
    return (await this.#recallWhole(roots)) ?? (await this.#packRoots(roots));
  }

  async #walk(source: PackRoot): Promise<PackingRoot> {
    const { root, place, exclude = [], files: only } = source;
    const { cut, keepTimes, table } = this.#options;
    const settings = { files: this.#files, now: this.#clock.now, helpers: this.#threads };
    const walked = await walkRoot({ root, place, exclude }, only, settings);
    return new PackingRoot(source, walked, cut, keepTimes, table);
  }

  /** Everything is as it was at the last save, and the store still has it: nothing is put in order, cut or read. */
  async #recallWhole(roots: readonly PackingRoot[]): Promise<Packed | undefined> {
    const records: TableRecord[] = [];
    for (const root of roots) {
      const record = root.recallWhole();
      if (record === undefined) return undefined;
      records.push(record);
    }
    const small = sumOf(records, 'raw') <= SMALL_ENTRY_BYTES;
    if (records.some((record) => record.small !== small)) return undefined;
    const manifestRoots = roots.map((root, index) => root.recalledRoot(records[index] as TableRecord));
    const identities = new Set(
      manifestRoots.flatMap(({ segments }) => segments.map(({ identity }) => identity)),
    );
    if ((await this.#schedule.askKnown(identities)).size > 0) return undefined;
    const times = records.map((record) => Buffer.from(record.times ?? '', 'base64'));
    const raw = sumOf(records, 'raw');
    this.#options.onProgress?.({ done: raw, total: raw });
    return this.#packed(manifestRoots, sumOf(records, 'files'), times, raw);
  }

  async #packRoots(roots: readonly PackingRoot[]): Promise<Packed> {
    const trees = roots.map((root) => root.tree);
    this.#total = sumOf(trees, 'raw');
    const small = this.#options.small ?? this.#total <= SMALL_ENTRY_BYTES;
    const items = roots.flatMap((root, index) => root.cut(index, small));
    if (items.length > LIMITS.segmentsPerEntry)
      throw fault('ARCHIVE_LIMIT', { limit: LIMITS.segmentsPerEntry, what: 'segments' });
    await this.#store(roots, items);
    for (const root of roots) root.remember();
    const manifestRoots = roots.map((root) => root.manifestRoot());
    const times = this.#options.keepTimes ? roots.map((root) => root.times()) : [];
    return this.#packed(manifestRoots, sumOf(trees, 'files'), times, this.#schedule.reusedBytes);
  }

  async #store(roots: readonly PackingRoot[], items: readonly Item[]): Promise<void> {
    await this.#schedule.askKnown(new Set(items.flatMap(({ identity }) => identity ?? [])));
    const toRead = this.#schedule.bytesToRead(items);
    if (toRead > 0) await this.#letClockTick(roots);
    const lanes = this.#threads.lanes(toRead > INLINE_BYTES ? MAX_WORKERS : 0);
    const share = Math.max(LIMITS.segmentRaw, IN_FLIGHT_BYTES / lanes.length);
    const capacity = Math.min(share, toRead);
    const columns = roots.map((root) => root.columns());
    // For the few segments of a small save there is no memory to be used again.
    const storedCapacity = toRead > INLINE_BYTES ? STORED_BYTES / lanes.length : 0;
    for (const lane of lanes) lane.send({ type: 'roots', roots: columns, capacity, storedCapacity });
    await this.#schedule.run(items, lanes, capacity, () => {
      for (const root of roots) root.checkFolders(this.#files);
    });
  }

  // A file that is written to after it was read must get another ctime than it had in the walk: so its clock has to have
  // gone on since the youngest of them.
  async #letClockTick(roots: readonly PackingRoot[]): Promise<void> {
    let youngest = 0n;
    for (const { walked } of roots) {
      for (let at = COLUMN.changed; at < walked.stats.length; at += COLUMNS) {
        const changed = walked.stats[at] as bigint;
        if (changed > youngest) youngest = changed;
      }
    }
    if (Number(youngest / 1_000_000n) > this.#clock.now() - TICK_MS) await this.#clock.wait(TICK_MS);
  }

  #packed(roots: ManifestRoot[], files: number, times: readonly Buffer[], reusedBytes: number): Packed {
    const totals = { members: sumOf(roots, 'members'), files, raw: sumOf(roots, 'raw') };
    const packed: Packed = { roots, totals, sentBytes: this.#schedule.sentBytes, reusedBytes };
    if (this.#options.keepTimes) packed.times = Buffer.concat(times);
    return packed;
  }
}

function sumOf<Key extends string>(list: readonly Record<Key, number>[], key: Key): number {
  return list.reduce((sum, each) => sum + each[key], 0);
}

function whenAborted(signal: AbortSignal | undefined): { promise: Promise<never>; forget: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  return { promise, forget: () => signal?.removeEventListener('abort', onAbort) };
}
