/** Stored bytes that are not what manifest and layout say: hardening.md D1 to D5. */
import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { test } from 'tap';
import { sha256 } from '#protocol/format/digest.ts';
import { encodeStored, TRAILER_BYTES } from '#protocol/format/frame.ts';
import { PART_BYTES } from '#protocol/format/limits.ts';
import type { SegmentRef } from '#protocol/format/manifest.ts';
import { fault } from '#protocol/wire/errors.ts';
import { fileOf, headerBlock, sizeField } from '../../../protocol/format/header-block.ts';
import { type Archive, archiveOf, storedAround } from './archives.ts';
import { outcomeOf, refuses, settingFor, snapshot, sourceOf, unpackInto } from './setting.ts';

const RAW = Buffer.concat([
  headerBlock({ name: 'tree/', type: '5' }),
  fileOf('tree/f', 'content '.repeat(1000)),
]);

/** The segment, stored as these bytes. */
const storedAs = (stored: Buffer) => archiveOf({ segments: [{ raw: RAW, stored }], members: 2, files: 1 });
const framedAs = (frame: Buffer) => storedAs(storedAround(frame, RAW));

const frameOf = (raw: Buffer, params: Record<number, number> = {}) =>
  zlib.zstdCompressSync(raw, {
    params: { [zlib.constants.ZSTD_c_checksumFlag]: 1, ...params },
    pledgedSrcSize: raw.length,
  });

/** A frame of blocks that repeat one byte, whose header claims `size`: 64 MiB in 2 KB. */
function bombClaiming(size: number): Buffer {
  const header = Buffer.alloc(9);
  header.writeUInt32LE(0xfd2fb528, 0);
  // Content size in four bytes, single segment, checksum.
  header[4] = 0xa4;
  header.writeUInt32LE(size, 5);
  const blocks = Array.from({ length: 512 }, (_, index) => {
    const block = Buffer.alloc(4);
    block.writeUIntLE((128 * 1024 * 8 + 2 + (index === 511 ? 1 : 0)) >>> 0, 0, 3);
    return block;
  });
  return Buffer.concat([header, ...blocks, Buffer.alloc(4)]);
}

test('D1 64 MiB of zeros in 2 KB: nothing is decoded beyond the size in the manifest', async (t) => {
  const honest = bombClaiming(64 * 1024 * 1024);
  t.ok(honest.length < 2100);
  const before = process.memoryUsage().rss;
  await refuses(t, framedAs(honest), 'SEGMENT_UNREADABLE');
  await refuses(t, framedAs(bombClaiming(RAW.length)), 'SEGMENT_DAMAGED');
  await refuses(t, framedAs(frameOf(Buffer.alloc(64 * 1024 * 1024))), 'SEGMENT_UNREADABLE');
  t.ok(process.memoryUsage().rss - before < 200e6);
});

test('D1 a gzip bomb', async (t) => {
  await refuses(t, framedAs(zlib.gzipSync(Buffer.alloc(64 * 1024 * 1024))), 'SEGMENT_UNREADABLE');
});

test('D2 a frame with windowLog 27', async (t) => {
  const frame = frameOf(RAW);
  // A frame of one segment has no window of its own: made one that has, in the byte behind the descriptor.
  const withWindow = (windowLog: number) => {
    const head = Buffer.from(frame.subarray(0, 5));
    head[4] = (head[4] ?? 0) & ~0x20;
    return framedAs(Buffer.concat([head, Buffer.from([(windowLog - 10) << 3]), frame.subarray(5)]));
  };
  await refuses(t, withWindow(27), 'SEGMENT_UNREADABLE');
  await refuses(t, withWindow(24), 'SEGMENT_UNREADABLE');
  t.type(await outcomeOf(unpackInto(settingFor(t).target, withWindow(23))), 'object');
});

test('D3 truncated, bit-flipped, garbage for a trailer, two frames', async (t) => {
  const { stored } = encodeStored(RAW);
  const frame = stored.subarray(0, -TRAILER_BYTES);
  await refuses(t, storedAs(stored.subarray(0, -1)), 'SEGMENT_UNREADABLE');
  await refuses(t, storedAs(stored.subarray(0, stored.length / 2)), 'SEGMENT_UNREADABLE');
  await refuses(t, framedAs(frame.subarray(0, -1)), 'SEGMENT_UNREADABLE');
  await refuses(t, storedAs(Buffer.concat([frame, randomBytes(TRAILER_BYTES)])), 'SEGMENT_UNREADABLE');
  await refuses(t, framedAs(Buffer.concat([frame, frame])), 'SEGMENT_UNREADABLE');
  await refuses(t, storedAs(Buffer.concat([stored, stored])), 'SEGMENT_UNREADABLE');
});

