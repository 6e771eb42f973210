import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { ObjectStore } from '#server/store/object-store.ts';
import { smallDisk } from '../small-disk.ts';
import { type HotTier, inBucket, openHotTier, read, type Segment, segment } from './hot-tier.ts';

/** Files below a folder, and their sizes; one that goes meanwhile has none. */
function filesOf(folder: string): { path: string; size: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, size: statSync(path, { throwIfNoEntry: false })?.size ?? 0 }));
}

function copyOf({ folders }: HotTier, { name }: Segment): string | undefined {
  return filesOf(folders.hot).find(({ path }) => path.startsWith(join(folders.hot, name)))?.path;
}

const wholeReads = ({ bucket }: HotTier) => bucket.calls.filter((call) => !call.startsWith('head'));

/** Three segments a bound's worth, each in a few blocks of the disk. */
const RAW = 10_000;
const IN_BLOCKS = 12_288;

test('a segment is fetched once, and served from the copy', async (t) => {
  const tier = await openHotTier(t);
  const one = await inBucket(tier, segment(1));
  for (const [start, end] of [
    [0, one.stored.length],
    [0, 100],
    [5_000, one.stored.length],
  ] as const) {
    t.ok(((await read(tier, one, start, end)) as Buffer).equals(one.stored.subarray(start, end)));
  }
  t.same(wholeReads(tier), [`get ${one.name}`]);
  t.same(tier.told.lines, ['moved', 'served bucket', 'served disk', 'served disk']);
  const copy = copyOf(tier, one) ?? '';
  t.ok(readFileSync(copy).equals(one.stored), 'the copy is the object itself, for any web server to serve');
  t.equal(statSync(copy).mode & 0o077, 0, 'and nobody else may read it');
});

test('concurrent misses on one object are one fetch', async (t) => {
  const tier = await openHotTier(t);
  const one = await inBucket(tier, segment(1));
  const { promise, resolve } = Promise.withResolvers<void>();
  tier.bucket.gate = promise;
  const reads = Array.from({ length: 64 }, (_, n) => read(tier, one, n, n + 100));
  resolve();
  for (const [n, found] of (await Promise.all(reads)).entries())
    t.ok((found as Buffer).equals(one.stored.subarray(n, n + 100)));
  t.same(wholeReads(tier), [`get ${one.name}`]);
});

test('what decides asks the bucket: a hole is never covered by a copy', async (t) => {
  const tier = await openHotTier(t);
  const one = await inBucket(tier, segment(1));
  await read(tier, one);
  await tier.bucket.store.delete(one.name);
  t.equal(await tier.hot.head(one.name), undefined);
  t.equal(await tier.hot.get(one.name), undefined);
  t.equal(await tier.hot.get(one.name, { ifMatch: one.etag }), undefined);
  const names: string[] = [];
  for await (const { name } of tier.hot.list('')) names.push(name);
  t.same(names, []);
});

test('what the bucket has lost is noticed by a reader an hour later, and is a hole for the next', async (t) => {
  const tier = await openHotTier(t, { memory: 1_000_000 });
  const one = await inBucket(tier, segment(1));
  await read(tier, one);
  await tier.bucket.store.delete(one.name);
  tier.time.now += 30 * 60_000;
  t.ok(await read(tier, one), 'in that version it is right');
  tier.time.now += 31 * 60_000;
  t.ok(await read(tier, one));
  await gone(() => copyOf(tier, one) === undefined);
  t.equal(await read(tier, one), undefined);
});

/** Until what nobody waits for has happened; not for ever. */
async function gone(isGone: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000 && !isGone(); turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
}

test('D5: another version in the bucket is fetched, and takes the old copy with it', async (t) => {
  const tier = await openHotTier(t);
  const first = await inBucket(tier, segment(1));
  await read(tier, first);
  const second = await inBucket(tier, segment(1));
  t.not(first.etag, second.etag);
  t.ok(((await read(tier, second)) as Buffer).equals(second.stored));
  t.equal(await read(tier, first), 'changed', 'the old version is nowhere any more');
});

test('a put goes to the bucket first, and the next reader finds its copy here', async (t) => {
  const tier = await openHotTier(t);
  const one = segment(1);
  const put = await tier.hot.put(one.name, one.stored, { ifAbsent: true });
  t.ok(put !== 'exists');
  if (put === 'exists') return;
  t.equal((await tier.bucket.store.head(one.name))?.etag, put.etag);
  tier.bucket.calls.length = 0;
  t.ok(((await read(tier, { ...one, etag: put.etag })) as Buffer).equals(one.stored));
  t.same(wholeReads(tier), []);
  t.equal(await tier.hot.put(one.name, segment(1).stored, { ifAbsent: true }), 'exists');
});

