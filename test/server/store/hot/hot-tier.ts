/** A hot tier of the tests: over a bucket that counts and can be held up, with segments that are real. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import { encodeStored } from '#protocol/format/frame.ts';
import { segmentObject } from '#protocol/format/object-name.ts';
import { openFileSystemStore } from '#server/store/file-system.ts';
import type { HotObserver } from '#server/store/hot/observer.ts';
import { type HotSettings, openHotStore } from '#server/store/hot/open.ts';
import type { ObjectStore } from '#server/store/object-store.ts';

const MiB = 1024 * 1024;

export interface Segment {
  name: string;
  stored: Buffer;
  /** In the bucket, once it is there. */
  etag: string;
}

/** Content that does not compress, and is the same in every run. */
export function segment(n: number, raw = 10_000): Segment {
  const pieces = Array.from({ length: Math.ceil(raw / 32) }, (_, at) =>
    createHash('sha256').update(`${n} ${at}`).digest(),
  );
  const { stored, identity } = encodeStored(Buffer.concat(pieces).subarray(0, raw));
  return { name: segmentObject('local', identity), stored, etag: '' };
}

/** What the bucket was asked for, in order: `get segments/…`. */
export interface Counted {
  store: ObjectStore;
  calls: string[];
  /** What all whole reads wait for. */
  gate: Promise<void>;
}

export function counting(inner: ObjectStore): Counted {
  const counted: Counted = { store: inner, calls: [], gate: Promise.resolve() };
  const note = (call: string, name: string) => counted.calls.push(`${call} ${name}`);
  counted.store = {
    atomicCreate: inner.atomicCreate,
    doubtedBefore: inner.doubtedBefore,
    now: () => inner.now(),
    head(name) {
      note('head', name);
      return inner.head(name);
    },
    async get(name, options) {
      note('get', name);
      await counted.gate;
      return await inner.get(name, options);
    },
    read(name, start, end, options) {
      note('read', name);
      return inner.read(name, start, end, options);
    },
    put: (name, bytes, options) => inner.put(name, bytes, options),
    putStream: (name, source, options) => inner.putStream(name, source, options),
    delete: (name, options) => inner.delete(name, options),
    list: (prefix) => inner.list(prefix),
    close: () => inner.close(),
  };
  return counted;
}

export interface Told extends HotObserver {
  lines: string[];
}

export function told(): Told {
  const lines: string[] = [];
  return {
    lines,
    served: (from) => lines.push(`served ${from}`),
    moved: () => lines.push('moved'),
    refused: (why) => lines.push(`refused ${why}`),
    evicted: () => lines.push('evicted'),
    badCopy: () => lines.push('bad copy'),
    off: () => lines.push('off'),
  };
}

export interface HotTier {
  hot: ObjectStore;
  bucket: Counted;
  /** The bucket's folder, and the copies'. */
  folders: { bucket: string; hot: string };
  told: Told;
  /** Milliseconds that pass, for both clocks. */
  time: { now: number };
  /** The same folders, as the next process finds them. */
  again(settings?: Partial<HotSettings>): Promise<HotTier>;
}

export async function openHotTier(t: Test, settings: Partial<HotSettings> = {}): Promise<HotTier> {
  const folder = mkdtempSync(join(tmpdir(), 'hot-tier-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const time = { now: Date.now() };
  return await opened(
    join(folder, 'bucket'),
    { folder: join(folder, 'hot'), bytes: 64 * MiB, memory: 0, ...settings },
    time,
  );
}

async function opened(place: string, settings: HotSettings, time: { now: number }): Promise<HotTier> {
  const bucket = counting(await openFileSystemStore(place));
  const observer = told();
  const hot = await openHotStore(bucket.store, settings, {
    moves: 32 * MiB,
    observer,
    clock: () => time.now,
    now: () => time.now,
  });
  return {
    hot,
    bucket,
    folders: { bucket: place, hot: settings.folder },
    told: observer,
    time,
    async again(changed = {}) {
      await hot.close();
      return await opened(place, { ...settings, ...changed }, time);
    },
  };
}

/** Puts it past the hot tier, as another replica does. */
export async function inBucket({ bucket }: HotTier, one: Segment): Promise<Segment> {
  const put = await bucket.store.put(one.name, one.stored);
  if (put === 'exists') throw new Error('it is there');
  return { ...one, etag: put.etag };
}

/** What a runner gets of it: the whole, as the archive's readers ask for it. */
export async function read(
  { hot }: { hot: ObjectStore },
  { name, stored, etag }: Segment,
  start = 0,
  end = stored.length,
): Promise<Buffer | 'changed' | undefined> {
  const found = await hot.read(name, start, end, { ifMatch: etag, size: stored.length });
  return found === undefined || found === 'changed' ? found : await buffer(found);
}
