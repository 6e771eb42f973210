/** How the archive is read: in ranges of whole segments, over few connections, into bounded memory, given out in order. */
import { randomBytes } from 'node:crypto';
import { test } from 'tap';
import { type ArchiveSource, RangeFeed } from '#runner-plugin/archive/range-feed.ts';
import { ReaderGrowth } from '#runner-plugin/archive/reader-growth.ts';
import type { PlannedSegment, RestorePlan } from '#runner-plugin/archive/restore-plan.ts';
import { sourceOf } from './setting.ts';

const MiB = 1024 * 1024;

/** Stored lengths of segments; what is in them does not matter here. */
function planOf(lengths: number[]): RestorePlan {
  let start = 0;
  const segments = lengths.map((length, index): PlannedSegment => {
    const segment = { index, root: 0, identity: '', raw: 512, digest: '', start, length };
    start += length;
    return segment;
  });
  return { segments, bytes: start };
}

const ended = new AbortController().signal;

/** As if memory had lacked: no reader is added. */
function noGrowth(): ReaderGrowth {
  const growth = new ReaderGrowth();
  growth.noteWait();
  return growth;
}

/** Takes and releases whatever is there, and returns it; `each` sees it before. */
async function readAll(plan: RestorePlan, source: ArchiveSource, each?: (segment: number) => void) {
  const pieces: Buffer[] = [];
  const drain = () => {
    for (let ready = feed.take(); ready !== undefined; ready = feed.take()) {
      const { planned, memory, at } = ready;
      each?.(planned.index);
      pieces.push(Buffer.from(Buffer.from(memory, at, planned.length)));
      feed.release(planned.index);
    }
  };
  const feed: RangeFeed = new RangeFeed(plan, source, ended, drain, noGrowth());
  await feed.run();
  return { bytes: Buffer.concat(pieces), read: feed.bytes };
}

test('everything comes, in order, whatever the chunks and however late the ranges', async (t) => {
  const lengths = Array.from({ length: 200 }, (_, index) => 1 + ((index * 7919) % 400_000));
  const plan = planOf(lengths);
  const archive = randomBytes(plan.bytes);
  let turn = 0;
  const late: ArchiveSource = {
    async *read(start, end) {
      // The first ranges are the slowest.
      for (let wait = 50 - 10 * turn++; wait > 0; wait--) await new Promise(setImmediate);
      for (let at = start; at < end; at += 99_991) {
        await new Promise(setImmediate);
        yield archive.subarray(at, Math.min(end, at + 99_991));
      }
    },
  };
  const order: number[] = [];
  const { bytes, read } = await readAll(plan, late, (segment) => order.push(segment));
  t.ok(bytes.equals(archive));
  t.equal(read, archive.length);
  t.same(
    order,
    lengths.map((_, index) => index),
  );
});

test('ranges hold whole segments, up to 4 MiB or one that is larger, and several are read at once', async (t) => {
  const plan = planOf([1.5, 1.5, 1.5, 1.5, 16.1, 1, 1, 3, 3, 2].map((size) => Math.floor(size * MiB)));
  const archive = Buffer.alloc(plan.bytes);
  const ranges: [number, number][] = [];
  let reading = 0;
  let most = 0;
  const source: ArchiveSource = {
    async *read(start, end, signal) {
      ranges.push([start, end]);
      most = Math.max(most, ++reading);
      await new Promise(setImmediate);
      yield* sourceOf(archive).read(start, end, signal);
      reading--;
    },
  };
  await readAll(plan, source);
  const starts = new Set([...plan.segments.map(({ start }) => start), plan.bytes]);
  for (const [start, end] of ranges) t.ok(starts.has(start) && starts.has(end), 'whole segments');
  t.same(
    ranges.map(([start, end]) => Math.round((end - start) / MiB)),
    [3, 3, 16, 2, 3, 3, 2],
  );
  t.equal(most, 3);
});

test('what the answer to the look-up brought along is not read again', async (t) => {
  const plan = planOf(Array(40).fill(MiB));
  const archive = randomBytes(plan.bytes);
  for (const inlined of [1, 1000, MiB, 10.5 * MiB, plan.bytes, plan.bytes + 15]) {
    const asked: [number, number][] = [];
    const source: ArchiveSource = {
      inline: Buffer.concat([archive, Buffer.alloc(15)]).subarray(0, inlined),
      read(start, end, signal) {
        asked.push([start, end]);
        return sourceOf(archive).read(start, end, signal);
      },
    };
    const { bytes, read } = await readAll(plan, source);
    t.ok(bytes.equals(archive), `${inlined} bytes inline`);
    t.equal(read, Math.max(0, archive.length - inlined));
    t.equal(Math.min(...asked.map(([start]) => start), plan.bytes), Math.min(inlined, plan.bytes));
  }
});

