import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { DistinctVersions } from '#server/store/distinct-versions.ts';
import { openObject } from '#server/store/object-file.ts';

test('a file that looks like an earlier one gets another time, and so another etag', async (t) => {
  const path = join(t.testdir(), 'file');
  const fd = openSync(path, 'wx');
  t.teardown(() => closeSync(fd));
  const versions = new DistinctVersions();
  // One file asked for again is what a reused inode of the same size and time looks like.
  const given = Array.from({ length: 20 }, () => versions.give(fd));
  t.equal(new Set(given).size, 20);
  const file = await openObject(path);
  t.equal(file?.etag, given.at(-1), 'the etag is the one that readers see');
  if (file) closeSync(file.fd);
});
