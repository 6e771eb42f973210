/** Uploads in parts, and what many transfers at once hold in memory. */
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import t, { test } from 'tap';
import { SegmentMemory } from '#protocol/format/segment-memory.ts';
import { isFault } from '#protocol/wire/errors.ts';
import { ByteBudget } from '#server/entries/byte-budget.ts';
import { clientOf, makeBucket, openStore, type TestBucket } from '../../../s3/buckets.ts';
import { startFakeS3 } from '../../../s3/fake-s3.ts';
import { CREDENTIALS, needVersitygw, startVersitygw } from '../../../s3/versitygw.ts';
import { namesOf } from '../conformance.ts';
import { smallDisk } from '../small-disk.ts';

const MiB = 1024 * 1024;

/** A bound on bytes that remembers how much was held at most. */
class WatchedRoom {
  readonly #budget: ByteBudget;
  peak = 0;

  constructor(total: number) {
    this.#budget = new ByteBudget(total);
  }

  get held(): number {
    return this.#budget.reserved;
  }

  async reserve(bytes: number): Promise<() => void> {
    const release = await this.#budget.reserve(bytes);
    this.peak = Math.max(this.peak, this.#budget.reserved);
    return release;
  }
}

async function* pieces(bytes: number, piece = MiB): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= piece) yield Buffer.alloc(Math.min(left, piece), 'x');
}

/** Uploads that were begun and neither completed nor aborted. */
async function openUploads(bucket: TestBucket): Promise<number> {
  const client = clientOf(bucket);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket.bucket }));
  client.destroy();
  return Uploads.length;
}

const versitygw = needVersitygw(t);
if (versitygw !== undefined) {
  const gateway = await startVersitygw(versitygw);
  t.teardown(() => gateway.close());
  const bucket = await makeBucket(gateway.endpoint);

  test('memory: fifty gets of 8 MiB at once hold no more than the bound', async (t) => {
    const downloads = new WatchedRoom(32 * MiB);
    const { store } = await openStore(t, bucket, {}, { downloads });
    const bytes = Buffer.alloc(8 * MiB, 'x');
    await store.put('segments/d/00/1', bytes);
    const sizes = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const found = await store.get('segments/d/00/1');
        return typeof found === 'object' ? found.bytes.length : 0;
      }),
    );
    t.ok(sizes.every((size) => size === 8 * MiB));
    t.equal(downloads.peak, 32 * MiB, 'all of it is used, and no more');
    t.equal(downloads.held, 0);
  });

  test('memory: fifty streams of 8 MiB at once hold no more than the bound', async (t) => {
    const uploads = new WatchedRoom(20 * MiB);
    const { store } = await openStore(t, bucket, { partBytes: 5 * MiB }, { uploads });
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => store.putStream(`blobs/d/00/${n}`, pieces(8 * MiB))),
    );
    t.equal((await namesOf(store)).length, 50);
    t.equal(uploads.peak, 20 * MiB);
    t.equal(uploads.held, 0);
  });

  test('fault "client vanishes midway through an upload": it is aborted, and its memory is free', async (t) => {
    const uploads = new WatchedRoom(64 * MiB);
    const { store } = await openStore(t, bucket, { partBytes: 5 * MiB }, { uploads });
    let begun = 0;
    async function* source() {
      yield* pieces(12 * MiB);
      begun = await openUploads(bucket);
      throw new Error('the client has gone');
    }
    await t.rejects(store.putStream('blobs/d/00/1', source()), { message: 'the client has gone' });
    t.equal(begun, 1, 'parts were on their way');
    t.equal(await openUploads(bucket), 0);
    t.same(await namesOf(store), []);
    t.equal(uploads.held, 0);
  });

  test('fault "disk full": the store of the store is full, and what was there stays', async (t) => {
    const folder = smallDisk(t, 20 * 1024);
    if (folder === undefined) return;
    const small = await startVersitygw(versitygw, folder);
    t.teardown(() => small.close());
    const { store } = await openStore(t, await makeBucket(small.endpoint));
    await store.put('a/kept', Buffer.alloc(12 * MiB, 1));
    const calls = {
      create: () => store.put('a/b', Buffer.alloc(12 * MiB), { ifAbsent: true }),
      replace: () => store.put('a/kept', Buffer.alloc(12 * MiB)),
      stream: () => store.putStream('a/kept', pieces(12 * MiB)),
    };
    for (const [what, call] of Object.entries(calls)) {
      const outcome = await call().catch((error: unknown) => error);
      t.ok(isFault(outcome, 'STORE_FULL'), `${what}: ${outcome}`);
    }
    t.same(await namesOf(store), ['a/kept']);
    const kept = await store.get('a/kept');
    t.equal(typeof kept === 'object' && kept.bytes[0], 1);
  });

  test('bytes in memory that threads share are put as they are', async (t) => {
    const { store } = await openStore(t, bucket);
    const piece = new SegmentMemory(4 * MiB).take(3 * MiB);
    if (piece === undefined) throw new Error('no memory');
    piece.bytes.fill('shared');
    await store.put('segments/d/00/1', piece.bytes);
    const found = await store.get('segments/d/00/1');
    t.ok(typeof found === 'object' && found.bytes.equals(piece.bytes));
  });
}

test('a part that the store does not take ends the upload, with its error', async (t) => {
  const fake = await startFakeS3();
  t.teardown(() => fake.close());
  const uploads = new WatchedRoom(64 * MiB);
  const bucket = { endpoint: fake.endpoint, bucket: 'cachalot', credentials: CREDENTIALS };
  const abilities = { create: 'atomic', conditionalDelete: true } as const;
  const { store, warnings } = await openStore(
    t,
    bucket,
    { partBytes: 5 * MiB, attempts: 1 },
    { abilities, uploads },
  );
  const asked: string[] = [];
  fake.meddle = ({ what, key, query }) => {
    asked.push(`${what} ${[...query.keys()].join('&')}`);
    if (what === 'POST' && query.has('uploads'))
      return {
        status: 200,
        body: `<InitiateMultipartUploadResult><Key>${key}</Key><UploadId>1</UploadId></InitiateMultipartUploadResult>`,
      };
    if (query.get('partNumber') === '2') return { status: 500, code: 'InternalError' };
    return { status: what === 'DELETE' ? 500 : 200, headers: { etag: '"1"' } };
  };
  let taken = 0;
  async function* source() {
    for await (const piece of pieces(1000 * MiB)) {
      taken += piece.length;
      yield piece;
    }
  }
  const outcome = await store.putStream('blobs/d/00/1', source()).catch((error: unknown) => error);
  t.ok(isFault(outcome, 'STORE_FAILED'), String(outcome));
  t.ok(taken < 500 * MiB, 'the rest is not even read');
  t.equal(asked.at(-1), 'DELETE uploadId&x-id', 'it is aborted last');
  t.notOk(asked.some((one) => one === 'POST uploadId'));
  t.match(warnings.join(), 'a lifecycle rule', 'where that fails it is said');
  t.equal(uploads.held, 0);
});
