import { test } from 'tap';
import { packTimes, unpackTimes } from '#protocol/format/times.ts';
import { isFault } from '#protocol/wire/errors.ts';

test('a time is a signed 64-bit little-endian count of nanoseconds', (t) => {
  const times = [0n, 1n, -1n, 1_700_000_000_123_456_789n, 2n ** 63n - 1n, -(2n ** 63n)];
  const packed = packTimes(times);
  t.equal(packed.toString('hex', 8, 24), `0100000000000000${'ff'.repeat(8)}`);
  t.same([...unpackTimes(packed)], times);
  const odd = Buffer.concat([Buffer.from('x'), packed]).subarray(1);
  t.same([...unpackTimes(odd, 6)], times, 'from anywhere in memory');
  t.same([...unpackTimes(packTimes([]))], []);
  t.end();
});

test('there is one time for each member', (t) => {
  const packed = packTimes([1n, 2n]);
  t.throws(() => unpackTimes(packed, 3), { code: 'ARCHIVE_MALFORMED' });
  t.throws(() => unpackTimes(packed, 1), { code: 'ARCHIVE_MALFORMED' });
  try {
    unpackTimes(packed.subarray(1));
    t.fail('15 bytes are no times');
  } catch (error) {
    t.ok(isFault(error, 'ARCHIVE_MALFORMED'));
  }
  t.end();
});
