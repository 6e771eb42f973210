import zlib from 'node:zlib';
import fc from 'fast-check';
import { test } from 'tap';
import { combineCrc32 } from '#runner-plugin/archive/crc32-combine.ts';

test('the CRC-32 of two runs is that of both in one', (t) => {
  const bytes = fc.uint8Array({ maxLength: 5000 });
  const property = fc.property(bytes, bytes, (first, second) => {
    const whole = zlib.crc32(Buffer.concat([first, second]));
    return combineCrc32(zlib.crc32(first), zlib.crc32(second), second.length) === whole;
  });
  fc.assert(property);
  const large = Buffer.alloc(8 << 20, 'x');
  t.equal(combineCrc32(zlib.crc32('a'), zlib.crc32(large), large.length), zlib.crc32(`a${large}`));
  t.end();
});
