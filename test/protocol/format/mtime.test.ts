import zlib from 'node:zlib';
import { test } from 'tap';
import { DERIVED_EPOCH, derivedMtime, HIDDEN_LOCKFILE_MTIME } from '#protocol/format/mtime.ts';

test('a derived time is the epoch and the low 29 bits of the CRC-32', (t) => {
  t.equal(DERIVED_EPOCH, Date.UTC(1985, 9, 26, 8, 15) / 1000);
  t.equal(derivedMtime(0), DERIVED_EPOCH);
  t.equal(derivedMtime(2 ** 29), DERIVED_EPOCH, 'the 30th bit does not count');
  t.equal(derivedMtime(0xffffffff), DERIVED_EPOCH + 2 ** 29 - 1);
  t.equal(derivedMtime(zlib.crc32('123456789')), DERIVED_EPOCH + (0xcbf43926 % 2 ** 29));
  t.end();
});

test("npm's hidden lockfile is later than anything derived", (t) => {
  t.equal(HIDDEN_LOCKFILE_MTIME, Date.UTC(2003, 0, 1) / 1000);
  t.ok(HIDDEN_LOCKFILE_MTIME > derivedMtime(0xffffffff));
  t.end();
});
