/**
 * The decoders of one restore: threads, or, for a small entry, one engine in this thread. Segments go to whoever has the
 * least to do; a segment's files go where it was decoded. What each holds is bounded.
 */
import type { Worker } from 'node:worker_threads';
import { SMALL_ENTRY_BYTES } from '#protocol/format/limits.ts';
import { startWorker } from './start-worker.ts';
import { type EngineOptions, UnpackEngine } from './unpack-engine.ts';
import type { FilesTask, FromDecoder, SegmentTask, ToDecoder } from './unpack-messages.ts';

/** Content that one decoder may hold, in bytes: one segment of any size, or as many as fit into this. */
const HELD_BYTES = 16 * 1024 * 1024;
/** Memory of one decoder: some more, for gaps between segments. */
const DECODER_MEMORY = HELD_BYTES + HELD_BYTES / 4;

interface Decoder {
  send(task: ToDecoder): void;
  close(): Promise<unknown>;
  /** Blocks of shared memory that it knows, by number. */
  blocks: Map<number, SharedArrayBuffer>;
  /** Bytes of content that are on their way to it or wait in it. */
  held: number;
}

interface Assigned {
  decoder: Decoder;
  raw: number;
  /** Tasks that are not answered. */
  open: number;
  last: boolean;
}

export interface DecodersOptions {
  /** 0: no threads. */
  threads: number;
  engine: Omit<EngineOptions, 'memory'>;
  report: (report: FromDecoder) => void;
  /** A thread has ended, or thrown what it does not report. */
  broken: (error: Error) => void;
}

export class Decoders {
  readonly #decoders: Decoder[];
  readonly #assigned = new Map<number, Assigned>();
  readonly #options: DecodersOptions;
  #settled: (() => void) | undefined;

  constructor(options: DecodersOptions) {
    this.#options = options;
    const count = Math.max(1, options.threads);
    this.#decoders = Array.from({ length: count }, () =>
      options.threads === 0 ? this.#startHere() : this.#startThread(),
    );
  }

  hasRoomFor(raw: number): boolean {
    return this.#idlest().held === 0 || this.#idlest().held + raw <= HELD_BYTES;
  }

  /** `memory` is the block that the task names; each crosses once, since V8 counts every crossing as memory of its own. */
  decode(task: SegmentTask, memory: SharedArrayBuffer): void {
    const decoder = this.#idlest();
    decoder.held += task.raw;
    this.#assigned.set(task.segment, { decoder, raw: task.raw, open: 0, last: false });
    const known = decoder.blocks.get(task.block) === memory;
    decoder.blocks.set(task.block, memory);
    decoder.send(known ? task : { ...task, memory });
  }

  write(task: FilesTask): void {
    const assigned = this.#assigned.get(task.segment) as Assigned;
    assigned.open++;
    assigned.last = task.last;
    assigned.decoder.send(task);
  }

  /** Resolves when no decoder has descriptors any more. */
  async settle(): Promise<void> {
    if (this.#open() === 0) return;
    await new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#decoders.map((decoder) => decoder.close()));
  }

  #idlest(): Decoder {
    return this.#decoders.reduce((idlest, decoder) => (decoder.held < idlest.held ? decoder : idlest));
  }

  #open(): number {
    let open = 0;
    for (const assigned of this.#assigned.values()) open += assigned.open;
    return open;
  }

  #take(report: FromDecoder): void {
    const assigned = this.#assigned.get(report.segment);
    if (report.type !== 'members' && assigned !== undefined) {
      assigned.open = Math.max(0, assigned.open - 1);
      if (assigned.last && assigned.open === 0) {
        assigned.decoder.held -= assigned.raw;
        this.#assigned.delete(report.segment);
      }
    }
    this.#options.report(report);
    if (this.#settled !== undefined && this.#open() === 0) this.#settled();
  }

  #startHere(): Decoder {
    // As from a thread: never while the creating side is in the middle of something.
    const engine = new UnpackEngine({ ...this.#options.engine, memory: SMALL_ENTRY_BYTES }, (report) =>
      queueMicrotask(() => this.#take(report)),
    );
    return {
      send: (task) => engine.receive(task),
      close: async () => engine.close(),
      blocks: new Map(),
      held: 0,
    };
  }

  #startThread(): Decoder {
    // Descriptors are opened in one thread and closed in another: Node's own count of them would be wrong, and warn.
    const worker: Worker = startWorker('unpack', {
      workerData: { engine: { ...this.#options.engine, memory: DECODER_MEMORY } satisfies EngineOptions },
      trackUnmanagedFds: false,
    });
    worker.on('message', (report: FromDecoder) => this.#take(report));
    worker.on('error', (error) => this.#break(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => this.#break(new Error('A decoding thread has ended.')));
    return {
      send: (task) => worker.postMessage(task),
      close: () => worker.removeAllListeners('exit').terminate(),
      blocks: new Map(),
      held: 0,
    };
  }

  #break(error: Error): void {
    // What it held is lost with it.
    this.#assigned.clear();
    this.#settled?.();
    this.#options.broken(error);
  }
}
