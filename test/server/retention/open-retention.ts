/** Entries and retention over one store in memory, with a clock that the test sets. */
import type { Test } from 'tap';
import { LIFETIMES, type Lifetimes } from '#server/entries/lifetimes.ts';
import type { RetentionParts } from '#server/retention/parts.ts';
import { QUOTAS, SCRUB } from '#server/retention/retention.ts';
import { sweep } from '#server/retention/sweep-job.ts';
import type { ObjectStore } from '#server/store/object-store.ts';
import { type OpenEntries, openEntries } from '../entries/open-entries.ts';
import { Bucket, createMemoryStore } from './memory-store.ts';

export const HOUR = 60 * 60 * 1000;
export const DAY = 24 * HOUR;

export interface OpenRetention extends OpenEntries {
  bucket: Bucket;
  retention: RetentionParts;
  /** What retention has said, one line an event. */
  said: string[];
  now(): number;
  /** Lets time pass, by every clock. */
  wait(milliseconds: number): void;
  /** Runs the job `sweep` once. */
  sweep(): Promise<void>;
  /** A cycle and the next one, with all the time between them that they need: what was garbage before is gone after. */
  twoCycles(): Promise<void>;
}

export interface RetentionOptions {
  bucket?: Bucket;
  lifetimes?: Partial<Lifetimes>;
  parts?: Partial<RetentionParts>;
  store?: (store: ObjectStore) => ObjectStore;
}

const NEVER = new AbortController().signal;

export async function openRetention(t: Test, options: RetentionOptions = {}): Promise<OpenRetention> {
  const bucket = options.bucket ?? new Bucket();
  const lifetimes = { ...LIFETIMES, ...options.lifetimes };
  let time = Date.parse('2030-01-01T00:00:00Z');
  const now = () => time;
  const made = createMemoryStore(bucket, { now });
  const store = options.store?.(made) ?? made;
  const open = await openEntries(t, { change: (parts) => ({ ...parts, store, lifetimes, clock: now }) });
  const said: string[] = [];
  const say = (what: string) => (figures: unknown, why?: unknown) => {
    said.push(
      `${what}: ${typeof figures === 'object' ? JSON.stringify(figures) : figures}${why ? ` (${why})` : ''}`,
    );
  };
  const retention: RetentionParts = {
    store,
    index: open.parts.index,
    entries: open.entries,
    lifetimes,
    quotas: QUOTAS,
    scrub: SCRUB,
    clock: now,
    wait: async (milliseconds) => {
      time += milliseconds;
    },
    observer: {
      marked: say('marked'),
      condemned: say('condemned'),
      swept: say('swept'),
      tidied: say('tidied'),
      evicted: say('evicted'),
      scrubbed: say('scrubbed'),
    },
    ...options.parts,
  };
  const run = () => sweep(retention, true, NEVER);
  const wait = (milliseconds: number) => {
    time += milliseconds;
  };
  const twoCycles = async () => {
    for (let runs = 0; runs < 3; runs++) {
      await run();
      wait(lifetimes.hold);
    }
  };
  return { ...open, bucket, retention, said, now, wait, sweep: run, twoCycles };
}

/** The segments that the bucket holds. */
export function segmentsIn(bucket: Bucket): string[] {
  return bucket.names('segments/').map((name) => name.slice(name.lastIndexOf('/') + 1));
}