test('D3 a bit flipped on the way, anywhere in the frame', async (t) => {
  const archive = storedAs(encodeStored(RAW).stored);
  const length = archive.layout.segments[0]?.length ?? 0;
  const { target } = settingFor(t, false);
  for (let at = 0; at < length - TRAILER_BYTES; at += 7) {
    const bytes = Buffer.from(archive.bytes);
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    const outcome = await outcomeOf(unpackInto(target, archive, { source: sourceOf(bytes), workers: 0 }));
    t.match(outcome, /^SEGMENT_(DAMAGED|UNREADABLE)$/, `byte ${at}`);
  }
});

test("D3 damage that was there when the frame was hashed: by zstd's checksum", async (t) => {
  const frame = Buffer.from(encodeStored(RAW).stored.subarray(0, -TRAILER_BYTES));
  frame[frame.length - 10] = (frame[frame.length - 10] ?? 0) ^ 1;
  await refuses(t, framedAs(frame), 'SEGMENT_DAMAGED');
});

test('D3 a whole frame that is not the one of the layout', async (t) => {
  const archive = storedAs(encodeStored(RAW).stored);
  for (const segment of archive.layout.segments) segment.digest = sha256('another frame');
  for (const workers of [0, 1]) await refuses(t, archive, 'SEGMENT_DAMAGED', { workers });
});

test('D3 another content, whole and of the right size: by identity, where the reader is pinned', async (t) => {
  const other = Buffer.from(RAW);
  other.write('CONTENT', 1024);
  const archive = framedAs(frameOf(other));
  for (const workers of [0, 1]) await refuses(t, archive, 'SEGMENT_DAMAGED', { verify: 'full', workers });
  // Otherwise the server's word is taken for it.
  const { target } = settingFor(t);
  t.type(await outcomeOf(unpackInto(target, archive)), 'object');
});

test('D3 a whole segment of another identity in its place', async (t) => {
  const other = Buffer.from(RAW);
  other.write('CONTENT', 1024);
  await refuses(t, storedAs(encodeStored(other).stored), 'SEGMENT_DAMAGED');
});

test('damage in one of many segments, in threads', async (t) => {
  const names = Array.from({ length: 20 }, (_, index) => `tree/file-${String.fromCharCode(97 + index)}`);
  const segments = [
    headerBlock({ name: 'tree/', type: '5' }),
    ...names.map((name) => fileOf(name, name.repeat(50_000))),
  ];
  const archive = archiveOf({ segments, members: 21, files: 20 });
  for (const index of [0, 1, 10, 20]) {
    const start = archive.layout.segments.slice(0, index).reduce((sum, { length }) => sum + length, 0);
    const bytes = Buffer.from(archive.bytes);
    bytes[start + 20] = (bytes[start + 20] ?? 0) ^ 1;
    await refuses(t, archive, 'SEGMENT_DAMAGED', { source: sourceOf(bytes, 1000), workers: 2 });
  }
});

type Part = NonNullable<SegmentRef['part']>;

/** A file of two parts; `first` and `second` as the manifest says them, `header` as the stream does. */
function large(
  first: Partial<Part> = {},
  second: Partial<Part> = {},
  header: Parameters<typeof headerBlock>[0] = {},
): Archive {
  const size = PART_BYTES + 1000;
  const path = 'tree/big';
  const segments = [
    headerBlock({ name: 'tree/', type: '5' }),
    headerBlock({ name: path, size: sizeField(size), ...header }),
    { raw: Buffer.alloc(PART_BYTES, 'a'), part: { path, offset: 0, size, ...first } },
    {
      raw: Buffer.concat([Buffer.alloc(1000, 'b'), Buffer.alloc(24)]),
      part: { path, offset: PART_BYTES, size, ...second },
    },
  ];
  return archiveOf({ segments, members: 2, files: 1 });
}

