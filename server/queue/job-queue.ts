/**
 * The job queue: work that no request waits for. In one process, or BullMQ on Redis.
 *
 * What holds for every implementation (test/server/queue/conformance.ts):
 * - A job is known by name and id; adding one that waits or runs already does nothing and says so. One that has ended, or
 *   failed for good, may be added again.
 * - Jobs are idempotent and may run more than once (a worker may die); they never run twice at the same time under one id.
 * - A job that throws is tried again with growing pauses, at most `attempts` times in all, then it is kept as failed.
 * - The queue is bounded: beyond the bound `add` answers `full`, and the caller goes on without.
 * - Jobs of a name without a handler wait: another process may have it, or this one will.
 * - `close` lets running jobs end (they see the signal) and starts no more.
 */
export type JobName = 'reindex' | 'verify-entry';

export interface Job {
  name: JobName;
  /** De-duplicates: no ':' in it, BullMQ refuses that. */
  id: string;
  data: Record<string, string | number>;
}

export type JobHandler = (data: Job['data'], signal: AbortSignal) => Promise<void>;

export interface JobQueue {
  /** One handler a name, before the first job of it. */
  handle(name: JobName, handler: JobHandler): void;
  add(job: Job): Promise<'added' | 'known' | 'full'>;
  /** `waiting` counts those between two attempts too. */
  counts(): Promise<{ waiting: number; running: number; failed: number }>;
  /** Resolves when nothing waits and nothing runs, or the queue is closed. */
  idle(): Promise<void>;
  close(): Promise<void>;
}
