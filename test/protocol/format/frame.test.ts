import { hash, randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { test } from 'tap';
import {
  archiveEnd,
  checkFrame,
  decodeFrame,
  encodeStored,
  parseStored,
  TRAILER_BYTES,
  verifyStored,
} from '#protocol/format/frame.ts';
import { FrameDecoder } from '#protocol/format/frame-decoder.ts';
import { FrameEncoder } from '#protocol/format/frame-encoder.ts';
import { allowsInPlace } from '#protocol/format/in-place-zstd.ts';
import { LIMITS, ZSTD_LEVEL, ZSTD_LEVEL_TUNING } from '#protocol/format/limits.ts';
import { readTrailer, TRAILER_VERSION, writeTrailer } from '#protocol/format/trailer.ts';
import { readFrameShape } from '#protocol/format/zstd-frame.ts';
import { type ErrorCode, isFault } from '#protocol/wire/errors.ts';

const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag, ZSTD_c_windowLog, ZSTD_c_compressionLevel } =
  zlib.constants;
const sha256 = (bytes: Buffer) => hash('sha256', bytes);
const text = Buffer.from('every hit returns the bytes that were committed\n'.repeat(40_000));
const noise = randomBytes(200_000);

/** A stored object around any frame, with a trailer that fits it. */
function around(frame: Buffer, raw: Buffer | number, identity = '0'.repeat(64)): Buffer {
  const stored = Buffer.concat([frame, Buffer.alloc(TRAILER_BYTES)]);
  const size = typeof raw === 'number' ? raw : raw.length;
  const trailer = {
    version: TRAILER_VERSION,
    identity,
    raw: size,
    frameLength: frame.length,
    digest: sha256(frame),
  };
  writeTrailer(trailer, stored, frame.length);
  return stored;
}

function zstd(
  raw: Buffer,
  params: Record<number, number> = {},
  pledgedSrcSize: number | undefined = raw.length,
): Buffer {
  const options = { params: { [ZSTD_c_checksumFlag]: 1, ...params } };
  return zlib.zstdCompressSync(raw, pledgedSrcSize === undefined ? options : { ...options, pledgedSrcSize });
}

