/**
 * The object store's contract with a hot tier in front: of a folder that stands for a bucket, and of a real S3 server. What the
 * suite puts are no segments, so this is about what passes through; hot-store.test.ts is about what is kept.
 */
import { join } from 'node:path';
import t from 'tap';
import { openFileSystemStore } from '#server/store/file-system.ts';
import { openHotStore } from '#server/store/hot/open.ts';
import type { ObjectStore } from '#server/store/object-store.ts';
import { makeBucket, openStore } from '../../../s3/buckets.ts';
import { needVersitygw, startVersitygw } from '../../../s3/versitygw.ts';
import { storeConformance } from '../conformance.ts';
import { told } from './hot-tier.ts';

const MiB = 1024 * 1024;

function before(folder: string, bucket: ObjectStore): Promise<ObjectStore> {
  const settings = { folder: join(folder, 'hot'), bytes: 64 * MiB, memory: 16 * MiB };
  return openHotStore(bucket, settings, { moves: 32 * MiB, observer: told() });
}

storeConformance('a hot tier before a folder', async (t) => {
  const folder = t.testdir();
  const hot = await before(folder, await openFileSystemStore(join(folder, 'store')));
  t.teardown(() => hot.close());
  return hot;
});

const program = needVersitygw(t);
if (program !== undefined) {
  const gateway = await startVersitygw(program);
  t.teardown(() => gateway.close());
  const bucket = await makeBucket(gateway.endpoint);
  storeConformance('a hot tier before versitygw', async (t) =>
    before(t.testdir(), (await openStore(t, bucket)).store),
  );
}
