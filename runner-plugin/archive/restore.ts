/**
 * One restore, from the archive's bytes to staged trees: what happens where and when. This is the creating thread's side:
 * it reads the network, makes every folder, file and link, and leaves decoding and writing to the decoders. Segments are
 * created in the order of the stream, because that order is what makes links safe; everything else runs beside it.
 *
 * Bounded are stored bytes (range-feed.ts), content (decoders.ts) and open descriptors (here).
 */
import type { Manifest, ManifestRoot } from '#protocol/format/manifest.ts';
import { parseRoot } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import { Decoders } from './decoders.ts';
import { secondsOf } from './file-times.ts';
import { LargeFiles } from './large-files.ts';
import { MemberCount } from './member-count.ts';
import { type ArchiveSource, RangeFeed, type ReadySegment } from './range-feed.ts';
import { reportedFault } from './reported-fault.ts';
import type { PlannedSegment, RestorePlan } from './restore-plan.ts';
import { splitPaths, type TreeCreator } from './tree-creator.ts';
import type { EngineOptions } from './unpack-engine.ts';
import type { FromDecoder, MembersReport, SegmentTask, WrittenReport } from './unpack-messages.ts';
import type { WorkingFolder } from './working-folder.ts';

export interface RestoreProgress {
  /** Of content, written. */
  bytes: number;
  /** Bytes of the whole tar stream: what `bytes` comes close to. */
  of: number;
  files: number;
}

export interface RestoreOptions {
  manifest: Manifest;
  plan: RestorePlan;
  source: ArchiveSource;
  /** One for each root of the manifest; undefined where a root has no members. */
  creators: (TreeCreator | undefined)[];
  /** The creators'. */
  working: WorkingFolder;
  /** Nanoseconds, of all members in the order of the stream. */
  times?: BigInt64Array;
  full: boolean;
  threads: number;
  engine: Omit<EngineOptions, 'stopped' | 'memory'>;
  signal?: AbortSignal;
  onProgress?: (progress: RestoreProgress) => void;
}

export interface Restored {
  members: number;
  /** Without those that nobody wanted. */
  files: number;
  /** Of content. */
  written: number;
  /** From the source. */
  bytes: number;
}

/** Descriptors that are open at once, but for large files. When there are that many, half are waited for. */
const OPEN_FILES = 512;
/** Descriptors that go to a decoder in one message. */
const FILES_AT_ONCE = 64;
/** How long to create before the network is looked after, in milliseconds. */
const SLICE_MS = 5;

/** The segment that is being created. */
interface Current {
  planned: PlannedSegment;
  report: MembersReport;
  creator: TreeCreator;
  paths: string[];
  /** The next of `paths`. */
  next: number;
  /** Of its members, in seconds; absent where the headers' count. */
  times?: Float64Array;
}

/** Resolves when every tree is complete in its staging folder. On any failure all descriptors are closed first. */
export function restore(options: RestoreOptions): Promise<Restored> {
  return new Restore(options).run();
}

class Restore {
  readonly #options: RestoreOptions;
  readonly #segments: PlannedSegment[];
  readonly #feed: RangeFeed;
  readonly #decoders: Decoders;
  readonly #aborter = new AbortController();
  readonly #stopped = new Int32Array(new SharedArrayBuffer(4));
  readonly #outcome = Promise.withResolvers<void>();
  readonly #reports = new Map<number, MembersReport>();
  readonly #large = new LargeFiles();
  readonly #count: MemberCount;
  #current: Current | undefined;
  /** The next segment to go to a decoder, and to be created. */
  #sent = 0;
  #created = 0;
  /** Messages with descriptors that are not answered, and descriptors in them. */
  #unanswered = 0;
  #open = 0;
  /** Whether files are opened until there are OPEN_FILES: in runs, since going to work in a folder takes its time. */
  #opening = true;
  #scheduled = false;
  #written = 0;

