/**
 * What the entries stand on: stores, index, queue, verification, keys, clock and chance, all passed in, so that a
 * simulation with a seed can drive them.
 */
import type { Digest } from '#protocol/format/manifest.ts';
import type { Reach } from '../failpoint.ts';
import type { EntryIndex } from '../index/entry-index.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { Signing } from '../signing/signing-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { VerifyPool } from '../verify/pool.ts';
import type { Delivery } from './delivery.ts';
import type { Lifetimes } from './lifetimes.ts';

export interface EntryParts {
  store: ObjectStore;
  index: EntryIndex;
  queue: JobQueue;
  verifier: Pick<VerifyPool, 'verify'>;
  signing: Signing;
  limits: {
    /** Raw bytes that one entry may have. */
    entryBytes: number;
    /** What answers to look-ups may take in memory, in bytes, ready to be sent. */
    answerBytes: number;
  };
  /** How segments reach runners; `proxy` where nothing else is said. */
  delivery?: Delivery;
  /** {@link LIFETIMES} where nothing else is said, as tests do. */
  lifetimes?: Lifetimes;
  /** Milliseconds that only grow: for ages inside this process, never for what is stored. */
  clock(): number;
  random(bytes: number): Buffer;
  observer: EntryObserver;
  reach: Reach;
}

/** What metrics and log want to know. Never awaited, must not throw. */
export interface EntryObserver {
  lookup(hit: 'exact' | 'near' | 'none', kind: string): void;
  committed(key: string, entry: string): void;
  /** `why` is for a person. */
  retired(object: string, why: string): void;
  damaged(identity: Digest, why: string): void;
  healed(identity: Digest): void;
  reindexed(entries: number, milliseconds: number): void;
  /** Something failed that no request waits for. */
  failed(what: string, error: unknown): void;
}