function codeOf(act: () => unknown): ErrorCode | 'none' {
  try {
    act();
    return 'none';
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

test('a segment is stored as one zstd frame and its trailer, and comes back', (t) => {
  for (const raw of [Buffer.from('x'), text, noise, Buffer.alloc(LIMITS.segmentRaw)]) {
    const { stored, identity, digest, length } = encodeStored(raw);
    t.equal(identity, sha256(raw));
    t.equal(length, stored.length);
    t.ok(length <= LIMITS.segmentStored);
    t.same(verifyStored(stored), { identity, raw: raw.length, length, digest });
    const parsed = parseStored(stored);
    t.equal(sha256(parsed.frame), digest);
    t.ok(decodeFrame(parsed.frame, raw.length).equals(raw));
    t.ok(zlib.zstdDecompressSync(stored).equals(raw), 'a reader that knows no trailer passes over it');
  }
  t.throws(() => encodeStored(Buffer.alloc(0)), RangeError);
  t.throws(() => encodeStored(Buffer.alloc(LIMITS.segmentRaw + 1)), RangeError);
  t.end();
});

test('an incompressible segment of the largest size fits its bound', (t) => {
  const raw = randomBytes(LIMITS.segmentRaw);
  t.ok(encodeStored(raw).length <= LIMITS.segmentStored);
  t.end();
});

test('the frame has a checksum, a content size, no dictionary, and a window of 8 MiB at most', (t) => {
  for (const raw of [text, noise, randomBytes(4_000_000), Buffer.alloc(12_000_000, 'x')]) {
    const { frame } = parseStored(encodeStored(raw).stored);
    const descriptor = frame[4] as number;
    t.equal(descriptor & 0x07, 0x04, 'checksum flag, no dictionary');
    const shape = readFrameShape(frame);
    t.match(shape, { contentSize: raw.length });
    t.ok(typeof shape !== 'string' && shape.window <= 2 ** LIMITS.windowLog);
  }
  t.end();
});

test('what does not compress in its first 64 KiB is compressed at level 1, the rest at level 3', (t) => {
  const frameOf = (raw: Buffer) => parseStored(encodeStored(raw).stored).frame;
  const tuning = {
    [zlib.constants.ZSTD_c_minMatch]: ZSTD_LEVEL_TUNING.minMatch,
    [zlib.constants.ZSTD_c_chainLog]: ZSTD_LEVEL_TUNING.chainLog,
  };
  const at = (raw: Buffer, level: number) =>
    zstd(raw, { [ZSTD_c_compressionLevel]: level, ...(level === ZSTD_LEVEL ? tuning : {}) });
  const sameSize = (a: Buffer, b: Buffer) => Math.abs(a.length - b.length) < 64;
  const word = (i: number) => `${sha256(Buffer.from(`${(i * i) % 997}`)).slice(0, 3 + (i % 7))} `;
  const words = Buffer.from(Array.from({ length: 60_000 }, (_, i) => word(i)).join(''));
  t.ok(sameSize(frameOf(words), at(words, 3)) && !sameSize(at(words, 1), at(words, 3)));
  const late = Buffer.concat([randomBytes(64 * 1024), words]);
  t.ok(sameSize(frameOf(late), at(late, 1)) && !sameSize(at(late, 1), at(late, 3)));
  t.end();
});

test('the trailer is a skippable frame of {version, identity, raw, frame length, digest}, little endian', (t) => {
  const { stored, identity, digest } = encodeStored(text);
  const trailer = stored.subarray(-TRAILER_BYTES);
  t.equal(TRAILER_BYTES, 92);
  t.equal(trailer.readUInt32LE(0), 0x184d2a5c);
  t.equal(trailer.readUInt32LE(4), 84);
  t.equal(trailer.readUInt32LE(8), 1);
  t.equal(trailer.toString('hex', 12, 44), identity);
  t.equal(trailer.readBigUInt64LE(44), BigInt(text.length));
  t.equal(trailer.readBigUInt64LE(52), BigInt(stored.length - TRAILER_BYTES));
  t.equal(trailer.toString('hex', 60, 92), digest);
  t.equal(readTrailer(trailer.subarray(1)), undefined);
  t.end();
});

test('D1 64 MiB of zeros in 2 KB stop at the size that the manifest names', (t) => {
  const bomb = zstd(Buffer.alloc(64 << 20));
  t.ok(bomb.length < 8192);
  t.equal(
    codeOf(() => parseStored(around(bomb, 64 << 20))),
    'SEGMENT_UNREADABLE',
    'more than a segment may have',
  );
  t.equal(
    codeOf(() => parseStored(around(bomb, 1024))),
    'SEGMENT_UNREADABLE',
    'more than the trailer says',
  );
  t.equal(
    codeOf(() => decodeFrame(bomb, 1024)),
    'SEGMENT_UNREADABLE',
    'more than the manifest says',
  );
  // The header may lie: what counts is what comes out.
  const lying = Buffer.from(zstd(Buffer.alloc(1 << 20)));
  const { contentSize } = readFrameShape(lying) as { contentSize: number };
  t.equal(contentSize, 1 << 20);
  lying.writeUInt32LE(1024, lying.indexOf(Buffer.from([0, 0, 0x10, 0]), 5));
  t.match(readFrameShape(lying), { contentSize: 1024 });
  const into = Buffer.alloc(2048, 'u');
  t.equal(
    codeOf(() => decodeFrame(lying, 1024, into)),
    'SEGMENT_DAMAGED',
  );
  t.ok(into.subarray(1024).equals(Buffer.alloc(1024, 'u')), 'nothing is written beyond');
  const gzip = around(zlib.gzipSync(Buffer.alloc(1 << 20)), 1 << 20);
  t.equal(
    codeOf(() => parseStored(gzip)),
    'SEGMENT_UNREADABLE',
    'a gzip bomb is no frame',
  );
  t.end();
});

test('D2 a frame that asks for a window over 2^23 is refused before it is decoded', (t) => {
  const raw = randomBytes(12 << 20);
  const wide = zstd(raw, { [ZSTD_c_windowLog]: 27 });
  t.equal(
    codeOf(() => parseStored(around(wide, raw))),
    'SEGMENT_UNREADABLE',
  );
  t.equal(
    codeOf(() => decodeFrame(wide, raw.length)),
    'SEGMENT_UNREADABLE',
  );
  const narrow = zstd(raw, { [ZSTD_c_windowLog]: 23 });
  t.ok(decodeFrame(narrow, raw.length).equals(raw));
  // A window descriptor of 27 in a small frame, where the content itself would not need it.
  const small = Buffer.concat([zstd(text, { [ZSTD_c_windowLog]: 20 })]);
  t.equal((small[4] as number) & 0x20, 0);
  small[5] = 17 << 3;
  t.match(readFrameShape(small), { window: 2 ** 27 });
  t.equal(
    codeOf(() => decodeFrame(small, text.length)),
    'SEGMENT_UNREADABLE',
  );
  t.end();
});

test('D3 every bit that flips in a stored object is noticed', (t) => {
  const { stored } = encodeStored(Buffer.from('the quick brown fox jumps over the lazy dog '.repeat(20)));
  const flips = Array.from({ length: stored.length * 8 }, (_, bit) => bit);
  const accepted = flips.filter((bit) => {
    const damaged = Buffer.from(stored);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    return codeOf(() => verifyStored(damaged)) === 'none';
  });
  t.same(accepted, []);
  t.end();
});

test('D3 a flipped bit in the frame is noticed by zstd itself, also where the digest was made to fit', (t) => {
  const raw = Buffer.from('the quick brown fox jumps over the lazy dog '.repeat(20));
  const { frame } = parseStored(encodeStored(raw).stored);
  // The header's reserved and single-segment bits aside, of which some combinations mean the same.
  const flips = Array.from({ length: (frame.length - 5) * 8 }, (_, bit) => bit + 40);
  const accepted = flips.filter((bit) => {
    const damaged = Buffer.from(frame);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    return (
      codeOf(() => decodeFrame(damaged, raw.length)) === 'none' &&
      !decodeFrame(damaged, raw.length).equals(raw)
    );
  });
  t.same(accepted, [], 'no other content ever comes out');
  t.end();
});

test('D3 truncated, followed by garbage, or two frames: refused', (t) => {
  const { stored } = encodeStored(text);
  const { frame } = parseStored(stored);
  const lengths = Array.from({ length: stored.length }, (_, length) => length);
  t.same(
    lengths.filter(
      (length) => codeOf(() => parseStored(stored.subarray(0, length))) !== 'SEGMENT_UNREADABLE',
    ),
    [],
    'cut anywhere',
  );
  t.same(
    Array.from({ length: frame.length }, (_, length) => length).filter(
      (length) => codeOf(() => decodeFrame(frame.subarray(0, length), text.length)) !== 'SEGMENT_UNREADABLE',
    ),
    [],
    'a frame cut anywhere',
  );
  const garbage = Buffer.concat([frame, Buffer.alloc(TRAILER_BYTES, 'g')]);
  t.equal(
    codeOf(() => parseStored(garbage)),
    'SEGMENT_UNREADABLE',
    'garbage instead of the trailer',
  );
  t.equal(
    codeOf(() => parseStored(Buffer.concat([stored, Buffer.from('g')]))),
    'SEGMENT_UNREADABLE',
    'garbage behind it',
  );
  t.equal(
    codeOf(() => parseStored(around(Buffer.concat([frame, Buffer.from('g')]), text))),
    'SEGMENT_UNREADABLE',
    'before it',
  );
  const half = [zstd(text.subarray(0, 1000)), zstd(text.subarray(1000))];
  t.equal(
    codeOf(() => parseStored(around(Buffer.concat(half), text))),
    'SEGMENT_UNREADABLE',
    'two frames',
  );
  t.equal(
    codeOf(() => parseStored(Buffer.concat([stored, stored]))),
    'SEGMENT_UNREADABLE',
    'two objects',
  );
  t.end();
});

test('a frame without checksum, without content size or with a dictionary is refused', (t) => {
  t.equal(
    codeOf(() => decodeFrame(zstd(text, { [ZSTD_c_checksumFlag]: 0 }), text.length)),
    'SEGMENT_UNREADABLE',
  );
  t.equal(
    codeOf(() => decodeFrame(zstd(text, { [ZSTD_c_contentSizeFlag]: 0 }), text.length)),
    'SEGMENT_UNREADABLE',
  );
  const unchecked = Buffer.concat([zstd(text, { [ZSTD_c_checksumFlag]: 0 }), Buffer.alloc(4)]);
  t.equal(
    codeOf(() => decodeFrame(unchecked, text.length)),
    'SEGMENT_UNREADABLE',
    'something where a checksum would be',
  );
  const dictionary = Buffer.from(zstd(text));
  dictionary[4] = (dictionary[4] as number) | 1;
  t.equal(
    codeOf(() => decodeFrame(dictionary, text.length)),
    'SEGMENT_UNREADABLE',
  );
  t.end();
});

test('a trailer that lies is refused', (t) => {
  const { stored, identity } = encodeStored(text);
  const { frame } = parseStored(stored);
  t.equal(
    codeOf(() => parseStored(around(frame, text.length - 1))),
    'SEGMENT_UNREADABLE',
    'the size, by one',
  );
  t.equal(
    codeOf(() => verifyStored(around(frame, text, 'f'.repeat(64)))),
    'SEGMENT_DAMAGED',
    'the identity',
  );
  t.same(verifyStored(around(frame, text, identity)).identity, identity);
  const newer = Buffer.from(stored);
  newer.writeUInt32LE(2, frame.length + 8);
  t.equal(
    codeOf(() => parseStored(newer)),
    'SEGMENT_UNREADABLE',
    'another version',
  );
  const other = Buffer.from(stored);
  other.fill(0, other.length - 32);
  t.equal(
    codeOf(() => verifyStored(other)),
    'SEGMENT_DAMAGED',
    'the digest',
  );
  t.equal(
    codeOf(() => checkFrame(frame, sha256(frame), identity)),
    'none',
  );
  t.equal(
    codeOf(() => checkFrame(frame.subarray(1), sha256(frame), identity)),
    'SEGMENT_DAMAGED',
  );
  t.end();
});

/** In place where this Node allows it, and by the public call where it does not: one behaviour. */
for (const [how, open] of [
  ['in place', () => new FrameDecoder()],
  ['by the public call', () => new FrameDecoder(false)],
] as const) {
  test(`a decoder writes ${how} into the caller's buffer, shared or not, again and again`, (t) => {
    const decoder = open();
    const { frame } = parseStored(encodeStored(text).stored);
    const damaged = Buffer.from(frame);
    damaged[frame.length - 1] = (damaged[frame.length - 1] as number) ^ 1;
    for (const into of [
      new Uint8Array(new SharedArrayBuffer(text.length + 10)),
      Buffer.alloc(text.length + 10),
    ]) {
      const content = decoder.decode(frame, text.length, into);
      t.ok(content.equals(text));
      t.equal(content.buffer, into.buffer);
      t.equal(
        codeOf(() => decoder.decode(damaged, text.length, into)),
        'SEGMENT_DAMAGED',
      );
      t.ok(decoder.decode(frame, text.length, into).equals(text), 'also after a damaged one');
      t.throws(() => decoder.decode(frame, text.length, into.subarray(11)), RangeError);
    }
    const inside = Buffer.alloc(text.length + 10, 'u');
    decoder.decode(frame, text.length, inside.subarray(5));
    t.ok(
      inside.equals(Buffer.concat([Buffer.from('uuuuu'), text, Buffer.from('uuuuu')])),
      'and nowhere else',
    );
    t.ok(decoder.decode(zstd(Buffer.from('x')), 1).equals(Buffer.from('x')));
    decoder.close();
    t.end();
  });
}

test('an encoder writes in place and by the public call what anybody can decode', (t) => {
  for (const encoder of [new FrameEncoder(), new FrameEncoder(false)]) {
    for (const raw of [
      text,
      noise,
      Buffer.from('x'),
      Buffer.alloc(3_000_000),
      text.subarray(7, 70_000),
      noise,
    ]) {
      for (const level of [3, 1] as const) {
        const frame = encoder.encode(raw, level);
        t.match(readFrameShape(frame), { contentSize: raw.length });
        t.ok(zlib.zstdDecompressSync(frame).equals(raw));
      }
    }
  }
  t.end();
});

test('a segment in shared memory is stored as any other', (t) => {
  const shared = Buffer.from(new SharedArrayBuffer(text.length));
  text.copy(shared);
  t.equal(verifyStored(encodeStored(shared).stored).identity, sha256(text));
  t.end();
});

test('this Node works in place: without, decoding has two thirds of the speed', (t) => {
  t.ok(allowsInPlace());
  t.end();
});

test('the end of an archive is a frame of two zero blocks', (t) => {
  t.ok(zlib.zstdDecompressSync(archiveEnd()).equals(Buffer.alloc(1024)));
  t.ok(decodeFrame(archiveEnd(), 1024).equals(Buffer.alloc(1024)), 'with checksum and content size');
  t.ok(
    zlib
      .zstdDecompressSync(Buffer.concat([encodeStored(text).stored, archiveEnd()]))
      .subarray(0, text.length)
      .equals(text),
  );
  t.end();
});
