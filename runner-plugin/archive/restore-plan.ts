/**
 * What a restore will read: the manifest (what the entry is) and the layout (how it is stored now) put together into one
 * list of segments in the order of the archive, with every size known before a byte is asked for.
 */
import type { Layout, LayoutSegment } from '#protocol/format/layout.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import type { Digest, Manifest, SegmentRef } from '#protocol/format/manifest.ts';
import { checkManifest } from '#protocol/format/manifest-check.ts';
import { paddedSize } from '#protocol/format/tar-header.ts';
import type { FollowingPart } from '#protocol/format/tar-reader.ts';
import { TRAILER_BYTES } from '#protocol/format/trailer.ts';
import { fault } from '#protocol/wire/errors.ts';

export interface PlannedSegment {
  /** Its place in the plan. */
  index: number;
  /** Its root's place in the manifest. */
  root: number;
  identity: Digest;
  /** Bytes of its content. */
  raw: number;
  /** sha256 of its frame. */
  digest: Digest;
  /** Where in the archive its stored bytes begin. */
  start: number;
  /** Stored bytes: frame and trailer. */
  length: number;
  /** Set where it is the header of a large file: what that header must say. */
  following?: FollowingPart;
  /** Set where it is content of a large file: where in the file, and how much without the padding. */
  part?: { offset: number; size: number };
}

export interface RestorePlan {
  segments: PlannedSegment[];
  /** Of the archive, without its end frame. */
  bytes: number;
}

/** Throws `MANIFEST_UNREADABLE`, `FORMAT_TOO_NEW` and `LAYOUT_STALE`. */
export function planRestore(manifest: Manifest, layout: Layout): RestorePlan {
  checkManifest(manifest);
  const refs = manifest.roots.flatMap(({ segments }, root) => segments.map((ref) => ({ ref, root })));
  if (refs.length !== layout.segments.length) throw fault('LAYOUT_STALE', { entry: manifest.key });
  let start = 0;
  const segments = refs.map(({ ref, root }, index): PlannedSegment => {
    const stored = layout.segments[index] as LayoutSegment;
    checkStored(stored, ref, manifest);
    const { identity, raw } = ref;
    const segment: PlannedSegment = {
      index,
      root,
      identity,
      raw,
      digest: stored.digest,
      start,
      length: stored.length,
    };
    const next = refs[index + 1]?.ref.part;
    if (next?.offset === 0) segment.following = { path: next.path, size: next.size };
    if (ref.part !== undefined) segment.part = { offset: ref.part.offset, size: contentOf(raw, ref.part) };
    start += stored.length;
    return segment;
  });
  return { segments, bytes: start };
}

/** The layout is a hint that may be older than the manifest or damaged; its lengths become memory. */
function checkStored(stored: LayoutSegment, ref: SegmentRef, manifest: Manifest): void {
  const possible = Number.isSafeInteger(stored.length) && stored.length > TRAILER_BYTES;
  if (stored.identity !== ref.identity || !possible || stored.length > LIMITS.segmentStored)
    throw fault('LAYOUT_STALE', { entry: manifest.key });
}

// checkManifest has seen that parts are whole and that only the last holds padding.
function contentOf(raw: number, part: { offset: number; size: number }): number {
  const rest = part.size - part.offset;
  return raw === paddedSize(rest) ? rest : raw;
}
