/**
 * The job queue in BullMQ on Redis, for any number of processes. Each name is a queue of BullMQ's with workers of its own, so
 * that a process takes only what it has a handler for, and no kind of job waits behind another.
 *
 * - Bound and concurrency are of each name; the bound is of all processes together, and looked at before a job is added, so
 *   that several who add at one moment may pass it by one each.
 * - A job whose process dies is taken up by another when its lock has run out, `attempts` times at most.
 * - A job that is stopped by `close` goes back to where it waited, and has not failed.
 */
import { type Job as BullJob, Queue, WaitingError, Worker } from 'bullmq';
import { fault } from '#protocol/wire/errors.ts';
import { createClient, type RedisClient } from '../../redis/connect.ts';
import type { RedisLink } from '../../redis/redis-link.ts';
import {
  type Added,
  JOB_NAMES,
  type Job,
  type JobHandler,
  type JobName,
  type JobQueue,
} from '../job-queue.ts';
import { pauseAfter } from '../pause.ts';

export interface BullMqOptions {
  /** Whether this process runs jobs; otherwise it only adds them. */
  works?: boolean;
  /** Jobs of one name that run at once in this process. */
  concurrency?: number;
  /** Jobs of one name that may wait or run. */
  bound?: number;
  /** Attempts at one job. */
  attempts?: number;
  /** Jobs of one name that are kept as failed; the oldest are forgotten first. */
  failuresKept?: number;
  /** How long a worker that is silent is believed to live; milliseconds. */
  lock?: number;
  /** Milliseconds before the attempt after this one. */
  pause?: (attempt: number) => number;
  /** Told of each attempt that threw in this process, and whether it was the last. */
  onFailure?: (job: Job, error: unknown, isLast: boolean) => void;
  /** Told of what goes wrong between a worker and Redis. */
  onError?: (error: Error) => void;
}

const LOCK_MS = 30_000;
const LOOK_AGAIN_MS = 25;
/** What a worker is given to say goodbye to Redis, when its jobs have ended; milliseconds. */
const GOODBYE_MS = 2_000;
/** BullMQ takes no ids that are numbers, and none with a colon. */
const ID_MARK = '=';
const KNOWN: readonly string[] = ['waiting', 'active', 'delayed', 'prioritized', 'waiting-children'];

/** `link` is closed with the queue. */
export function openBullMqQueue(link: RedisLink, options: BullMqOptions = {}): BullMqQueue {
  return new BullMqQueue(link, options);
}