test('D4 a part whose offset, size or path disagrees with its neighbours', async (t) => {
  const size = PART_BYTES + 1000;
  const changes: [Partial<Part>, Partial<Part>][] = [
    [{ offset: 1 }, {}],
    [{}, { offset: PART_BYTES - 1 }],
    [{}, { offset: 2 * PART_BYTES }],
    [{ size: size + 1 }, {}],
    [{}, { size: size + 512 }],
    [{}, { path: 'tree/other' }],
    [{ path: '../big' }, { path: '../big' }],
  ];
  for (const [first, second] of changes) await refuses(t, large(first, second), 'MANIFEST_UNREADABLE');
});

test('D4 a header that disagrees with the parts that follow it', async (t) => {
  const sized = (size: number) => large({ size }, { size });
  await refuses(t, sized(PART_BYTES + 1001), 'ARCHIVE_MALFORMED');
  await refuses(t, sized(PART_BYTES + 1001), 'ARCHIVE_MALFORMED', { workers: 2 });
  await refuses(t, sized(PART_BYTES + 999), 'ARCHIVE_MALFORMED');
  for (const header of [
    { name: 'tree/other' },
    { size: sizeField(0) },
    { type: '5', name: 'tree/big/', size: sizeField(0) },
  ])
    await refuses(t, large({}, {}, header), 'ARCHIVE_MALFORMED');
});

test('D4 the same file is restored when all agree, by threads and without', async (t) => {
  for (const workers of [0, 2]) {
    const { target } = settingFor(t);
    await unpackInto(target, large(), { workers });
    const content = `${'a'.repeat(PART_BYTES)}${'b'.repeat(1000)}`;
    t.ok(snapshot(target).big === `file 644 ${content} 499162500000000000`, `${workers} threads`);
  }
});

test('D4 sizes in the manifest that are wrong by one, or by one block', async (t) => {
  for (const wrong of [-512, -1, 1, 512]) {
    const archive = storedAs(encodeStored(RAW).stored);
    const [root] = archive.manifest.roots;
    const segment = root?.segments[0];
    if (root === undefined || segment === undefined) return;
    segment.raw += wrong;
    root.raw += wrong;
    archive.manifest.totals.raw += wrong;
    const code = wrong % 512 === 0 ? 'SEGMENT_DAMAGED' : 'MANIFEST_UNREADABLE';
    await refuses(t, archive, code);
  }
});

test('D5 a layout that is not of this manifest is stale, and nothing is read by it', async (t) => {
  const archive = storedAs(encodeStored(RAW).stored);
  const [segment] = archive.layout.segments;
  if (segment === undefined) return;
  const unread = {
    // biome-ignore lint/correctness/useYield: nothing is to be asked for
    async *read(): AsyncGenerator<Buffer> {
      t.fail('asked for bytes');
    },
  };
  const stale = [
    [],
    [segment, segment],
    [{ ...segment, identity: sha256('another') }],
    [{ ...segment, length: TRAILER_BYTES }],
    [{ ...segment, length: 2 ** 31 }],
    [{ ...segment, length: Number.NaN }],
  ];
  for (const segments of stale)
    await refuses(t, { ...archive, layout: { segments } }, 'LAYOUT_STALE', { source: unread });
});

test('D5 an object that is rewritten between two ranges: no mixture, by the layout or by the source', async (t) => {
  // Two writers' frames of the same segments.
  const raws = [
    headerBlock({ name: 'tree/', type: '5' }),
    fileOf('tree/a', 'a'.repeat(3000)),
    fileOf('tree/b', 'b'.repeat(3000)),
  ];
  const first = archiveOf({ segments: raws, members: 3, files: 2 });
  const rewritten = archiveOf({
    segments: raws.map((raw) => ({
      raw,
      stored: storedAround(frameOf(raw, { [zlib.constants.ZSTD_c_compressionLevel]: 19 }), raw),
    })),
    members: 3,
    files: 2,
  });
  const half = Math.floor(first.bytes.length / 2);
  const mixture = Buffer.concat([
    first.bytes.subarray(0, half),
    rewritten.bytes.subarray(half, first.bytes.length),
    Buffer.alloc(200),
  ]);
  const outcome = await outcomeOf(unpackInto(settingFor(t).target, first, { source: sourceOf(mixture) }));
  t.match(outcome, /^SEGMENT_/);
  const refusing = {
    async *read(start: number): AsyncGenerator<Buffer> {
      yield first.bytes.subarray(start, half);
      throw fault('LAYOUT_STALE', { entry: 'test' });
    },
  };
  await refuses(t, first, 'LAYOUT_STALE', { source: refusing });
});
