/**
 * Gets the segments of a save to where they are needed: threads read and name them, the store is asked meanwhile which it
 * lacks, those are compressed and sent. What bounds it: memory for raw segments in each thread, and stored bytes that are
 * on their way. A name that the digest table knew is asked for without reading anything.
 */
import { LIMITS } from '#protocol/format/limits.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { combineCrc32 } from './crc32-combine.ts';
import type { FromEngine } from './pack-engine.ts';
import type { SegmentTask } from './pack-segment.ts';
import type { Lane } from './pack-threads.ts';

/** Where segments go. */
export interface SegmentSink {
  /** Which of these the store does not have; what it has it keeps for this save. */
  lack(identities: Digest[]): Promise<Set<Digest>>;
  /** Resolves when the memory may be let go: `bytes` are used again for others then. */
  send(stored: { identity: Digest; bytes: Buffer }): Promise<void>;
}

/** A segment of this save. */
export interface Item {
  /** How to read it; the id and, in a header, the CRC are filled in here. */
  task: SegmentTask;
  /** Known from the digest table, or since it was read. */
  identity?: Digest;
  /** Of a header: the parts that its time is made of. */
  parts?: Item[];
  /** Of a part that was read: its content's CRC-32. */
  crc?: number;
}

/** Raw bytes that wait to be asked about, before they are. */
const ASK_BYTES = 8 * 1024 * 1024;
/** Stored bytes that are on their way, before more is asked about. */
const UNSENT_BYTES = 16 * 1024 * 1024;
/** Raw bytes that a lane has before it, at least, while there are some. */
const AHEAD_BYTES = 4 * 1024 * 1024;

interface LaneState {
  lane: Lane;
  /** Raw bytes of segments that it was told to read, until they are let go or compressed. */
  outstanding: number;
  /** It can read nothing more before a verdict. */
  waiting: boolean;
}

interface Running {
  item: Item;
  state: LaneState;
}

export class Schedule {
  /** Stored bytes that were sent. */
  sentBytes = 0;
  /** Raw bytes of segments that need not be sent. */
  reusedBytes = 0;
  readonly #sink: SegmentSink;
  readonly #onPacked: (raw: number) => void;
  /** Whether the store lacks it; false also where this save is about to send it. */
  readonly #lacking = new Map<Digest, boolean>();

  #states: LaneState[] = [];
  #capacity = 0;
  #afterReads: () => void = () => {};
  readonly #queue: Item[] = [];
  #queuedBytes = 0;
  readonly #headerOf = new Map<Item, Item>();
  readonly #running = new Map<number, Running>();
  #gathered: { running: Running; identity: Digest }[] = [];
  #gatheredBytes = 0;
  #asking = false;
  #reading = 0;
  #unread = 0;
  #unfinished = 0;
  #unsent = 0;
  readonly #end = Promise.withResolvers<void>();
  #ended = false;

  /** `onPacked` hears of raw bytes that are done with. */
  constructor(sink: SegmentSink, onPacked: (raw: number) => void) {
    this.#sink = sink;
    this.#onPacked = onPacked;
  }