export class BullMqQueue implements JobQueue {
  readonly #link: RedisLink;
  readonly #options: Required<BullMqOptions>;
  /** For workers, made when there is one. */
  #patient: RedisClient | undefined;
  readonly #queues = new Map<JobName, Queue>();
  readonly #workers = new Map<JobName, LeavingWorker>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** One at a time in a process, or the bound would be passed by as many as there are. */
  #adding: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(link: RedisLink, options: BullMqOptions) {
    this.#link = link;
    this.#options = {
      works: options.works ?? true,
      concurrency: options.concurrency ?? 2,
      bound: options.bound ?? 1_000,
      attempts: options.attempts ?? 3,
      failuresKept: options.failuresKept ?? 1_000,
      lock: options.lock ?? LOCK_MS,
      pause: options.pause ?? ((attempt) => pauseAfter(attempt, Math.random())),
      onFailure: options.onFailure ?? (() => undefined),
      onError: options.onError ?? (() => undefined),
    };
  }

  handle(name: JobName, handler: JobHandler): void {
    const { works, concurrency, attempts, lock, pause, onError } = this.#options;
    if (!works) return;
    this.#patient ??= this.#connectWorkers();
    const worker = new LeavingWorker(
      name,
      (job: BullJob, token: string | undefined, signal: AbortSignal | undefined) =>
        this.#run(handler, job, token, signal),
      {
        connection: this.#patient,
        prefix: queuePrefix(this.#link.settings.prefix),
        concurrency,
        lockDuration: lock,
        stalledInterval: lock,
        maxStalledCount: attempts - 1,
        settings: { backoffStrategy: pause },
      },
    );
    worker.on('error', (error) => onError(plain(error)));
    worker.on('failed', (job, error) => this.#noteFailure(name, job, error));
    // Another process runs it now, or will.
    worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) worker.cancelJob(id, 'its lock was lost');
    });
    this.#workers.set(name, worker);
  }

  async add(job: Job): Promise<Added> {
    const before = this.#adding;
    const added = before.then(() => this.#add(job));
    this.#adding = added;
    return await added;
  }

  async counts(): Promise<{ waiting: number; running: number; failed: number }> {
    try {
      const each = await this.#link.call(() => Promise.all(JOB_NAMES.map((name) => this.#countsOf(name))));
      const sum = (of: (counts: Counts) => number) => each.reduce((all, counts) => all + of(counts), 0);
      return {
        waiting: sum(waiting),
        running: sum(({ active }) => active),
        failed: sum(({ failed }) => failed),
      };
    } catch (error) {
      throw fault('QUEUE_FAILED', { why: (error as Error).message });
    }
  }

  async idle(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const counts = await this.counts().catch(() => undefined);
      if (counts?.waiting === 0 && counts.running === 0) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** BullMQ's own queues, for who shows them. */
  queues(): Queue[] {
    return JOB_NAMES.map((name) => this.#queue(name));
  }

  async #add(job: Job): Promise<Added> {
    if (this.#stop.signal.aborted) return 'full';
    try {
      return await this.#link.call(() => this.#addNow(job));
    } catch (error) {
      this.#options.onError(plain(error as Error));
      return 'unreachable';
    }
  }

  async #addNow({ name, id, data }: Job): Promise<Added> {
    const { bound, attempts, failuresKept } = this.#options;
    const queue = this.#queue(name);
    const jobId = ID_MARK + id;
    const state = await queue.getJobState(jobId);
    if (KNOWN.includes(state)) return 'known';
    const counts = await this.#countsOf(name);
    if (waiting(counts) + counts.active >= bound) return 'full';
    // One that failed for good is asked for again.
    if (state !== 'unknown') await queue.remove(jobId);
    await queue.add(name, data, {
      jobId,
      attempts,
      backoff: { type: 'custom' },
      removeOnComplete: true,
      removeOnFail: { count: failuresKept },
    });
    return 'added';
  }

  async #countsOf(name: JobName): Promise<Counts> {
    const counts = await this.#queue(name).getJobCounts('wait', 'delayed', 'prioritized', 'active', 'failed');
    const { wait = 0, delayed = 0, prioritized = 0, active = 0, failed = 0 } = counts;
    return { wait, delayed, prioritized, active, failed };
  }

  #queue(name: JobName): Queue {
    const made = this.#queues.get(name);
    if (made !== undefined) return made;
    const queue = new Queue(name, {
      connection: this.#link.client,
      prefix: queuePrefix(this.#link.settings.prefix),
    });
    queue.on('error', () => {
      // Whoever asked hears of it.
    });
    // One that loses Redis as it is made never works; the next one is another.
    queue.waitUntilReady().catch(() => this.#queues.delete(name));
    this.#queues.set(name, queue);
    return queue;
  }

  #connectWorkers(): RedisClient {
    const { settings } = this.#link;
    const client = createClient(settings, 'workers', 'cachalot-worker');
    client.on('error', () => {
      // The workers tell of it.
    });
    return client;
  }

  async #run(
    handler: JobHandler,
    job: BullJob,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const stop = this.#stop.signal;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    try {
      await handler(job.data as Job['data'], signal === undefined ? stop : AbortSignal.any([stop, signal]));
    } catch (error) {
      if (!stop.aborted) throw error;
      await job.moveToWait(token);
      throw new WaitingError();
    } finally {
      this.#running.delete(promise);
      resolve();
    }
  }

  #noteFailure(name: JobName, job: BullJob | undefined, error: Error): void {
    if (job === undefined) return;
    const { attempts, onFailure } = this.#options;
    const id = (job.id ?? '').slice(ID_MARK.length);
    onFailure({ name, id, data: job.data as Job['data'] }, error, job.attemptsMade >= attempts);
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    const workers = [...this.#workers.values()];
    const closing = Promise.all(workers.map((worker) => worker.close()));
    await Promise.all(this.#running);
    // With Redis away a worker would wait for it.
    const goodbye = await Promise.race([closing.then(() => true), later(GOODBYE_MS)]);
    if (!goodbye) await Promise.all(workers.map((worker) => worker.abandon()));
    for (const queue of this.#queues.values()) queue.close().catch(() => undefined);
    this.#patient?.disconnect();
    this.#link.close();
  }
}

class LeavingWorker extends Worker {
  /** Ends what a worker that cannot say goodbye to Redis leaves running: its timers and connections. */
  async abandon(): Promise<void> {
    await this.pause(true);
    await this.lockManager.close();
    this.backend.close(true).catch(() => undefined);
  }
}

interface Counts {
  wait: number;
  delayed: number;
  prioritized: number;
  active: number;
  failed: number;
}

function waiting({ wait, delayed, prioritized }: Counts): number {
  return wait + delayed + prioritized;
}

/** With a hash tag: BullMQ's scripts touch several keys at once. */
function queuePrefix(prefix: string): string {
  return `{${prefix}:queue}`;
}

/** Without the command that ioredis keeps on its errors: it holds what was sent. */
function plain({ message }: Error): Error {
  return new Error(message);
}

function later(milliseconds: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, false).unref());
}