test('a put over another version takes the copies of that along, in memory too', async (t) => {
  const tier = await openHotTier(t, { memory: 1_000_000 });
  const old = await inBucket(tier, segment(1));
  for (let reader = 0; reader < 3; reader += 1) await read(tier, old);
  const put = await tier.hot.put(old.name, old.stored);
  if (put === 'exists') throw new Error('it was to be put over');
  t.equal(await read(tier, old), 'changed');
  t.ok(((await read(tier, { ...old, etag: put.etag })) as Buffer).equals(old.stored));
});

test('a deletion takes the copies along, also one that is on its way', async (t) => {
  const tier = await openHotTier(t, { memory: 1_000_000 });
  const one = await inBucket(tier, segment(1));
  for (let reader = 0; reader < 3; reader += 1) await read(tier, one);
  t.equal(await tier.hot.delete(one.name, { ifMatch: one.etag }), true);
  t.equal(copyOf(tier, one), undefined);
  t.equal(await read(tier, one), undefined);

  const two = await inBucket(tier, segment(2));
  const { promise, resolve } = Promise.withResolvers<void>();
  const late: ObjectStore['get'] = async (name, options) => {
    const found = await tier.bucket.store.get(name, options);
    await promise;
    return found;
  };
  const bucketGet = tier.bucket.store.get;
  tier.bucket.store.get = async (name, options) => {
    tier.bucket.store.get = bucketGet;
    return await late(name, options);
  };
  const reading = read(tier, two);
  await new Promise((done) => setImmediate(done));
  await tier.hot.delete(two.name);
  resolve();
  t.ok(((await reading) as Buffer).equals(two.stored), 'who had begun gets his version');
  t.equal(copyOf(tier, two), undefined);
  t.equal(await read(tier, two), undefined);
});

test('only segments are kept', async (t) => {
  const tier = await openHotTier(t);
  const name = 'entries/local/local/npm/web/1@0123456789abcdef.json';
  const put = await tier.hot.put(name, Buffer.from('{}'));
  const detail = await tier.hot.put('details/local/abc', Buffer.from('a'));
  if (put === 'exists' || detail === 'exists') throw new Error('it is there');
  await read(tier, { name, stored: Buffer.from('{}'), etag: put.etag });
  await read(tier, { name: 'details/local/abc', stored: Buffer.from('a'), etag: detail.etag });
  t.same(filesOf(tier.folders.hot), []);
  t.same(tier.told.lines, [], 'nothing was even tried');
});

test('fault "a corrupted object": what does not verify is not taken in, and is served as the bucket has it', async (t) => {
  const tier = await openHotTier(t, { memory: 1_000_000 });
  const good = segment(1);
  const cases = {
    'a flipped bit': Buffer.from(good.stored),
    'another segment': segment(2).stored,
    'cut short': good.stored.subarray(0, -1),
    empty: Buffer.alloc(0),
  };
  cases['a flipped bit'][3_000] = ~(cases['a flipped bit'][3_000] ?? 0) & 0xff;
  for (const [what, stored] of Object.entries(cases)) {
    tier.told.lines.length = 0;
    const bad = await inBucket(tier, { ...good, stored });
    for (let reader = 0; reader < 3; reader += 1) {
      const found = (await read(tier, { ...bad, stored: good.stored })) as Buffer;
      t.ok(found.equals(stored), `${what}: as it is`);
    }
    t.same(
      tier.told.lines,
      ['moved', 'refused damaged', 'served bucket', 'served bucket', 'served bucket'],
      `${what}: told once, and not fetched whole again`,
    );
    t.same(filesOf(tier.folders.hot), [], `${what}: no copy`);
  }
});

test('a copy that its disk has changed is found at its first read after a start, and fetched again', async (t) => {
  const tier = await openHotTier(t);
  const segments = [await inBucket(tier, segment(1)), await inBucket(tier, segment(2))];
  for (const one of segments) await read(tier, one);
  const [flipped, short] = segments as [Segment, Segment];
  const bytes = Buffer.from(flipped.stored);
  bytes[2_000] = ~(bytes[2_000] ?? 0) & 0xff;
  writeFileSync(copyOf(tier, flipped) ?? '', bytes);
  writeFileSync(copyOf(tier, short) ?? '', short.stored.subarray(0, 4_096));
  const next = await tier.again();
  for (const one of segments) {
    t.ok(((await read(next, one)) as Buffer).equals(one.stored));
    t.ok(readFileSync(copyOf(next, one) ?? '').equals(one.stored), 'the copy is good again');
  }
  t.ok(next.told.lines.includes('bad copy'));
});

