/**
 * The job queue: work that no request waits for. In one process, or BullMQ on Redis.
 *
 * What holds for every implementation (test/server/queue/conformance.ts):
 * - A job is known by name and id; adding one that waits or runs already does nothing and says so. One that has ended, or
 *   failed for good, may be added again.
 * - Jobs are idempotent and may run more than once. They do not run twice at the same time under one id, unless a process
 *   is taken for dead that is not; its job is told by the signal.
 * - A job that throws is tried again with growing pauses, at most `attempts` times in all, then it is kept as failed. So is one
 *   whose process died that often.
 * - The queue is bounded: beyond the bound `add` answers `full`, and the caller goes on without.
 * - `add` answers within two seconds, and never throws for the queue's own reasons: where the queue cannot be reached it says
 *   `unreachable`, and the caller goes on without.
 * - Jobs of a name without a handler wait: another process may have it, or this one will.
 * - `close` lets running jobs end (they see the signal) and starts no more.
 */
export const JOB_NAMES = ['reindex', 'verify-entry', 'sweep', 'evict', 'scrub'] as const;
export type JobName = (typeof JOB_NAMES)[number];

export interface Job {
  name: JobName;
  /** De-duplicates: no ':' in it, BullMQ refuses that. */
  id: string;
  data: Record<string, string | number>;
}

/** `known`: it waits or runs already. The last two: it will not be done. */
export type Added = 'added' | 'known' | 'full' | 'unreachable';

export type JobHandler = (data: Job['data'], signal: AbortSignal) => Promise<void>;

export interface JobQueue {
  /** One handler a name, before the first job of it. */
  handle(name: JobName, handler: JobHandler): void;
  add(job: Job): Promise<Added>;
  /** `waiting` counts those between two attempts too. Throws `QUEUE_FAILED` where the queue cannot be reached. */
  counts(): Promise<{ waiting: number; running: number; failed: number }>;
  /** Resolves when nothing waits and nothing runs, or the queue is closed. */
  idle(): Promise<void>;
  close(): Promise<void>;
}
