/** Archives for the tests of unpack: of raw segments, whatever is in them, or of real trees. */

import { sha256 } from '#protocol/format/digest.ts';
import { archiveEnd, encodeStored, parseStored } from '#protocol/format/frame.ts';
import type { Layout } from '#protocol/format/layout.ts';
import { CUTS, type CutConstants } from '#protocol/format/limits.ts';
import type { Manifest, ManifestRoot, ModeRule, RestoreRule, SegmentRef } from '#protocol/format/manifest.ts';
import { TRAILER_BYTES, TRAILER_VERSION, writeTrailer } from '#protocol/format/trailer.ts';
import { type PackRoot, pack } from '#runner-plugin/archive/pack.ts';
import { manifestOf } from '../../../protocol/format/manifest-of.ts';
import { MemoryStore } from '../pack/memory-store.ts';

export interface Archive {
  manifest: Manifest;
  layout: Layout;
  /** Stored segments one after another, and the end-of-archive frame. */
  bytes: Buffer;
  times?: Buffer;
}

export interface RawRoot {
  root?: string;
  /** Bytes, or what is stored whatever they are. */
  segments: (Buffer | { raw: Buffer; part?: SegmentRef['part']; stored?: Buffer })[];
  members: number;
  /** Regular files among them. */
  files: number;
  restore?: RestoreRule;
  modes?: ModeRule;
}

/** An archive that holds exactly these segments; manifest and layout say what is given, true or not. */
export function archiveOf(...roots: RawRoot[]): Archive {
  const all: Buffer[] = [];
  const layout: Layout = { segments: [] };
  const manifestRoots = roots.map((each): ManifestRoot => {
    const segments = each.segments.map((segment): SegmentRef => {
      const {
        raw,
        part,
        stored = encodeStored(raw).stored,
      } = Buffer.isBuffer(segment) ? { raw: segment } : segment;
      const identity = sha256(raw);
      all.push(stored);
      layout.segments.push({
        identity,
        length: stored.length,
        digest: sha256(stored.subarray(0, -TRAILER_BYTES)),
      });
      return { identity, raw: raw.length, ...(part && { part }) };
    });
    const { root = 'workspace:tree', members, restore = 'replace', modes = 'kept' } = each;
    return { root, restore, modes, members, raw: sum(segments, ({ raw }) => raw), segments };
  });
  const files = sum(roots, (root) => root.files);
  return {
    manifest: manifestFor(manifestRoots, files),
    layout,
    bytes: Buffer.concat([...all, archiveEnd()]),
  };
}

export interface TreeOptions {
  cut?: CutConstants;
  keepTimes?: boolean;
  workers?: number;
}

/** An archive of real trees. */
export async function archiveOfTrees(roots: PackRoot[], options: TreeOptions = {}): Promise<Archive> {
  const store = new MemoryStore();
  const packed = await pack({
    roots,
    cut: CUTS.default,
    keepTimes: false,
    workers: 0,
    sink: store,
    ...options,
  });
  const manifest = manifestFor(packed.roots, packed.totals.files);
  const segments = packed.roots
    .flatMap((root) => root.segments)
    .map(({ identity }) => {
      const stored = store.stored.get(identity) as Buffer;
      return { identity, length: stored.length, digest: parseStored(stored).digest };
    });
  const archive = { manifest, layout: { segments }, bytes: store.archive(packed.roots) };
  if (packed.times === undefined) return archive;
  manifest.times = sha256(packed.times);
  return { ...archive, times: packed.times };
}

/** A stored object around any frame, with a trailer that says what it should. */
export function storedAround(frame: Buffer, raw: Buffer): Buffer {
  const stored = Buffer.concat([frame, Buffer.alloc(TRAILER_BYTES)]);
  const trailer = { version: TRAILER_VERSION, identity: sha256(raw), raw: raw.length };
  writeTrailer({ ...trailer, frameLength: frame.length, digest: sha256(frame) }, stored, frame.length);
  return stored;
}

function manifestFor(roots: ManifestRoot[], files: number): Manifest {
  const totals = { members: sum(roots, ({ members }) => members), files, raw: sum(roots, ({ raw }) => raw) };
  return manifestOf({ roots, totals });
}

function sum<T>(list: readonly T[], of: (each: T) => number): number {
  return list.reduce((total, each) => total + of(each), 0);
}
