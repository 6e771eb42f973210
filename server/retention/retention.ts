/**
 * Retention: throws away what nobody needs without ever making a hole, and finds what the disk has damaged. Three jobs, each
 * idempotent and taken up again where it was interrupted.
 */
import { LRUCache } from 'lru-cache';
import type { Lifetimes } from '../entries/lifetimes.ts';
import type { Job, JobQueue } from '../queue/job-queue.ts';
import { evict, type Measured } from './evict.ts';
import type { Quotas, RetentionParts, ScrubLimits } from './parts.ts';
import { scrub } from './scrub.ts';
import { sweep } from './sweep-job.ts';

const MINUTE = 60 * 1000;
const DAY = 24 * 60 * MINUTE;
const MiB = 1024 * 1024;

export const QUOTAS: Quotas = { scopeBytes: 0, domainBytes: 0, unused: 30 * DAY };
export const SCRUB: ScrubLimits = { bytesPerSecond: 8 * MiB, run: 10 * MINUTE, every: 30 * DAY };

/** Entries whose size and worth are remembered from one eviction to the next. */
const MEASURED = 200_000;

/**
 * When each job is added, in milliseconds. Sweep and scrub more often than there is something to do: a run that finds nothing due
 * ends at once, so several servers may add them, each at its own times.
 */
function jobsOf({ hold, cycle }: Lifetimes): { job: Job; every: number }[] {
  return [
    { job: { name: 'sweep', id: 'sweep', data: {} }, every: Math.min(60 * MINUTE, hold / 2) },
    { job: { name: 'evict', id: 'evict', data: {} }, every: cycle / 2 },
    { job: { name: 'scrub', id: 'scrub', data: {} }, every: Math.min(30 * MINUTE, cycle) },
  ];
}

/** Gives the queue the handlers of `sweep`, `evict` and `scrub`. With `asked: 1` a job does not wait until it is due. */
export function handleRetention(queue: JobQueue, parts: RetentionParts): void {
  queue.handle('sweep', ({ asked }, signal) => sweep(parts, asked === 1, signal));
  const measured: Measured = new LRUCache({ max: MEASURED });
  queue.handle('evict', (_, signal) => evict(parts, signal, measured));
  queue.handle('scrub', ({ asked }, signal) => scrub(parts, asked === 1, signal));
}

/** Adds each job when it is time, for as long as the signal allows; the first ones soon. */
export async function scheduleRetention(
  queue: JobQueue,
  { wait, lifetimes }: Pick<RetentionParts, 'wait' | 'lifetimes'>,
  signal: AbortSignal,
): Promise<void> {
  const one = async ({ job, every }: { job: Job; every: number }) => {
    // Not at the start, when there is enough to do.
    await wait(Math.min(MINUTE, every), signal);
    for (;;) {
      await queue.add(job);
      await wait(every, signal);
    }
  };
  try {
    await Promise.all(jobsOf(lifetimes).map(one));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
