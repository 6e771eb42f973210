/**
 * The event log: what runners said that they did, append-only. Every figure is derived from it. Lines in files of one server, or a
 * stream in Redis that all of them share.
 *
 * What holds for every implementation (test/server/events/conformance.ts):
 * - What was appended is read in the order of appending, whole or not at all: an `append` that fails, or whose process dies, may
 *   leave the first of its events, never a part of one.
 * - It is kept in pages, and bounded: the oldest page goes as a whole. `pages` names those that are kept, oldest first.
 * - `read` gives what there is now and ends. It goes on where a cursor says; where that page has gone, with the oldest that is
 *   kept.
 * - It may lose the last minute in a power cut: figures are not the truth of anything.
 */
import type { CacheEvent } from '#protocol/wire/routes.ts';

export interface LoggedEvent {
  /** Milliseconds since 1970 by the server's clock, when the event came. */
  at: number;
  /** From the grant of who sent it. */
  domain: string;
  project: string;
  event: CacheEvent;
}

/** A place between two events. */
export type Cursor = string;

export interface EventRun {
  page: string;
  /** Of that page; some hundred at most. */
  events: LoggedEvent[];
  /** The place behind them. */
  next: Cursor;
}

export interface EventLog {
  /** Throws, as `read` and `pages` do, `STORE_FULL` and `STORE_FAILED` (files), `EVENTS_FAILED` (Redis). */
  append(events: readonly LoggedEvent[]): Promise<void>;
  read(after?: Cursor): AsyncIterable<EventRun>;
  pages(): Promise<string[]>;
  close(): Promise<void>;
}
