/** Readers who get a segment while it comes from the bucket: what they may have, and when; and the memory that it comes into. */
import { readdirSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { type Test, test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { type Chunk, type Chunks, isLending } from '#server/entries/chunk.ts';
import { HELD_BACK_BYTES } from '#server/store/hot/arrival.ts';
import { MoveMemory } from '#server/store/hot/move-memory.ts';
import type { Into } from '#server/store/object-store.ts';
import { type HotTier, inBucket, openHotTier, read, type Segment, segment } from './hot-tier.ts';

const RAW = 600_000;

/** A bucket that gives `one` as far as it is told to, and then all of it, or fails. */
function giving({ bucket }: HotTier, one: Segment, stored = one.stored) {
  let into: Into | undefined;
  let count = 0;
  const asked = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const { get } = bucket.store;
  bucket.store.get = async (name, options) => {
    if (name !== one.name) return await get(name, options);
    bucket.calls.push(`get ${name}`);
    into = options?.into;
    asked.resolve();
    try {
      await end.promise;
    } finally {
      bucket.store.get = get;
    }
    return { bytes: into?.bytes ?? stored, etag: one.etag, modified: 0 };
  };
  const give = (to: number) => {
    stored.copy(into?.bytes ?? Buffer.alloc(0), count, count, to);
    count = to;
    into?.grown?.(to);
  };
  return {
    asked: asked.promise,
    give,
    finish() {
      give(stored.length);
      end.resolve();
    },
    fail: (error: Error) => end.reject(error),
  };
}

async function follow({ hot }: HotTier, one: Segment, start = 0, end = one.stored.length): Promise<Chunks> {
  const stream = await hot.read(one.name, start, end, { ifMatch: one.etag, size: one.stored.length });
  if (stream === undefined || stream === 'changed' || !isLending(stream)) throw new Error('nothing is lent');
  return stream.lend();
}

/** The next chunk's bytes, released at once. */
async function next(chunks: Chunks): Promise<Buffer> {
  const { value: chunk } = await chunks.next();
  const bytes = Buffer.from(chunk?.bytes ?? '');
  chunk?.release();
  return bytes;
}

/** What comes before it fails, and the error. */
async function untilError(chunks: Chunks): Promise<{ bytes: number; error: unknown }> {
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.bytes.length;
      chunk.release();
    }
  } catch (error) {
    return { bytes, error };
  }
  return { bytes, error: undefined };
}

