/**
 * The layout of an entry, made from where its segments are now; or the hole that was found on the way.
 */
import type { Layout } from '#protocol/format/layout.ts';
import type { Digest, SignedManifest } from '#protocol/format/manifest.ts';
import type { SegmentRow } from '../index/entry-index.ts';
import type { SegmentRows } from './segment-rows.ts';
import { identitiesOf } from './whole-entry.ts';

/** The layout, or the identity of a segment that is not there or not as the manifest has it. */
export async function layoutOf(
  rows: SegmentRows,
  signed: SignedManifest,
): Promise<Layout | { hole: Digest }> {
  return layoutFrom(await rows.locate(signed.manifest.domain, identitiesOf(signed)), signed);
}

/** As {@link layoutOf}, from rows that are at hand. */
export function layoutFrom(
  rows: Map<Digest, SegmentRow>,
  { manifest }: SignedManifest,
): Layout | { hole: Digest } {
  const segments: Layout['segments'] = [];
  for (const { segments: refs } of manifest.roots) {
    for (const { identity, raw } of refs) {
      const row = rows.get(identity);
      if (row === undefined || row.raw !== raw) return { hole: identity };
      const { length, digest, etag } = row;
      segments.push(etag === undefined ? { identity, length, digest } : { identity, length, digest, etag });
    }
  }
  return { segments };
}
