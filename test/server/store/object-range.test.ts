/** How large the chunks of a stream are: by the reader's pace, and bounded for all readers together. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { LargeChunks, ObjectRange, openObject } from '#server/store/object-file.ts';

const KiB = 1024;
const SIZE = 8 * 1024 * KiB;

function fileOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'cachalot-range-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'object'), Buffer.alloc(SIZE, 1));
  return join(folder, 'object');
}

/** Time goes on only when the test says so. */
function stopClock(t: Test): (milliseconds: number) => void {
  const { now } = performance;
  let time = 0;
  performance.now = () => time;
  t.teardown(() => {
    performance.now = now;
  });
  return (milliseconds) => {
    time += milliseconds;
  };
}

async function rangeOf(path: string, large: LargeChunks): Promise<AsyncIterator<Buffer>> {
  const file = await openObject(path);
  if (file === undefined) throw new Error('no file');
  return new ObjectRange(file, 0, SIZE, large)[Symbol.asyncIterator]();
}

async function sizeOfNext(range: AsyncIterator<Buffer>): Promise<number> {
  return (await range.next()).value?.length ?? 0;
}

test('who comes back at once gets more at a time, who is slow the least', async (t) => {
  const pass = stopClock(t);
  const large = new LargeChunks();
  const fast = await rangeOf(fileOf(t), large);
  t.equal(await sizeOfNext(fast), 64 * KiB, 'nothing is known of it yet');
  pass(0.1);
  t.equal(await sizeOfNext(fast), 1024 * KiB);
  pass(64);
  t.equal(await sizeOfNext(fast), 160 * KiB, 'as much as it took in ten milliseconds');
  pass(160);
  t.equal(await sizeOfNext(fast), 64 * KiB);
  await fast.return?.();
});

test('large chunks are bounded for all readers together, and a reader that ends gives its own back', async (t) => {
  const pass = stopClock(t);
  const path = fileOf(t);
  const large = new LargeChunks();
  const readers: AsyncIterator<Buffer>[] = [];
  let granted = 0;
  for (let n = 0; n < 40; n++) {
    const reader = await rangeOf(path, large);
    readers.push(reader);
    await sizeOfNext(reader);
    pass(0.1);
    if ((await sizeOfNext(reader)) > 64 * KiB) granted++;
  }
  t.equal(granted, 16, 'a mebibyte each, 16 in all; the others go on with the least');
  for (const reader of readers) await reader.return?.();
  t.ok(large.take(16 * 1024 * KiB), 'everything is free again');
});

test('a range read to its end gives back what it had', async (t) => {
  stopClock(t);
  const large = new LargeChunks();
  const range = await rangeOf(fileOf(t), large);
  let bytes = 0;
  for (let size = await sizeOfNext(range); size > 0; size = await sizeOfNext(range)) bytes += size;
  t.equal(bytes, SIZE);
  t.ok(large.take(16 * 1024 * KiB));
});