  /** Asks about identities that are known already. Returns those of them that the store lacks. */
  async askKnown(identities: Iterable<Digest>): Promise<Set<Digest>> {
    const all = [...identities];
    const unasked = all.filter((identity) => !this.#lacking.has(identity));
    for (let at = 0; at < unasked.length; at += LIMITS.identitiesPerRequest) {
      const asked = unasked.slice(at, at + LIMITS.identitiesPerRequest);
      const lack = await this.#sink.lack(asked);
      for (const identity of asked) this.#lacking.set(identity, lack.has(identity));
    }
    return new Set(all.filter((identity) => this.#lacking.get(identity) === true));
  }

  /** Raw bytes of what {@link askKnown} has found lacking, or of whose identity nothing is known. */
  bytesToRead(items: readonly Item[]): number {
    return sumOfRaw(this.#toRead(items));
  }

  /**
   * Reads, asks and sends the items of {@link bytesToRead}; then every item has its identity.
   * `capacity`: raw bytes that each lane may hold. `afterReads` is called once, when nothing more will be read.
   */
  async run(
    items: readonly Item[],
    lanes: readonly Lane[],
    capacity: number,
    afterReads: () => void,
  ): Promise<void> {
    this.#capacity = capacity;
    this.#afterReads = afterReads;
    this.#states = lanes.map((lane) => ({ lane, outstanding: 0, waiting: false }));
    for (const state of this.#states)
      state.lane.onMessage = (message) => this.#guard(() => this.#take(state, message));
    this.#enqueue(items);
    if (this.#unfinished === 0) return;
    this.#guard(() => {});
    await this.#end.promise;
  }

  /** Nothing more is read, asked or sent. */
  stop(): void {
    this.#ended = true;
  }

  /** What is unknown or lacking; and of a large file whose header is, all parts: its time is made of them. */
  #toRead(items: readonly Item[]): Set<Item> {
    const isMissing = ({ identity }: Item) => identity === undefined || this.#lacking.get(identity) === true;
    const missing = items.filter(isMissing);
    return new Set(missing.flatMap((item) => [...(item.parts ?? []), item]));
  }

  #enqueue(items: readonly Item[]): void {
    const toRead = this.#toRead(items);
    for (const [id, item] of items.entries()) {
      item.task.id = id;
      if (!toRead.has(item)) this.#reuse(item);
      else if (item.parts === undefined) this.#queue.push(item);
      else for (const part of item.parts) this.#headerOf.set(part, item);
    }
    this.#queue.reverse();
    this.#queuedBytes = sumOfRaw(this.#queue);
    this.#unread = toRead.size;
    this.#unfinished = toRead.size;
  }

  // Every step of the way runs in here: what it throws ends the save, and what it makes possible is done next.
  #guard(step: () => void): void {
    if (this.#ended) return;
    try {
      step();
      this.#assign();
      this.#ask();
      if (this.#unfinished > 0) return;
      this.#end.resolve();
    } catch (error) {
      this.#end.reject(error);
    }
    this.#ended = true;
  }

  #assign(): void {
    for (let item = this.#queue.at(-1); item !== undefined; item = this.#queue.at(-1)) {
      const state = this.#states.reduce((a, b) => (b.outstanding < a.outstanding ? b : a));
      const { raw } = item.task;
      if (state.outstanding > 0 && state.outstanding + raw > this.#ahead()) return;
      this.#queue.pop();
      this.#queuedBytes -= raw;
      state.outstanding += raw;
      this.#reading++;
      this.#running.set(item.task.id, { item, state });
      state.lane.send({ type: 'read', task: item.task });
    }
  }

  // Less towards the end, so that lanes end together.
  #ahead(): number {
    return Math.min(this.#capacity, Math.max(AHEAD_BYTES, this.#queuedBytes / (2 * this.#states.length)));
  }

  #take(state: LaneState, message: FromEngine): void {
    if (message.type === 'waiting') {
      state.waiting = true;
      return;
    }
    const running = this.#running.get(message.id);
    if (running === undefined) return;
    if (message.type === 'stored') this.#send(running, message.bytes);
    else this.#takeRead(running, message.identity, message.crc);
  }

  #takeRead(running: Running, identity: Digest, crc: number): void {
    const { item } = running;
    item.identity = identity;
    item.crc = crc;
    this.#reading--;
    this.#releaseHeader(item);
    const lacking = this.#lacking.get(identity);
    if (lacking !== undefined) this.#judge(running, identity, lacking);
    else {
      this.#gathered.push({ running, identity });
      this.#gatheredBytes += item.task.raw;
      // Should it come again before there is an answer, this one stands for both.
      this.#lacking.set(identity, false);
    }
    if (--this.#unread === 0) this.#afterReads();
  }

  #releaseHeader(part: Item): void {
    const header = this.#headerOf.get(part);
    if (header?.parts === undefined || header.task.what.type !== 'header') return;
    let whole = 0;
    for (const { crc, task } of header.parts) {
      if (crc === undefined || task.what.type !== 'part') return;
      whole = combineCrc32(whole, crc, task.what.length);
    }
    header.task.what.crc = whole;
    this.#queue.push(header);
    this.#queuedBytes += header.task.raw;
  }

  #judge(running: Running, identity: Digest, lacking: boolean): void {
    const { item, state } = running;
    state.waiting = false;
    state.lane.send({ type: 'verdict', id: item.task.id, lacking });
    if (lacking) {
      this.#lacking.set(identity, false);
      return;
    }
    state.outstanding -= item.task.raw;
    this.#reuse(item);
    this.#unfinished--;
  }

  #reuse(item: Item): void {
    this.reusedBytes += item.task.raw;
    this.#onPacked(item.task.raw);
  }

  #ask(): void {
    if (this.#asking || this.#gathered.length === 0 || this.#unsent > UNSENT_BYTES) return;
    const stuck = this.#reading === 0 || this.#states.some((state) => state.waiting);
    if (this.#gatheredBytes < ASK_BYTES && !stuck) return;
    const asked = this.#gathered.splice(0, LIMITS.identitiesPerRequest);
    this.#gatheredBytes = sumOfRaw(this.#gathered.map(({ running }) => running.item));
    this.#asking = true;
    this.#sink.lack(asked.map(({ identity }) => identity)).then(
      (lack) =>
        this.#guard(() => {
          this.#asking = false;
          for (const { running, identity } of asked) this.#judge(running, identity, lack.has(identity));
        }),
      (error) => this.#fail(error),
    );
  }

  #send({ item, state }: Running, content: Uint8Array): void {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
    state.outstanding -= item.task.raw;
    state.waiting = false;
    this.#unsent += bytes.length;
    this.#sink.send({ identity: item.identity as Digest, bytes }).then(
      () =>
        this.#guard(() => {
          this.#unsent -= bytes.length;
          this.sentBytes += bytes.length;
          this.#onPacked(item.task.raw);
          state.lane.send({ type: 'sent', id: item.task.id });
          this.#unfinished--;
        }),
      (error) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    this.#guard(() => {
      throw error;
    });
  }
}

function sumOfRaw(items: Iterable<Item>): number {
  let sum = 0;
  for (const item of items) sum += item.task.raw;
  return sum;
}