test('memory is bounded: without room nothing more is asked for', async (t) => {
  const plan = planOf(Array(1000).fill(MiB));
  const archive = Buffer.alloc(MiB);
  let asked = 0;
  const source: ArchiveSource = {
    async *read(start, end) {
      asked += end - start;
      for (let at = start; at < end; at += MiB) yield archive;
    },
  };
  const feed = new RangeFeed(plan, source, ended, () => {}, noGrowth());
  let over = false;
  const running = feed.run().then(() => {
    over = true;
  });
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  t.equal(asked, 5 * 4 * MiB, 'three readers, and two blocks to spare');
  const blocks = new Set<SharedArrayBuffer>();
  while (!over) {
    for (let ready = feed.take(); ready !== undefined; ready = feed.take()) {
      blocks.add(ready.memory);
      feed.release(ready.planned.index);
    }
    await new Promise(setImmediate);
  }
  await running;
  t.ok(blocks.size <= 10, `${blocks.size} blocks of memory served a GiB`);
});

test('fewer or more bytes than were asked for', async (t) => {
  const plan = planOf([1000, 1000]);
  const giving = (bytes: number): ArchiveSource => ({
    async *read() {
      yield Buffer.alloc(bytes);
    },
  });
  for (const bytes of [0, 1999, 2001, 5000])
    await t.rejects(readAll(plan, giving(bytes)), { code: 'ARCHIVE_MALFORMED' }, `${bytes} bytes`);
  t.equal((await readAll(plan, giving(2000))).read, 2000);
});

test("a source's error passes through as it is", async (t) => {
  const error = new Error('mine');
  const source: ArchiveSource = {
    // biome-ignore lint/correctness/useYield: it fails first
    async *read() {
      throw error;
    },
  };
  await t.rejects(readAll(planOf([10]), source), error);
});

test('a connection is added while the last one was worth it', (t) => {
  let now = 0;
  const growth = new ReaderGrowth(() => now);
  let bytes = 0;
  /** As many ranges as there are readers come in `ms`; whether another reader is wanted after the last. */
  const round = (readers: number, ms: number) => {
    let wanted = false;
    for (let range = 1; range <= readers; range++) {
      now += ms / readers;
      bytes += 8 * MiB;
      wanted = growth.isWorthAnother(readers, bytes);
      if (range < readers) t.notOk(wanted, 'not before each has brought one');
    }
    return wanted;
  };
  t.ok(round(3, 100), 'the first is always tried');
  t.ok(round(4, 100), 'a third faster than with three');
  t.notOk(round(5, 125), 'no faster than with four');
  t.notOk(round(5, 10), 'and that was that');
  t.end();
});

test('no connection is added where memory is what lacks', (t) => {
  let now = 0;
  const growth = new ReaderGrowth(() => now);
  growth.noteWait();
  for (let range = 1; range <= 20; range++) {
    now += 10;
    t.notOk(growth.isWorthAnother(3, range * MiB));
  }
  t.end();
});

test('where the first byte is slow to come, all connections start at once; where it is not, three do', async (t) => {
  for (const [ms, expected] of [
    [10, 8],
    [1, 3],
  ] as const) {
    let now = 0;
    const begun: number[] = [];
    const source: ArchiveSource = {
      async *read(start, end) {
        begun.push(start);
        await new Promise(setImmediate);
        now += ms;
        // The first byte of the first range; nothing more comes until the end.
        yield Buffer.alloc(1);
        for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
        yield Buffer.alloc(end - start - 1);
      },
    };
    const growth = new ReaderGrowth(() => 0);
    const feed = new RangeFeed(
      planOf(Array(8).fill(MiB * 4)),
      source,
      ended,
      () => {},
      growth,
      () => now,
    );
    void feed.run();
    for (let turn = 0; turn < 40; turn++) await new Promise(setImmediate);
    t.equal(begun.length, expected, `after ${ms} ms`);
  }
});

test('over a long way, eight connections at most are used', async (t) => {
  const plan = planOf(Array(100).fill(8 * MiB));
  let now = 0;
  let reading = 0;
  let most = 0;
  const chunk = Buffer.alloc(8 * MiB);
  // Each connection has a speed of its own: all together are as fast as there are many.
  const source: ArchiveSource = {
    async *read() {
      most = Math.max(most, ++reading);
      await new Promise(setImmediate);
      now += 100 / reading;
      yield chunk;
      reading--;
    },
  };
  const drain = () => {
    for (let ready = feed.take(); ready !== undefined; ready = feed.take()) feed.release(ready.planned.index);
  };
  const feed: RangeFeed = new RangeFeed(plan, source, ended, drain, new ReaderGrowth(() => now));
  await feed.run();
  t.ok(most > 4 && most <= 8, `${most} at once`);
});
