/** Rows for the tests of the index. */
import { rootsDigest } from '#protocol/format/object-name.ts';
import type { EntryRow, SegmentRow } from '#server/index/entry-index.ts';

const ROOTS = ['workspace:node_modules'];

/** An entry row; what is not given is made up from the id. */
export function entryRow(given: Partial<EntryRow> & { id: string }): EntryRow {
  const roots = given.roots ?? ROOTS;
  return {
    domain: 'local',
    scope: 'main',
    kind: 'npm',
    name: 'web',
    key: `npm/web/${given.id}`,
    rootsDigest: rootsDigest(roots),
    roots,
    object: `entries/local/main/npm/web/${given.id}.json`,
    created: 1_700_000_000_000,
    raw: 1000,
    stored: 300,
    segments: 3,
    ...given,
  };
}

export function segmentRow(n: number, given: Partial<SegmentRow> = {}): SegmentRow {
  const identity = n.toString(16).padStart(64, '0');
  return {
    identity,
    raw: 1000 + n,
    length: 100 + n,
    digest: identity.replace(/^0/, 'd'),
    etag: `e${n}`,
    ...given,
  };
}