  constructor(options: RestoreOptions) {
    this.#options = options;
    this.#segments = options.plan.segments;
    this.#count = new MemberCount(options.manifest);
    this.#feed = new RangeFeed(options.plan, options.source, this.#aborter.signal, () => this.#work());
    this.#decoders = new Decoders({
      threads: options.threads,
      engine: { ...options.engine, stopped: this.#stopped },
      report: (report) => this.#take(report),
      broken: (error) => this.#fail(error),
    });
  }

  async run(): Promise<Restored> {
    const { signal } = this.#options;
    const abort = () => this.#fail(signal?.reason);
    signal?.addEventListener('abort', abort);
    try {
      this.#feed.run().catch((error: unknown) => this.#fail(error));
      this.#work();
      await this.#outcome.promise;
    } catch (error) {
      this.#fail(error);
      this.#aborter.abort(error);
      // Nothing may be written to the staging folders when they are removed.
      await this.#decoders.settle();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#large.close();
      await this.#decoders.close();
    }
    const { members, files } = this.#count;
    const unwanted = this.#options.creators.reduce((sum, creator) => sum + (creator?.unwanted ?? 0), 0);
    return { members, files: files - unwanted, written: this.#written, bytes: this.#feed.bytes };
  }

  #fail(reason: unknown): void {
    Atomics.store(this.#stopped, 0, 1);
    this.#outcome.reject(reason);
  }

  /** Does what can be done now; called when bytes have come, members, or answers that free descriptors. */
  #work(): void {
    if (this.#stopped[0] !== 0) return;
    try {
      this.#sendSegments();
      const until = performance.now() + SLICE_MS;
      while (this.#createSome()) {
        if (performance.now() > until) {
          this.#workLater();
          return;
        }
      }
      if (this.#created < this.#segments.length || this.#unanswered > 0) return;
      this.#count.end();
      this.#outcome.resolve();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#options.working.leave();
    }
  }

  #workLater(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#work();
    });
  }

  #sendSegments(): void {
    for (let next = this.#segments[this.#sent]; next !== undefined; next = this.#segments[this.#sent]) {
      const ready = this.#decoders.hasRoomFor(next.raw) ? this.#feed.take() : undefined;
      if (ready === undefined) return;
      this.#sent++;
      this.#decoders.decode(this.#taskFor(ready), ready.memory);
    }
  }

  #taskFor({ planned, block, at }: ReadySegment): SegmentTask {
    const { index, root, start: _, ...rest } = planned;
    const { manifest, full } = this.#options;
    const creator = this.#options.creators[root] as TreeCreator;
    return {
      ...rest,
      type: 'segment',
      segment: index,
      block,
      at,
      full,
      root: parseRoot((manifest.roots[root] as ManifestRoot).root).path,
      withheld: creator.withheld,
      ...(creator.owner && { owner: creator.owner }),
    };
  }

  #take(report: FromDecoder): void {
    try {
      if (report.type === 'members') {
        this.#feed.release(report.segment);
        this.#reports.set(report.segment, report);
      } else if (report.type === 'written') {
        this.#noteWritten(report);
      } else {
        const { root } = this.#segments[report.segment] as PlannedSegment;
        throw reportedFault(report, (this.#options.creators[root] as TreeCreator).place);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#work();
  }

  #noteWritten({ segment, closed, bytes }: WrittenReport): void {
    this.#unanswered--;
    this.#open -= closed;
    this.#written += bytes;
    this.#large.noteWritten(segment);
    this.#options.onProgress?.({
      bytes: this.#written,
      of: this.#options.manifest.totals.raw,
      files: this.#count.files,
    });
  }

  /** Creates a few members of the next segment. False where that must wait. */
  #createSome(): boolean {
    this.#current ??= this.#begin();
    if (this.#current === undefined) return false;
    const { planned, report, creator, paths, next: from, times } = this.#current;
    const files =
      planned.part === undefined ? this.#openFiles(this.#current) : [this.#large.fileOf(planned.index)];
    const to = this.#current.next;
    const last = to === paths.length;
    if (!last && to === from) return false;
    const before = report.directories.count;
    this.#decoders.write({
      type: 'files',
      segment: planned.index,
      files: new Int32Array(files as number[]),
      ...(times && { times: times.slice(before + from, before + to) }),
      last,
    });
    this.#unanswered++;
    if (!last) return true;
    creator.addLinks(report.links, times?.subarray(before + paths.length));
    this.#end(planned);
    return true;
  }

  /** Checks what the next segment holds and makes its folders. Undefined where its members are not known yet. */
  #begin(): Current | undefined {
    const planned = this.#segments[this.#created];
    const report = this.#reports.get(this.#created);
    if (planned === undefined || report === undefined) return undefined;
    const creator = this.#options.creators[planned.root] as TreeCreator;
    if (creator.isSelective) {
      // What is wanted of it may stand in the roots before it.
      if (this.#unanswered > 0) return undefined;
      creator.begin();
    }
    this.#reports.delete(this.#created);
    const times = this.#timesFrom(this.#count.add(planned.root, report), report.count);
    creator.addFolders(report.directories, times);
    return { planned, report, creator, paths: splitPaths(report.files), next: 0, ...(times && { times }) };
  }

  #timesFrom(index: number, count: number): Float64Array | undefined {
    const { times } = this.#options;
    return (
      times &&
      Float64Array.from(times.subarray(index, index + count) as unknown as ArrayLike<bigint>, secondsOf)
    );
  }

  /** As many of the segment's next files as may be open; their descriptors. */
  #openFiles(current: Current): number[] {
    const { planned, report, creator, paths } = current;
    this.#opening = this.#open < (this.#opening ? OPEN_FILES : OPEN_FILES / 2);
    if (!this.#opening) return [];
    const room = Math.min(FILES_AT_ONCE, OPEN_FILES - this.#open);
    const files = creator.openFiles(paths, report.files.modes, current.next, room);
    if (files.length === 0 && current.next < paths.length && this.#open === 0)
      throw fault('TARGET_UNWRITABLE', { path: creator.place, why: 'this process has too many files open' });
    current.next += files.length;
    if (planned.following === undefined) {
      this.#open += files.length;
      return files;
    }
    if (files[0] !== undefined) this.#addLarge(current, files[0]);
    return [];
  }

  /** A large file stays open here until its parts are written. */
  #addLarge({ planned, report, times }: Current, file: number): void {
    const from = planned.index + 1;
    let to = from;
    while (this.#segments[to]?.part !== undefined && (to === from || this.#segments[to]?.part?.offset !== 0))
      to++;
    const { accessed } = this.#options.engine;
    const mode = report.files.modes[0] as number;
    const { withheld, owner } = this.#options.creators[planned.root] as TreeCreator;
    const modified = times?.[0] ?? (report.files.times[0] as number);
    this.#large.add(file, { owner, mode, withheld, accessed, modified }, from, to);
  }

  #end({ index, root }: PlannedSegment): void {
    this.#current = undefined;
    this.#created++;
    if (this.#segments[index + 1]?.root === root) return;
    this.#count.endRoot(root);
    (this.#options.creators[root] as TreeCreator).finish();
  }
}
