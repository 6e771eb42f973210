import fc from 'fast-check';
import { test } from 'tap';
import { LIMITS } from '#protocol/format/limits.ts';
import { BatchReader, encodeBatchPart } from '#protocol/wire/batch.ts';

const bodyOf = (objects: (Buffer | undefined)[]) => Buffer.concat(objects.flatMap(encodeBatchPart));

/** The body in pieces of these lengths, over and over. */
function* pieces(body: Buffer, lengths: number[]): Generator<Buffer> {
  for (let at = 0, n = 0; at < body.length; n++) {
    const length = lengths[n % lengths.length] as number;
    yield body.subarray(at, at + length);
    at += length;
  }
}

test('objects come back whole and in order, however the body is cut', (t) => {
  const objects = fc.array(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 20 },
  );
  const lengths = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(objects, lengths, (objects, lengths) => {
      const reader = new BatchReader();
      const read = [...pieces(bodyOf(objects), lengths)].flatMap((piece) => reader.push(piece));
      reader.end();
      return read.length === objects.length && read.every((bytes, n) => bytes.equals(objects[n] as Buffer));
    }),
  );
  t.end();
});

test('what is not there is an empty object', (t) => {
  const reader = new BatchReader();
  t.same(reader.push(bodyOf([Buffer.from('a'), undefined, Buffer.from('b')])).map(String), ['a', '', 'b']);
  t.same(encodeBatchPart(undefined), [Buffer.alloc(4)]);
  t.end();
});

test('an object that is too large is refused before its bytes have come', (t) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(LIMITS.segmentStored + 1);
  t.throws(() => new BatchReader().push(length), { code: 'REQUEST_TOO_LARGE' });
  length.writeUInt32LE(LIMITS.segmentStored);
  t.same(new BatchReader().push(length), []);
  t.end();
});

test('a body that ends inside an object is refused', (t) => {
  const body = bodyOf([Buffer.from('whole'), Buffer.from('cut')]);
  for (let end = 1; end < body.length; end++) {
    const reader = new BatchReader();
    const read = reader.push(body.subarray(0, end));
    if (end === 9) t.doesNotThrow(() => reader.end(), 'between two objects');
    else t.throws(() => reader.end(), { code: 'REQUEST_INVALID' }, `after ${end} bytes`);
    t.equal(read.length, end < 9 ? 0 : 1);
  }
  t.end();
});

test('an object inside one chunk is not copied', (t) => {
  const body = bodyOf([Buffer.from('a'), Buffer.from('b')]);
  const [first] = new BatchReader().push(body) as [Buffer];
  t.equal(first.buffer, body.buffer);
  t.end();
});
