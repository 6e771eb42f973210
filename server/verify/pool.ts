/**
 * Verification of stored objects off the event loop: in worker threads that start when there is something to verify, keep no
 * process alive by themselves, and are replaced when they die.
 *
 * Objects in shared memory are verified where they lie; others are copied, as those of a folder's look-through are. Small objects
 * travel many in one message: what a message costs is more than what verifying them does.
 */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { VerifiedStored } from '#protocol/format/frame.ts';
import { fault } from '#protocol/wire/errors.ts';
import { startVerifyWorker } from './start-worker.ts';
import type { Submitted, Verdict } from './verification.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A batch is closed when it has this much, so that one worker does not hold what another could do. */
const BATCH_BYTES = 256 * KiB;
const BATCH_OBJECTS = 64;
/** A worker has the next batch at hand when it finishes one. */
const BATCHES_PER_WORKER = 2;
/** What may wait. Callers bound themselves by what they hold; this is for those that do not. */
const WAITING_BYTES = 256 * MiB;

export interface VerifyPool {
  /**
   * Checks everything about a stored object: shape, the frame's sha256, zstd's checksum, identity. Shared memory must hold still
   * until it answers. Throws `SEGMENT_UNREADABLE`, `SEGMENT_DAMAGED`, `SERVER_BUSY` when too much waits, `SERVER_DRAINING`
   * after `close`, and `SERVER_INTERNAL` where the worker died over it or over one that it had in hand with it.
   */
  verify(stored: Buffer): Promise<VerifiedStored>;
  /** Finishes what was asked for and ends the workers. */
  close(): Promise<void>;
}

export interface VerifyPoolOptions {
  /** At most this many; by default one for each core, and four: each takes some 40 MB. */
  workers?: number;
  waitingBytes?: number;
  start?: () => Worker;
}

export function createVerifyPool(options: VerifyPoolOptions = {}): VerifyPool {
  return new WorkerPool(options);
}

interface Job {
  stored: Buffer;
  /** Of `stored`, as it came. */
  bytes: number;
  resolve(verified: VerifiedStored): void;
  reject(error: Error): void;
}

class WorkerPool implements VerifyPool {
  readonly #most: number;
  readonly #waitingMost: number;
  readonly #start: () => Worker;
  readonly #crew = new Set<CrewMember>();
  #waiting: Job[] = [];
  #waitingBytes = 0;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(options: VerifyPoolOptions) {
    this.#most = options.workers ?? Math.min(4, availableParallelism());
    this.#waitingMost = options.waitingBytes ?? WAITING_BYTES;
    this.#start = options.start ?? startVerifyWorker;
  }

  async verify(stored: Buffer): Promise<VerifiedStored> {
    if (this.#closing !== undefined) throw fault('SERVER_DRAINING');
    if (this.#waitingBytes + stored.length > this.#waitingMost)
      throw fault('SERVER_BUSY', { what: 'verifying uploads' });
    return new Promise((resolve, reject) => {
      const bytes = stored.length;
      this.#waiting.push({ stored, bytes, resolve, reject });
      this.#waitingBytes += bytes;
      this.#handOut();
    });
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const member = this.#free();
      if (member === undefined) return;
      member.take(this.#nextBatch());
    }
    if (this.#closing !== undefined && [...this.#crew].every(({ idle }) => idle)) this.#closing.resolve();
  }

  /** Who has least to do, or a new one where all have something. */
  #free(): CrewMember | undefined {
    const [least] = [...this.#crew].sort((a, b) => a.batches - b.batches);
    if (least?.idle) return least;
    if (this.#crew.size < this.#most) return this.#hire();
    return least !== undefined && least.batches < BATCHES_PER_WORKER ? least : undefined;
  }

  #hire(): CrewMember {
    const member = new CrewMember(this.#start(), {
      onBatch: () => this.#handOut(),
      onEnd: () => {
        this.#crew.delete(member);
        this.#handOut();
      },
    });
    this.#crew.add(member);
    return member;
  }

  #nextBatch(): Job[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < BATCH_OBJECTS && bytes < BATCH_BYTES) {
      bytes += this.#waiting[count]?.bytes ?? 0;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>();
    this.#handOut();
    await this.#closing.promise;
    await Promise.all([...this.#crew].map((member) => member.end()));
  }
}

/** One worker, and what it has in hand. */
class CrewMember {
  readonly #worker: Worker;
  /** The blocks that the worker knows, with their numbers. */
  readonly #blocks = new Map<SharedArrayBuffer, number>();
  #inHand: Job[][] = [];

  constructor(worker: Worker, events: { onBatch(): void; onEnd(): void }) {
    this.#worker = worker;
    let why = 'it ended';
    worker.on('message', (verdicts: Verdict[]) => {
      this.#settle(verdicts);
      events.onBatch();
    });
    worker.on('error', (error: Error) => {
      why = error.message;
    });
    worker.once('exit', () => {
      for (const job of this.#inHand.flat()) {
        job.reject(fault('SERVER_INTERNAL', { why: `a verification worker died: ${why}`, request: '-' }));
      }
      this.#inHand = [];
      events.onEnd();
    });
  }

  get batches(): number {
    return this.#inHand.length;
  }

  get idle(): boolean {
    return this.#inHand.length === 0;
  }

  take(jobs: Job[]): void {
    // A process that waits for a verdict must not end; one that has all of them may.
    this.#worker.ref();
    this.#inHand.push(jobs);
    const objects = jobs.map(({ stored }) => this.#submit(stored));
    this.#worker.postMessage(
      objects,
      objects.flatMap((object) => (object instanceof Uint8Array ? [object.buffer] : [])),
    );
  }

  #submit(stored: Buffer): Submitted {
    const { buffer, byteOffset: at, length } = stored;
    if (buffer instanceof ArrayBuffer) return new Uint8Array(stored);
    const known = this.#blocks.get(buffer);
    const block = known ?? this.#blocks.size;
    this.#blocks.set(buffer, block);
    return { block, at, length, ...(known === undefined && { memory: buffer }) };
  }

  #settle(verdicts: Verdict[]): void {
    const jobs = this.#inHand.shift() ?? [];
    if (this.idle) this.#worker.unref();
    for (const [index, job] of jobs.entries()) {
      const verdict = verdicts[index];
      if (verdict === undefined) continue;
      if ('verified' in verdict) job.resolve(verdict.verified);
      else job.reject(fault(verdict.refused.code, verdict.refused.params));
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
