/**
 * Reading runs of a stored segment, in the version that a layout was made of. What may have been lost with the machine, or
 * what somebody else wrote, is verified before its first byte leaves.
 */
import type { Readable } from 'node:stream';
import type { LayoutSegment } from '#protocol/format/layout.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { segmentObject } from '#protocol/format/object-name.ts';
import { type Chunk, type Chunks, isLending, ownChunk } from './chunk.ts';
import type { EntryParts } from './parts.ts';
import type { SegmentCheck } from './segment-check.ts';

/** A segment that a reader needs is not there, not in the bytes of its layout, or ended too early. */
export class SegmentHoleError extends Error {
  readonly identity: Digest;
  readonly kind: 'gone' | 'moved' | 'short';

  constructor(identity: Digest, kind: 'gone' | 'moved' | 'short') {
    super(`segment ${identity} is ${kind}`);
    this.identity = identity;
    this.kind = kind;
  }
}

/** The stream's chunks; end in a {@link SegmentHoleError} where they are fewer than `bytes`. */
export function exactly(stream: Readable, bytes: number, identity: Digest): Chunks {
  return isLending(stream) && stream.length === bytes ? stream.lend() : counted(stream, bytes, identity);
}

async function* counted(
  stream: Readable,
  bytes: number,
  identity: Digest,
): AsyncGenerator<Chunk, undefined, undefined> {
  let taken = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    taken += chunk.length;
    yield ownChunk(chunk);
  }
  if (taken !== bytes) throw new SegmentHoleError(identity, 'short');
}

export class SegmentReads {
  readonly #parts: EntryParts;
  readonly #check: SegmentCheck;

  constructor(parts: EntryParts, check: SegmentCheck) {
    this.#parts = parts;
    this.#check = check;
  }

  /**
   * A run of its stored bytes, `end` exclusive. `gone`: there is no such segment, or no longer, because it was damaged.
   * `moved`: it is there in other bytes than the layout says.
   */
  async read(
    domain: string,
    segment: LayoutSegment,
    start: number,
    end: number,
  ): Promise<Readable | 'gone' | 'moved'> {
    const { store } = this.#parts;
    const name = segmentObject(domain, segment.identity);
    let { etag } = segment;
    if (this.#check.anyUnread) {
      const head = await store.head(name);
      if (head !== undefined && this.#check.isUnread(name, head.modified)) {
        const row = await this.#check.examine(domain, segment.identity);
        if (row === undefined) return 'gone';
        etag = row.etag;
      }
    }
    const options = (version: string | undefined) => ({
      size: segment.length,
      ...(version === undefined ? {} : { ifMatch: version }),
    });
    const first = await store.read(name, start, end, options(etag));
    if (first === undefined) return 'gone';
    if (first !== 'changed') return first;
    const row = await this.#check.examine(domain, segment.identity);
    if (row === undefined) return 'gone';
    if (row.length !== segment.length || row.digest !== segment.digest) return 'moved';
    const second = await store.read(name, start, end, options(row.etag));
    if (second === undefined) return 'gone';
    return second === 'changed' ? 'moved' : second;
  }
}
