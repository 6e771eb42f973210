/**
 * The index: makes look-ups fast, and can be lost. Everything in it is rebuilt from the object store.
 *
 * What holds for every implementation (test/server/index/conformance.ts):
 * - `find` answers the newest row (by `created`, then by id) that fits, in the given scopes' order: a hit in an earlier
 *   scope wins over a newer one in a later scope, for one key; keys are tried in order.
 * - A row is never the proof of an entry: the caller reads the manifest and removes the row if that has gone.
 * - `epoch` is written by a completed reindex only. While it is undefined a miss of the index is no miss of the cache. It is
 *   gone whenever the index may lack rows: flushed, damaged, left by a process that did not close it, on a server that was
 *   started anew, or after somebody who knew of a row that it was not told said so (`doubt`).
 * - An error (`INDEX_FAILED`, `STORE_FULL`) is never a miss.
 * - Prefixes match as text, bytes as they are: `%`, `_`, `*` are ordinary characters.
 */
import type { Digest } from '#protocol/format/manifest.ts';

export interface EntryRow {
  /** The entry's id: see server/entries. */
  id: string;
  domain: string;
  scope: string;
  /** The key's first part. */
  kind: string;
  name: string;
  key: string;
  /** Digest over the sorted set of roots; entries with one key and other roots are different entries. */
  rootsDigest: Digest;
  roots: string[];
  /** Name of the manifest in the object store. */
  object: string;
  /** Milliseconds since 1970 by the store's clock. */
  created: number;
  raw: number;
  stored: number;
  segments: number;
}

export interface FindQuery {
  domain: string;
  /** Readable scopes, the most preferred first. */
  scopes: string[];
  rootsDigest?: Digest;
  /** Exact: this key. Newest with prefix: any key that begins with it. */
  match: { exact: string } | { prefix: string };
}

export interface EntryIndex {
  find(query: FindQuery): Promise<EntryRow | undefined>;
  byId(domain: string, id: string): Promise<EntryRow | undefined>;
  /** Newest first. */
  list(query: {
    domain: string;
    scopes: string[];
    kind?: string;
    prefix?: string;
    limit: number;
  }): Promise<EntryRow[]>;
  /** Adds or overwrites the row of that id. */
  put(row: EntryRow): Promise<void>;
  remove(domain: string, id: string): Promise<void>;
  /** Where a segment's stored bytes are: what the layout is made of. Remembered by identity, so never stale in content. */
  putSegments(domain: string, rows: SegmentRow[]): Promise<void>;
  segments(domain: string, identities: Digest[]): Promise<Map<Digest, SegmentRow>>;
  removeSegment(domain: string, identity: Digest): Promise<void>;
  totals(domain: string): Promise<{ entries: number; storedBytes: number }>;
  epoch(): Promise<string | undefined>;
  /** A reindex begins, which will write this epoch; one that began before will not write its own. */
  beginEpoch(epoch: string): Promise<void>;
  /**
   * A reindex has completed. False where rows may have been missed since it began (`doubt`, rows lost, another one begun):
   * then nothing is written.
   */
  setEpoch(epoch: string): Promise<boolean>;
  /** Somebody knows of a row that the index was not told: takes the epoch away, and that of a reindex under way. */
  doubt(): Promise<void>;
  /** Forgets everything, the epoch first. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface SegmentRow {
  identity: Digest;
  raw: number;
  length: number;
  digest: Digest;
  etag?: string;
}
