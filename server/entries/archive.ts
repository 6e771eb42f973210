/**
 * An entry's archive: a virtual file, the stored bytes of its segments one after another and then the end-of-archive frame,
 * so that it is a plain .tar.zst. It is read in ranges; what one reader makes the server hold is a few chunks of the store's
 * streams, however slowly it reads.
 */
import { archiveEnd } from '#protocol/format/frame.ts';
import type { LayoutSegment } from '#protocol/format/layout.ts';
import type { Anchor } from '#protocol/format/root.ts';
import { archiveTag } from '#protocol/wire/archive-tag.ts';
import { fault } from '#protocol/wire/errors.ts';
import { type Chunk, ownChunk } from './chunk.ts';
import { exactly, SegmentHoleError, type SegmentReads } from './segment-read.ts';
import { layoutOfEntry, type WholeEntry } from './whole-entry.ts';

const END = archiveEnd();

/** What an archive is made of, and its size in bytes and its ETag, quotes included. */
export interface Archive {
  entry: WholeEntry;
  segments: LayoutSegment[];
  bytes: number;
  tag: string;
}

/** The whole archive, or that of one anchor's roots. Throws `REQUEST_INVALID` where the entry has no such root. */
export function archiveOf(entry: WholeEntry, anchor?: Anchor): Archive {
  const spans = anchor === undefined ? entry.spans : entry.spans.filter((span) => span.anchor === anchor);
  if (spans.length === 0) {
    throw fault('REQUEST_INVALID', { why: `the entry has no root in ${anchor}` }, { field: 'anchor' });
  }
  const all = layoutOfEntry(entry).segments;
  const segments =
    spans.length === entry.spans.length ? all : spans.flatMap(({ from, to }) => all.slice(from, to));
  const bytes = segments.reduce((sum, { length }) => sum + length, END.length);
  return { entry, segments, bytes, tag: archiveTag({ segments }) };
}

/**
 * The bytes from `start` to `end` (exclusive), read as fast as they are taken. Throws {@link SegmentHoleError} midway at worst:
 * bytes that are not the archive's are never given.
 */
export async function* readArchive(
  reads: SegmentReads,
  { entry, segments, bytes }: Archive,
  start: number,
  end: number,
): AsyncGenerator<Chunk, undefined, undefined> {
  let at = 0;
  for (const segment of segments) {
    if (at >= end) return undefined;
    const next = at + segment.length;
    if (next > start) {
      yield* readSegment(reads, entry.domain, segment, Math.max(start, at) - at, Math.min(end, next) - at);
    }
    at = next;
  }
  // A copy: what is given belongs to the taker.
  if (end > at)
    yield ownChunk(Buffer.from(END.subarray(Math.max(start, at) - at, Math.min(end, bytes) - at)));
  return undefined;
}

async function* readSegment(
  reads: SegmentReads,
  domain: string,
  segment: LayoutSegment,
  start: number,
  end: number,
): AsyncGenerator<Chunk, undefined, undefined> {
  const stream = await reads.read(domain, segment, start, end);
  if (stream === 'gone' || stream === 'moved') throw new SegmentHoleError(segment.identity, stream);
  return yield* exactly(stream, end - start, segment.identity);
}
