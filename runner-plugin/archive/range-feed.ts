/**
 * Brings the archive here: ranges of whole segments over a few connections at once, each into a block of shared memory
 * from which the decoders read. Blocks are used again, and there are few: what has no room is not asked for.
 *
 * Segments are given out in the order of the archive, whichever range came first. Ranges begin in that order too, so the
 * one that everything waits for is always on its way.
 */
import { fault } from '#protocol/wire/errors.ts';
import { ReaderGrowth } from './reader-growth.ts';
import type { PlannedSegment, RestorePlan } from './restore-plan.ts';

/** Where the archive's bytes come from. */
export interface ArchiveSource {
  /** The archive's first bytes, where the answer to the look-up brought them along. */
  inline?: Buffer;
  /** Bytes `start` to `end` (exclusive), in chunks of any size. Its errors pass through unpack as they are. */
  read(start: number, end: number, signal: AbortSignal): AsyncIterable<Buffer>;
}

/** Segments are added to a range up to this; a single one may be larger. */
const RANGE_BYTES = 4 * 1024 * 1024;
/** Connections at the beginning and at most. */
const READERS = 3;
const MOST_READERS = 8;
/** Blocks beyond one a reader: reading goes on while decoders work on what has come. */
const SPARE_BLOCKS = 2;

interface Block {
  number: number;
  memory: SharedArrayBuffer;
}

interface Range {
  start: number;
  end: number;
  block: Block;
  /** Bytes from `start` on. */
  received: number;
  /** Segments that are not released. */
  held: number;
}

export interface ReadySegment {
  planned: PlannedSegment;
  /** The block's number, its memory, and where in it the stored bytes begin. */
  block: number;
  memory: SharedArrayBuffer;
  at: number;
}

export class RangeFeed {
  readonly #segments: PlannedSegment[];
  readonly #archiveBytes: number;
  readonly #source: ArchiveSource;
  readonly #signal: AbortSignal;
  readonly #ready: () => void;
  readonly #growth: ReaderGrowth;
  readonly #now: () => number;
  /** By segment, until it is released. */
  readonly #ranges = new Map<number, Range>();
  readonly #free: Block[] = [];
  readonly #waiting: (() => void)[] = [];
  #blocks = 0;
  #readers = 0;
  /** The first segment that is in no range yet, and the first that has not been taken. */
  #begun = 0;
  #taken = 0;
  #bytes = 0;
  /** Readers that were started when the first byte had taken its time. */
  #more: Promise<unknown> | undefined;

  /** `ready` is called when {@link take} may have something; `now` in milliseconds. */
  constructor(
    plan: RestorePlan,
    source: ArchiveSource,
    signal: AbortSignal,
    ready: () => void,
    growth = new ReaderGrowth(),
    now = () => performance.now(),
  ) {
    this.#segments = plan.segments;
    this.#archiveBytes = plan.bytes;
    this.#source = source;
    this.#signal = signal;
    this.#ready = ready;
    this.#growth = growth;
    this.#now = now;
  }

  /** Bytes that the source has read; inline ones are not among them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when all is read; rejects with what the source throws. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: READERS }, () => this.#startReader()));
    await this.#more;
  }

  /** The next segment, if it is here. */
  take(): ReadySegment | undefined {
    const planned = this.#segments[this.#taken];
    const range = this.#ranges.get(this.#taken);
    if (planned === undefined || range === undefined) return undefined;
    const at = planned.start - range.start;
    if (range.received < at + planned.length) return undefined;
    this.#taken++;
    return { planned, block: range.block.number, memory: range.block.memory, at };
  }

  /** A segment's stored bytes are no longer needed. */
  release(segment: number): void {
    const range = this.#ranges.get(segment) as Range;
    this.#ranges.delete(segment);
    if (--range.held === 0) this.#giveBack(range.block);
  }

  #startReader(): Promise<void> {
    this.#readers++;
    return this.#readOn();
  }

  async #readOn(): Promise<void> {
    for (let range = await this.#nextRange(); range !== undefined; range = await this.#nextRange()) {
      await this.#readRange(range);
      if (this.#readers >= MOST_READERS || !this.#growth.isWorthAnother(this.#readers, this.#bytes)) continue;
      await Promise.all([this.#startReader(), this.#readOn()]);
      return;
    }
  }

  /** Asked once, when the first byte of all has come after `ms`. */
  async #startMore(ms: number): Promise<void> {
    const more = this.#growth.isFar(ms) ? MOST_READERS - this.#readers : 0;
    await Promise.all(Array.from({ length: more }, () => this.#startReader()));
  }

  async #nextRange(): Promise<Range | undefined> {
    if (this.#begun === this.#segments.length) return undefined;
    const block = await this.#takeBlock();
    const first = this.#segments[this.#begun];
    if (first === undefined) {
      // Others took the last ones meanwhile; whoever waits behind this one need not either.
      this.#giveBack(block);
      return undefined;
    }
    const from = this.#begun;
    const last = this.#lastOfRange(first);
    this.#begun = last.index + 1;
    const { start } = first;
    const end = last.start + last.length;
    const range = {
      start,
      end,
      block: this.#enlarge(block, end - start),
      received: 0,
      held: this.#begun - from,
    };
    for (let segment = from; segment < this.#begun; segment++) this.#ranges.set(segment, range);
    return range;
  }

  #lastOfRange(first: PlannedSegment): PlannedSegment {
    let last = first;
    for (
      let next = this.#segments[last.index + 1];
      next !== undefined;
      next = this.#segments[last.index + 1]
    ) {
      if (next.start + next.length - first.start > RANGE_BYTES) break;
      last = next;
    }
    return last;
  }

  async #readRange(range: Range): Promise<void> {
    const bytes = new Uint8Array(range.block.memory);
    const accept = (chunk: Uint8Array) => {
      this.#signal.throwIfAborted();
      if (range.start + range.received + chunk.length > range.end) throw wrongLength('more', range);
      bytes.set(chunk, range.received);
      range.received += chunk.length;
      this.#ready();
    };
    const { inline } = this.#source;
    if (inline !== undefined && inline.length > range.start) accept(inline.subarray(range.start, range.end));
    const from = range.start + range.received;
    if (from === range.end) return;
    const asked = this.#now();
    for await (const chunk of this.#source.read(from, range.end, this.#signal)) {
      if (this.#more === undefined) {
        this.#more = this.#startMore(this.#now() - asked);
        // run() hears of it, unless another reader has failed before.
        this.#more.catch(() => {});
      }
      accept(chunk);
      this.#bytes += chunk.length;
    }
    if (range.start + range.received < range.end) throw wrongLength('fewer', range);
  }

  async #takeBlock(): Promise<Block> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#blocks < this.#readers + SPARE_BLOCKS)
      return { number: this.#blocks++, memory: new SharedArrayBuffer(0) };
    this.#growth.noteWait();
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    return this.#takeBlock();
  }

  /** Memory comes with the first range that needs it, and again for one that is larger than ranges are. */
  #enlarge(block: Block, size: number): Block {
    if (block.memory.byteLength < size)
      block.memory = new SharedArrayBuffer(Math.max(size, Math.min(RANGE_BYTES, this.#archiveBytes)));
    return block;
  }

  #giveBack(block: Block): void {
    this.#free.push(block);
    this.#waiting.shift()?.();
  }
}

function wrongLength(what: 'more' | 'fewer', { start, end }: Range): Error {
  return fault('ARCHIVE_MALFORMED', {
    why: `${what} than the ${end - start} bytes that were asked for came from byte ${start} on`,
  });
}
