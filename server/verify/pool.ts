/**
 * Verification of stored objects off the event loop: in worker threads that start when there is something to verify, keep no
 * process alive by themselves, and are replaced when they die.
 *
 * An object's memory goes to the worker and back without being copied. Small objects travel many in one message: what a
 * message costs is more than what verifying them does.
 */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { VerifiedStored } from '#protocol/format/frame.ts';
import { fault } from '#protocol/wire/errors.ts';
import { startVerifyWorker } from './start-worker.ts';
import type { Judged } from './verification.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** What is smaller is copied rather than given away, which is cheaper, and needs no way back. */
const COPIED_BYTES = 32 * KiB;
/** A batch is closed when it has this much, so that one worker does not hold what another could do. */
const BATCH_BYTES = 256 * KiB;
const BATCH_OBJECTS = 64;
/** A worker has the next batch at hand when it finishes one. */
const BATCHES_PER_WORKER = 2;
/** What may wait. Callers bound themselves by what they hold; this is for those that do not. */
const WAITING_BYTES = 256 * MiB;

export interface Verified extends VerifiedStored {
  /** The bytes that were given, perhaps in another Buffer. */
  stored: Buffer;
}

export interface VerifyPool {
  /**
   * Checks everything about a stored object: shape, the frame's sha256, zstd's checksum, identity. Takes the buffer, which is
   * empty afterwards if its memory was its own, and gives the bytes back with the answer. Throws `SEGMENT_UNREADABLE`,
   * `SEGMENT_DAMAGED`, `SERVER_BUSY` when too much waits, `SERVER_DRAINING` after `close`, and `SERVER_INTERNAL` where the
   * worker died over it or over one that it had in hand with it.
   */
  verify(stored: Buffer): Promise<Verified>;
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
  resolve(verified: Verified): void;
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

  async verify(stored: Buffer): Promise<Verified> {
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
  #inHand: Job[][] = [];

  constructor(worker: Worker, events: { onBatch(): void; onEnd(): void }) {
    this.#worker = worker;
    let why = 'it ended';
    worker.on('message', (judged: Judged) => {
      this.#settle(judged);
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
    const objects = jobs.map(({ stored }) =>
      isGivenAway(stored) ? (stored as Uint8Array<ArrayBuffer>) : copyOf(stored),
    );
    const giveBack = jobs.map(({ stored }) => isGivenAway(stored));
    this.#worker.postMessage(
      { objects, giveBack },
      objects.map(({ buffer }) => buffer),
    );
  }

  #settle({ verdicts, objects }: Judged): void {
    const jobs = this.#inHand.shift() ?? [];
    if (this.idle) this.#worker.unref();
    for (const [index, job] of jobs.entries()) {
      const verdict = verdicts[index];
      const given = objects[index];
      if (verdict !== undefined && 'verified' in verdict) {
        const stored =
          given === undefined ? job.stored : Buffer.from(given.buffer, given.byteOffset, given.length);
        job.resolve({ ...verdict.verified, stored });
      } else if (verdict !== undefined) job.reject(fault(verdict.refused.code, verdict.refused.params));
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Memory that others may look into (a batch's body, Node's pool for small buffers) cannot be transferred. */
function isGivenAway(stored: Buffer): boolean {
  return (
    stored.length >= COPIED_BYTES &&
    stored.length === stored.buffer.byteLength &&
    stored.buffer instanceof ArrayBuffer
  );
}

function copyOf(stored: Buffer): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(stored.length);
  copy.set(stored);
  return copy;
}