const copies = ({ folders }: HotTier) =>
  readdirSync(folders.hot, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;

async function open(t: Test, memory = 8_000_000) {
  const tier = await openHotTier(t, { memory });
  return { tier, one: await inBucket(tier, segment(1, RAW)) };
}

test('the first reader gets what has come, and the end when all is verified', async (t) => {
  const { tier, one } = await open(t);
  const bucket = giving(tier, one);
  const following = follow(tier, one);
  await bucket.asked;
  bucket.give(300_000);
  const chunks = await following;
  const first = await next(chunks);
  t.equal(first.length, 300_000, 'before the rest has come');
  const { length } = one.stored;
  bucket.give(length - 1);
  const second = await next(chunks);
  t.equal(first.length + second.length, length - HELD_BACK_BYTES);
  const third = next(chunks);
  bucket.finish();
  t.ok(Buffer.concat([first, second, await third]).equals(one.stored));
  t.ok((await chunks.next()).done);
});

test('concurrent readers of any run follow one fetch', async (t) => {
  const { tier, one } = await open(t);
  const bucket = giving(tier, one);
  const runs = Array.from({ length: 16 }, (_, n) => [n * 10_000, n * 10_000 + 350_000] as const);
  const reads = runs.map(([start, end]) => read(tier, one, start, end));
  await bucket.asked;
  bucket.give(1);
  bucket.finish();
  for (const [n, found] of (await Promise.all(reads)).entries())
    t.ok((found as Buffer).equals(one.stored.subarray(...(runs[n] ?? []))));
  t.equal(tier.bucket.calls.filter((call) => call.startsWith('get')).length, 1);
});

test('fault "a corrupted object": nobody gets all that he asked for of it, and it is not kept', async (t) => {
  const { tier, one } = await open(t);
  const wrong = Buffer.from(one.stored);
  wrong[1_000] = ~(wrong[1_000] ?? 0) & 0xff;
  const bad = await inBucket(tier, { ...one, stored: wrong });
  const bucket = giving(tier, bad);
  const { length } = wrong;
  const reads = [follow(tier, bad), follow(tier, bad, 0, 200_000), follow(tier, bad, length - 100, length)];
  await bucket.asked;
  bucket.give(500_000);
  bucket.finish();
  for (const [n, wanted] of [length, 200_000, 100].entries()) {
    const { bytes, error } = await untilError(await (reads[n] as Promise<Chunks>));
    t.ok(isFault(error, 'SEGMENT_DAMAGED'), String(error));
    t.ok(bytes <= Math.max(0, wanted - HELD_BACK_BYTES), `${bytes} of ${wanted}`);
  }
  t.equal(copies(tier), 0);
  t.ok(((await read(tier, bad)) as Buffer).equals(wrong), 'who comes later gets it as the bucket has it');
});

test('fault "S3 stalls midway": those who followed are told, and the next reader asks again', async (t) => {
  const { tier, one } = await open(t);
  const bucket = giving(tier, one);
  const following = follow(tier, one);
  await bucket.asked;
  bucket.give(300_000);
  const chunks = await following;
  t.equal((await next(chunks)).length, 300_000);
  bucket.fail(new Error('nothing came for too long'));
  t.match((await untilError(chunks)).error, { message: 'nothing came for too long' });
  t.equal(copies(tier), 0);
  t.ok(((await read(tier, one)) as Buffer).equals(one.stored));
});

test('a reader who leaves takes nothing along: it is moved all the same, and its memory comes back', async (t) => {
  const { tier, one } = await open(t, 2 * RAW + 10_000);
  const bucket = giving(tier, one);
  const following = follow(tier, one);
  await bucket.asked;
  bucket.give(300_000);
  const chunks = await following;
  await next(chunks);
  await chunks.return();
  bucket.finish();
  t.ok(((await read(tier, one)) as Buffer).equals(one.stored));
  t.equal(copies(tier), 1);
  // What may be lent is one segment: it is free again only if the reader's hold has gone.
  const two = await inBucket(tier, segment(2, RAW));
  const other = giving(tier, two);
  const second = follow(tier, two);
  await other.asked;
  other.give(300_000);
  t.equal((await next(await second)).length, 300_000);
  other.finish();
});

test('where readers hold all that may be lent, others wait and are served from disk', async (t) => {
  const { tier, one } = await open(t, 2 * RAW + 10_000);
  const first = giving(tier, one);
  const following = follow(tier, one);
  await first.asked;
  first.give(300_000);
  const chunks = await following;
  const two = await inBucket(tier, segment(2, RAW));
  const second = giving(tier, two);
  let hasBegun = false;
  const stream = tier.hot.read(two.name, 0, two.stored.length, {
    ifMatch: two.etag,
    size: two.stored.length,
  });
  stream.then(() => {
    hasBegun = true;
  });
  await second.asked;
  second.give(300_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(hasBegun);
  second.finish();
  const found = await stream;
  if (found === undefined || found === 'changed') throw new Error('it is not there');
  t.notOk(isLending(found));
  t.ok((await buffer(found)).equals(two.stored));
  first.finish();
  t.equal((await untilError(chunks)).bytes, one.stored.length);
});

test('a put or a delete that overtakes it: who had begun gets his version, and no copy stays', async (t) => {
  for (const overtake of ['put', 'delete'] as const) {
    const { tier, one } = await open(t);
    const bucket = giving(tier, one);
    const following = follow(tier, one);
    await bucket.asked;
    bucket.give(300_000);
    const chunks = await following;
    if (overtake === 'put') await tier.hot.put(one.name, one.stored);
    else await tier.hot.delete(one.name);
    bucket.finish();
    t.equal((await untilError(chunks)).bytes, one.stored.length);
    await tier.hot.close();
    t.equal(copies(tier), overtake === 'put' ? 1 : 0);
    t.equal(await read(tier, one), overtake === 'put' ? 'changed' : undefined);
  }
});

test('memory that somebody has not let go of is nobody else’s', async (t) => {
  const { tier, one } = await open(t, 3_000_000);
  const held: Chunk[] = [];
  for await (const chunk of await follow(tier, one)) held.push(chunk);
  for (let n = 2; n < 60; n += 1) {
    const other = await inBucket(tier, segment(n, RAW));
    t.ok(((await read(tier, other)) as Buffer).equals(other.stored));
  }
  t.ok(Buffer.concat(held.map(({ bytes }) => bytes)).equals(one.stored), 'what was lent has not changed');
  for (const { release } of held) release();
});

test('memory for moves is bounded, comes back, and is found where it is in pieces', async (t) => {
  const memory = new MoveMemory(1_000, 500);
  const first = await memory.reserve(600);
  const second = memory.reserve(600);
  const outcome = await Promise.race([
    second.then(() => 'had'),
    new Promise((go) => setImmediate(go, 'waits')),
  ]);
  t.equal(outcome, 'waits');
  first.arrived();
  const two = await second;
  t.not(first.bytes.byteOffset, two.bytes.byteOffset, 'what has arrived may still be read');
  t.equal(memory.reserved, 600);
  two.release();
  first.release();
  first.release();
  t.equal(memory.reserved, 0);
  const pieces = [await memory.reserve(400), await memory.reserve(400)];
  for (const { arrived } of pieces) arrived();
  pieces[0]?.release();
  const large = await memory.reserve(900);
  t.equal(large.bytes.length, 900, 'though there is no such gap');
  for (const { release } of [large, ...pieces]) release();
});
