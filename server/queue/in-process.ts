/**
 * The job queue inside one process. What waits is lost with the process: every job is one that will be asked for again, or
 * that a restart begins with.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Added, Job, JobHandler, JobName, JobQueue } from './job-queue.ts';
import { pauseAfter } from './pause.ts';

export interface InProcessQueueOptions {
  /** Jobs that run at once. */
  concurrency?: number;
  /** Jobs that may wait or run. */
  bound?: number;
  /** Attempts at one job. */
  attempts?: number;
  /** Jobs that are remembered as failed; the oldest are forgotten first. */
  failuresKept?: number;
  /** Waits so many milliseconds; rejects when the signal comes first. */
  wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  /** 0 to 1, for the pauses' jitter. */
  random?: () => number;
  /** Told of each attempt that threw, and whether it was the last. */
  onFailure?: (job: Job, error: unknown, isLast: boolean) => void;
}

export function createInProcessQueue(options: InProcessQueueOptions = {}): JobQueue {
  return new InProcessQueue(options);
}

class InProcessQueue implements JobQueue {
  readonly #concurrency: number;
  readonly #bound: number;
  readonly #attempts: number;
  readonly #failuresKept: number;
  readonly #wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  readonly #random: () => number;
  readonly #onFailure: (job: Job, error: unknown, isLast: boolean) => void;
  readonly #handlers = new Map<JobName, JobHandler>();
  /** Everything that waits, pauses or runs, by name and id. */
  readonly #known = new Set<string>();
  readonly #failed = new Set<string>();
  #ready: { job: Job; attempt: number }[] = [];
  #running = 0;
  readonly #stop = new AbortController();
  #whenIdle = Promise.withResolvers<void>();
  #whenStill = Promise.withResolvers<void>();

  constructor(options: InProcessQueueOptions) {
    this.#concurrency = options.concurrency ?? 2;
    this.#bound = options.bound ?? 1_000;
    this.#attempts = options.attempts ?? 3;
    this.#failuresKept = options.failuresKept ?? 1_000;
    this.#wait =
      options.wait ?? ((milliseconds, signal) => sleep(milliseconds, undefined, { signal, ref: false }));
    this.#random = options.random ?? Math.random;
    this.#onFailure = options.onFailure ?? (() => undefined);
  }

  handle(name: JobName, handler: JobHandler): void {
    this.#handlers.set(name, handler);
    this.#startReady();
  }

  async add(job: Job): Promise<Added> {
    const key = keyOf(job);
    if (this.#known.has(key)) return 'known';
    if (this.#known.size >= this.#bound || this.#stop.signal.aborted) return 'full';
    this.#failed.delete(key);
    this.#known.add(key);
    this.#ready.push({ job, attempt: 1 });
    this.#startReady();
    return 'added';
  }

  async counts(): Promise<{ waiting: number; running: number; failed: number }> {
    return { waiting: this.#known.size - this.#running, running: this.#running, failed: this.#failed.size };
  }

  async idle(): Promise<void> {
    if (this.#known.size === 0 || this.#stop.signal.aborted) return;
    await this.#whenIdle.promise;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#whenIdle.resolve();
    if (this.#running > 0) await this.#whenStill.promise;
  }

  #startReady(): void {
    for (
      let at = 0;
      at < this.#ready.length && this.#running < this.#concurrency && !this.#stop.signal.aborted;
    ) {
      const [next] = this.#ready.slice(at, at + 1);
      const handler = next && this.#handlers.get(next.job.name);
      if (next === undefined || handler === undefined) {
        at += 1;
        continue;
      }
      this.#ready.splice(at, 1);
      this.#running += 1;
      void this.#run(next.job, next.attempt, handler);
    }
  }

  async #run(job: Job, attempt: number, handler: JobHandler): Promise<void> {
    let pause: number | undefined;
    try {
      // Not in the turn of whoever added it.
      await Promise.resolve();
      await handler(job.data, this.#stop.signal);
    } catch (error) {
      // What is stopped has not failed.
      if (!this.#stop.signal.aborted) pause = this.#noteFailure(job, attempt, error);
    }
    this.#running -= 1;
    if (pause === undefined || this.#stop.signal.aborted) this.#forget(job);
    else void this.#again(job, attempt + 1, pause);
    if (this.#running === 0 && this.#stop.signal.aborted) this.#whenStill.resolve();
    this.#startReady();
  }

  async #again(job: Job, attempt: number, pause: number): Promise<void> {
    try {
      await this.#wait(pause, this.#stop.signal);
    } catch {
      this.#forget(job);
      return;
    }
    this.#ready.push({ job, attempt });
    this.#startReady();
  }

  #forget(job: Job): void {
    this.#known.delete(keyOf(job));
    if (this.#known.size > 0) return;
    this.#whenIdle.resolve();
    this.#whenIdle = Promise.withResolvers<void>();
  }

  /** The pause before the next attempt; undefined where there is none. */
  #noteFailure(job: Job, attempt: number, error: unknown): number | undefined {
    const isLast = attempt >= this.#attempts;
    this.#onFailure(job, error, isLast);
    if (!isLast) return pauseAfter(attempt, this.#random());
    this.#failed.add(keyOf(job));
    for (const oldest of this.#failed) {
      if (this.#failed.size <= this.#failuresKept) break;
      this.#failed.delete(oldest);
    }
    return undefined;
  }
}

function keyOf({ name, id }: Job): string {
  return `${name}:${id}`;
}