test('a copy that is cut short while it is in use is found by its size', async (t) => {
  const tier = await openHotTier(t);
  const one = await inBucket(tier, segment(1));
  await read(tier, one);
  writeFileSync(copyOf(tier, one) ?? '', one.stored.subarray(0, 4_096));
  t.ok(((await read(tier, one)) as Buffer).equals(one.stored));
  t.ok(readFileSync(copyOf(tier, one) ?? '').equals(one.stored));
});

test('copies and their order survive a restart; what was half written is gone', async (t) => {
  const tier = await openHotTier(t, { bytes: 3 * IN_BLOCKS });
  const segments: Segment[] = [];
  for (let n = 0; n < 3; n += 1) {
    tier.time.now += 600_000;
    segments.push(await inBucket(tier, segment(n, RAW)));
    await read(tier, segments[n] as Segment);
  }
  const [first, second, third] = segments as [Segment, Segment, Segment];
  tier.time.now += 600_000;
  await read(tier, first);
  writeFileSync(join(tier.folders.hot, 'tmp', '1@elsewhere.0123456789ab.1'), 'half');
  tier.time.now += 2 * 3_600_000;
  // Its writer is on another host, so only its age tells.
  const next = await tier.again();
  t.same(readdirSync(join(tier.folders.hot, 'tmp')), []);
  t.ok(((await read(next, third)) as Buffer).equals(third.stored));
  t.same(wholeReads(next), [], 'nothing is fetched');
  await read(next, await inBucket(next, segment(9, RAW)));
  t.equal(copyOf(next, second), undefined, 'the one that was used longest ago makes room');
  t.ok(copyOf(next, first));
  t.ok(copyOf(next, third));
});

test('the least recently used goes first, and the bound holds all the time', async (t) => {
  const bytes = 4 * IN_BLOCKS;
  const tier = await openHotTier(t, { bytes });
  const segments: Segment[] = [];
  for (let n = 0; n < 20; n += 1) segments.push(await inBucket(tier, segment(n, RAW)));
  const [first] = segments as [Segment];
  for (const one of segments) {
    await read(tier, one);
    await read(tier, first, 10, 20);
    const held = filesOf(tier.folders.hot).reduce((sum, { size }) => sum + size, 0);
    t.ok(held <= bytes, `${held}`);
  }
  t.ok(copyOf(tier, first), 'what is used stays');
  t.equal(tier.told.lines.filter((line) => line === 'evicted').length, 16);
  await Promise.all(segments.map((one) => read(tier, one)));
  t.ok(filesOf(tier.folders.hot).length <= 4, 'many at once too');
  await tier.again({ bytes: 2 * IN_BLOCKS });
  t.equal(filesOf(tier.folders.hot).length, 2, 'a lower bound is reached at the start');
});

test('fault "disk full": the tier is off with one warning, and requests go to the bucket', async (t) => {
  const disk = smallDisk(t, 100);
  if (disk === undefined) return;
  const tier = await openHotTier(t, { folder: join(disk, 'hot') });
  const segments: Segment[] = [];
  for (let n = 0; n < 12; n += 1) segments.push(await inBucket(tier, segment(n, RAW)));
  for (const one of [...segments, ...segments]) t.ok(((await read(tier, one)) as Buffer).equals(one.stored));
  t.equal(tier.told.lines.filter((line) => line === 'off').length, 1);
  t.same(readdirSync(join(disk, 'hot', 'tmp')), [], 'nothing half-written is left');
  t.not(await tier.hot.put('segments/local/ab/x', Buffer.from('x')), 'exists');
});

test('a folder that cannot be written is done without', async (t) => {
  const { folders } = await openHotTier(t);
  writeFileSync(join(folders.bucket, '..', 'file'), '');
  const tier = await openHotTier(t, { folder: join(folders.bucket, '..', 'file', 'hot') });
  const one = await inBucket(tier, segment(1));
  t.ok(((await read(tier, one)) as Buffer).equals(one.stored));
  t.same(tier.told.lines, ['off', 'served bucket']);
});

test('an error of the bucket is an error, and the next reader asks again', async (t) => {
  const tier = await openHotTier(t);
  const one = await inBucket(tier, segment(1));
  const broken = Promise.reject(new Error('503'));
  broken.catch(() => {});
  tier.bucket.gate = broken;
  await t.rejects(Promise.all([read(tier, one), read(tier, one)]), { message: '503' });
  tier.bucket.gate = Promise.resolve();
  t.ok(((await read(tier, one)) as Buffer).equals(one.stored));
});
