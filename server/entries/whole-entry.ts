/**
 * An entry that is whole, as it is remembered in memory: what a look-up answers, ready to be sent, and what its archive is
 * cut from. Remembered by id, which means one content for ever; that the store still holds it is asked again after
 * {@link TRUST_MS}.
 */
import { LRUCache } from 'lru-cache';
import { type Layout, layoutBytes } from '#protocol/format/layout.ts';
import type { Digest, SignedManifest } from '#protocol/format/manifest.ts';
import { rootsDigest } from '#protocol/format/object-name.ts';
import type { Anchor } from '#protocol/format/root.ts';
import { parseRoot } from '#protocol/format/root.ts';
import type { EntryRow } from '../index/entry-index.ts';

/** How long what is known by key (that an entry is there) is believed without asking. */
export const TRUST_MS = 5_000;

export interface WholeEntry {
  id: string;
  domain: string;
  scope: string;
  /** Name of the manifest's object, and the version that was read. */
  object: string;
  etag: string;
  key: string;
  /** Which segments of the layout are of which anchor, in the order of the archive; `to` is exclusive. */
  spans: { anchor: Anchor; from: number; to: number }[];
  /** Its packed times among the details; absent where times are derived. */
  times?: Digest;
  /** `"entry":…,"manifest":…,"signature":…,"layout":…` in UTF-8: the inside of a JSON object. */
  answer: Buffer;
  /** Where the layout's JSON begins in it. */
  layoutAt: number;
  /** The store's version of each segment, one a line: our own affair, and no part of the answer. */
  versions: string;
  /** When the store was last seen to hold it, by the process' own clock. */
  seen: number;
}

export type WholeEntries = LRUCache<string, WholeEntry>;

/** What an entry takes beside its texts. */
const OVERHEAD_BYTES = 1_000;

/** A bounded memory of entries. `bytes` is about what it takes. */
export function createWholeEntries(bytes: number): WholeEntries {
  return new LRUCache({
    maxSize: bytes,
    sizeCalculation: ({ answer, versions }) => answer.length + versions.length + OVERHEAD_BYTES,
    // One giant must not drive out everybody else.
    maxEntrySize: Math.ceil(bytes / 4),
  });
}

export function wholeEntry(
  found: { id: string; object: string; etag: string; signed: SignedManifest },
  layout: Layout,
  seen: number,
): WholeEntry {
  const { id, object, etag, signed } = found;
  const { manifest, signature } = signed;
  const spans: WholeEntry['spans'] = [];
  for (const { root, segments } of manifest.roots) {
    const from = spans.at(-1)?.to ?? 0;
    spans.push({ anchor: parseRoot(root).anchor, from, to: from + segments.length });
  }
  const segments = layout.segments.map(({ identity, length, digest }) => ({ identity, length, digest }));
  const before = Buffer.from(`${JSON.stringify({ entry: id, manifest, signature }).slice(1, -1)},"layout":`);
  const answer = Buffer.concat([before, Buffer.from(JSON.stringify({ segments }))]);
  const versions = layout.segments.map((segment) => segment.etag ?? '').join('\n');
  const { domain, scope, key } = manifest;
  const times = manifest.times === undefined ? {} : { times: manifest.times };
  return {
    id,
    domain,
    scope,
    object,
    etag,
    key,
    spans,
    ...times,
    answer,
    layoutAt: before.length,
    versions,
    seen,
  };
}

/**
 * The layout of an entry, with the store's versions. Kept as text, which takes half the memory: look-ups, which are many, send
 * it as it is, and what reads it moves megabytes.
 */
export function layoutOfEntry({ answer, layoutAt, versions }: WholeEntry): Layout {
  const { segments } = JSON.parse(answer.toString('latin1', layoutAt)) as Layout;
  const etags = versions.split('\n');
  return { segments: segments.map((segment, at) => (etags[at] ? { ...segment, etag: etags[at] } : segment)) };
}

/** Whether its archive has that segment. */
export function holdsSegment({ answer, layoutAt }: WholeEntry, identity: Digest): boolean {
  // In the layout alone: it is our own text, in which nobody can write what looks like an identity.
  return answer.includes(`"identity":"${identity}"`, layoutAt);
}

/** Its manifest and signature. */
export function signedOfEntry({ answer }: WholeEntry): SignedManifest {
  return JSON.parse(`{${answer}}`) as SignedManifest;
}

/** The index row of an entry. */
export function entryRow(
  found: { id: string; object: string; signed: SignedManifest },
  layout: Layout,
): EntryRow {
  const { manifest } = found.signed;
  const roots = manifest.roots.map(({ root }) => root);
  return {
    id: found.id,
    domain: manifest.domain,
    scope: manifest.scope,
    kind: manifest.kind,
    name: manifest.name,
    key: manifest.key,
    rootsDigest: rootsDigest(roots),
    roots,
    object: found.object,
    created: Date.parse(manifest.created),
    raw: manifest.totals.raw,
    stored: layoutBytes(layout),
    segments: layout.segments.length,
  };
}

/** Every identity that an entry relies on, in the order of its archive. */
export function identitiesOf({ manifest }: SignedManifest): Digest[] {
  return manifest.roots.flatMap(({ segments }) => segments.map(({ identity }) => identity));
}

/** Every detail that an entry names: of its inputs, and its times. */
export function detailsOf({ manifest }: SignedManifest): Digest[] {
  const details = manifest.inputs.filter(({ detail }) => detail).map(({ digest }) => digest);
  return manifest.times === undefined ? details : [...details, manifest.times];
}
