/** What retention stands on, all passed in, and what it tells. */
import type { Entries } from '../entries/entries.ts';
import type { Lifetimes } from '../entries/lifetimes.ts';
import type { EntryIndex } from '../index/entry-index.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** What entries may take and how long they live. 0 is no bound. */
export interface Quotas {
  /** Stored bytes of one scope's entries, counted as if they shared nothing. */
  scopeBytes: number;
  /** Stored bytes of one domain's entries. Where they are more, the largest scopes give way first. */
  domainBytes: number;
  /** Milliseconds since an entry was last asked for. */
  unused: number;
}

export interface ScrubLimits {
  /** Bytes that are read in a second at most. */
  bytesPerSecond: number;
  /** Milliseconds that one run takes at most; the next one goes on. */
  run: number;
  /** Milliseconds from the end of one pass over everything to the beginning of the next. */
  every: number;
}

export interface RetentionParts {
  store: ObjectStore;
  index: Pick<EntryIndex, 'removeSegment'>;
  entries: Pick<Entries, 'evict' | 'examine' | 'examineDetail'>;
  lifetimes: Lifetimes;
  quotas: Quotas;
  scrub: ScrubLimits;
  /** Milliseconds that only grow. */
  clock(): number;
  /** Waits so many milliseconds; rejects when the signal comes first. */
  wait(milliseconds: number, signal: AbortSignal): Promise<unknown>;
  observer: RetentionObserver;
}

/** What metrics and log want to know. Never awaited, must not throw. */
export interface RetentionObserver {
  marked(figures: { cycle: number; entries: number; refs: number; sessions: number }): void;
  condemned(figures: { cycle: number; objects: number }): void;
  swept(figures: { cycle: number; deleted: number; spared: number; bytes: number }): void;
  /** Lists of sessions, retired manifests and the like that were too old. */
  tidied(objects: number): void;
  /** `why` is for a person. */
  evicted(object: string, why: string): void;
  /** A pass over everything stored has come to its end. */
  scrubbed(figures: { objects: number; bytes: number; damaged: number }): void;
}

/** The domain as a name has it: the name's second part. */
export function domainPartOf(name: string): string {
  return name.split('/', 2)[1] ?? '';
}

/** The domain itself; names hold it whole unless it is of unreasonable length. */
export function domainOf(name: string): string {
  return decodeURIComponent(domainPartOf(name));
}
