import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { test } from 'tap';
import { letGo } from '#server/entries/let-go.ts';
import { MemoryTier } from '#server/store/hot/memory-tier.ts';
import { inBucket, openHotTier, read, segment } from './hot-tier.ts';

const from = (lines: readonly string[]) => lines.filter((line) => line.startsWith('served'));

test('the second reader within a minute makes a favourite, and the third finds it in memory', async (t) => {
  const tier = await openHotTier(t, { memory: 1_000_000 });
  const one = await inBucket(tier, segment(1));
  for (let reader = 0; reader < 3; reader += 1) t.ok(((await read(tier, one)) as Buffer).equals(one.stored));
  t.same(from(tier.told.lines), ['served bucket', 'served disk', 'served memory']);
});

test('one large scan flushes nothing, also where it takes segments in several runs', async (t) => {
  const tier = await openHotTier(t, { memory: 25_000 });
  const favourite = await inBucket(tier, segment(0));
  for (let reader = 0; reader < 2; reader += 1) await read(tier, favourite);
  for (let n = 1; n < 10; n += 1) {
    const one = await inBucket(tier, segment(n));
    await read(tier, one, 0, 5_000);
    await read(tier, one, 5_000);
  }
  tier.told.lines.length = 0;
  await read(tier, favourite);
  t.same(from(tier.told.lines), ['served memory']);
});

test('a second reader who comes later than that makes none', async (t) => {
  const tier = await openHotTier(t, { memory: 1_000_000 });
  const one = await inBucket(tier, segment(1));
  for (let reader = 0; reader < 3; reader += 1) {
    await read(tier, one);
    tier.time.now += 61_000;
  }
  t.same(from(tier.told.lines), ['served bucket', 'served disk', 'served disk']);
});

test('many readers at once are one fetch and one copy in memory', async (t) => {
  const tier = await openHotTier(t, { memory: 25_000 });
  const one = await inBucket(tier, segment(1));
  await Promise.all(Array.from({ length: 64 }, () => read(tier, one)));
  await read(tier, one);
  t.equal(tier.told.lines.filter((line) => line === 'moved').length, 1);
  t.equal(tier.told.lines.at(-1), 'served memory');
});

test('who takes chunks may free them, and others still read the bytes', async (t) => {
  const tier = await openHotTier(t, { memory: 1_000_000 });
  const one = await inBucket(tier, segment(1));
  const options = { ifMatch: one.etag, size: one.stored.length };
  const late = tier.hot.read(one.name, 0, one.stored.length, options);
  const part = read(tier, one, 5_000, 6_000);
  for (let reader = 0; reader < 4; reader += 1) {
    const stream = await (reader === 0 ? late : tier.hot.read(one.name, 0, one.stored.length, options));
    if (stream === undefined || stream === 'changed') throw new Error('it is not there');
    const taken: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      taken.push(Buffer.from(chunk));
      letGo(chunk);
    }
    t.ok(Buffer.concat(taken).equals(one.stored));
    if (reader === 0) t.ok(((await part) as Buffer).equals(one.stored.subarray(5_000, 6_000)));
  }
  t.equal(tier.told.lines.at(-1), 'served memory');
});

test('without a disk favourites are kept in memory, and all else is read from the bucket', async (t) => {
  const tier = await openHotTier(t, { bytes: 0, memory: 1_000_000 });
  const one = await inBucket(tier, segment(1));
  for (let reader = 0; reader < 3; reader += 1) t.ok(((await read(tier, one)) as Buffer).equals(one.stored));
  t.same(from(tier.told.lines), ['served bucket', 'served bucket', 'served memory']);
  t.same(
    tier.bucket.calls.map((call) => call.split(' ')[0]),
    ['read', 'get'],
  );
});

test('readers who stand still hold no more than the bound, and others are served from disk', async (t) => {
  const tier = await openHotTier(t, { memory: 25_000 });
  const standing = [];
  for (let n = 0; n < 5; n += 1) {
    const one = await inBucket(tier, segment(n));
    for (let reader = 0; reader < 3; reader += 1) {
      const options = { ifMatch: one.etag, size: one.stored.length };
      const stream = await tier.hot.read(one.name, 0, one.stored.length, options);
      if (stream === undefined || stream === 'changed') throw new Error('it is not there');
      standing.push({ stream, stored: one.stored });
    }
  }
  const memory = tier.told.lines.filter((line) => line === 'served memory').length;
  t.equal(memory, 1, 'one favourite fits beside what the first reader was lent on its way');
  for (const { stream, stored } of standing) t.ok((await buffer(stream)).equals(stored));
});

test('what readers have read to its end makes room, and what they left', async (t) => {
  const tier = await openHotTier(t, { memory: 25_000 });
  for (let n = 0; n < 5; n += 1) await read(tier, await inBucket(tier, segment(n)));
  const left = await inBucket(tier, segment(5));
  const stream = await tier.hot.read(left.name, 0, 10_000, { ifMatch: left.etag, size: left.stored.length });
  if (stream === undefined || stream === 'changed') throw new Error('it is not there');
  stream.destroy();
  await finished(stream).catch(() => {});
  const favourites = [await inBucket(tier, segment(6)), await inBucket(tier, segment(7))];
  for (let reader = 0; reader < 2; reader += 1) for (const one of favourites) await read(tier, one);
  tier.told.lines.length = 0;
  for (const one of favourites) await read(tier, one);
  t.same(tier.told.lines, ['served memory', 'served memory']);
});

test('what is lent counts until it is given back, kept or not', (t) => {
  const tier = new MemoryTier(100);
  const first = tier.keep('a', '1', Buffer.alloc(60));
  t.ok(first);
  t.equal(tier.keep('b', '1', Buffer.alloc(60)), undefined, 'what is being read is not pushed out');
  tier.drop('a');
  t.equal(tier.held, 60, 'nor forgotten');
  t.equal(tier.lend('a', '1'), undefined);
  const more = first?.again();
  first?.giveBack();
  t.equal(tier.held, 60);
  more?.giveBack();
  t.equal(tier.held, 0);

  const passing = tier.pass('c', '1', Buffer.alloc(50));
  t.equal(tier.pass('d', '1', Buffer.alloc(10)), undefined, 'half is for favourites');
  passing?.giveBack();
  const again = tier.pass('d', '1', Buffer.alloc(50));
  again?.giveBack();
  t.equal(tier.held, 0);

  const pinned = tier.keep('x', '1', Buffer.alloc(40));
  for (const name of ['y', 'z']) tier.keep(name, '1', Buffer.alloc(40))?.giveBack();
  t.equal(tier.lend('y', '1'), undefined, 'room is made past what is being read');
  tier.lend('x', '1')?.giveBack();
  pinned?.giveBack();
  t.equal(tier.held, 80);
  for (const name of ['x', 'z']) tier.drop(name);

  for (const name of ['e', 'f', 'g']) tier.keep(name, '1', Buffer.alloc(40))?.giveBack();
  t.equal(tier.lend('e', '1'), undefined, 'the least recently used has gone');
  t.ok(tier.lend('f', '1'));
  t.equal(tier.held, 80);
  t.equal(tier.lend('f', '2'), undefined, 'another version is another thing');
  t.end();
});
