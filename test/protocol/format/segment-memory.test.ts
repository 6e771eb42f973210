import { test } from 'tap';
import { SegmentMemory } from '#protocol/format/segment-memory.ts';

test('pieces do not overlap, gaps are used again from the lowest on, and there is an end', (t) => {
  const memory = new SegmentMemory(100);
  const [a, b, c] = [memory.take(40), memory.take(30), memory.take(30)];
  t.same([a?.start, b?.start, c?.start], [0, 40, 70]);
  t.equal(memory.take(1), undefined);
  if (b !== undefined) memory.release(b);
  t.equal(memory.take(31), undefined);
  const [d, e] = [memory.take(10), memory.take(20)];
  t.same([d?.start, e?.start], [40, 50]);
  if (a !== undefined) memory.release(a);
  t.equal(memory.take(40)?.start, 0);
  d?.bytes.fill(1);
  for (const other of [c, e]) other?.bytes.fill(2);
  t.ok(d?.bytes.every((byte) => byte === 1));
  t.end();
});
