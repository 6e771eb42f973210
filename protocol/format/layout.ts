/**
 * The layout: where the stored bytes of an entry's segments are now. A hint: it is kept in the index and beside the
 * manifest, comes with a look-up, and is asked for again when a read shows that it is stale.
 */
import type { Digest } from './manifest.ts';

export interface LayoutSegment {
  identity: Digest;
  /** Name of the object that holds the stored bytes; absent where it is the segment's own (`segments/<domain>/…`). */
  object?: string;
  /** Where in the object they begin; absent for 0. */
  offset?: number;
  /** Stored bytes: one zstd frame and its trailer. */
  length: number;
  /** sha256 of the frame, without the trailer. */
  digest: Digest;
  /** The object's version where the store has one; a ranged read carries it as If-Match. */
  etag?: string;
}

/**
 * In the order of the archive: for each root, for each segment. The archive is those stored bytes one after another and
 * then {@link archiveEnd}; so a segment's place in the archive is the sum of the lengths before it.
 */
export interface Layout {
  segments: LayoutSegment[];
}

/** Bytes of the whole archive without the end-of-archive frame. */
export function layoutBytes(layout: Layout): number {
  return layout.segments.reduce((sum, segment) => sum + segment.length, 0);
}
