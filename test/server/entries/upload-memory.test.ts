import { test } from 'tap';
import { UploadMemory } from '#server/entries/upload-memory.ts';

test('who finds no piece that is large enough waits for those before, in line', async (t) => {
  const memory = new UploadMemory(10);
  const [first, second] = [await memory.reserve(4), await memory.reserve(4)];
  const order: string[] = [];
  const asked = (name: string, bytes: number) =>
    memory.reserve(bytes).then((room) => {
      order.push(name);
      return room;
    });
  const large = asked('large', 6);
  const small = asked('small', 2);
  first.release();
  await Promise.resolve();
  t.same(order, [], 'four and two are free, but not in one piece; and the small one does not overtake');
  second.release();
  const rooms = await Promise.all([large, small]);
  t.same(order, ['large', 'small']);
  t.same(
    rooms.map(({ bytes }) => bytes.length),
    [6, 2],
  );
  t.equal(memory.reserved, 8);
  for (const { release } of rooms) {
    release();
    release();
  }
  t.equal(memory.reserved, 0, 'letting go twice counts once');
});

test('no two have the same bytes at once, and the same ones serve again', async (t) => {
  const memory = new UploadMemory(1_000);
  const rooms = await Promise.all(Array.from({ length: 10 }, () => memory.reserve(100)));
  for (const [index, { bytes }] of rooms.entries()) bytes.fill(index);
  for (const [index, { bytes }] of rooms.entries()) t.ok(bytes.every((byte) => byte === index));
  rooms[3]?.release();
  const again = await memory.reserve(50);
  t.ok(again.bytes.every((byte) => byte === 3));
  t.equal(again.bytes.buffer, rooms[0]?.bytes.buffer);
});

test('more than the whole counts as the whole, so it is never waited for in vain', async (t) => {
  const memory = new UploadMemory(10);
  const { bytes, release } = await memory.reserve(1_000);
  t.equal(bytes.length, 10);
  release();
  t.equal(memory.reserved, 0);
});

test('who gives up leaves the line, and those behind move up', async (t) => {
  const memory = new UploadMemory(10);
  const first = await memory.reserve(4);
  const abort = new AbortController();
  const waiting = memory.reserve(8, abort.signal);
  const behind = memory.reserve(5);
  abort.abort(new Error('gone'));
  await t.rejects(waiting, { message: 'gone' });
  (await behind).release();
  first.release();
  t.equal(memory.reserved, 0);
});
