/**
 * Faults of the store (hardening.md): none is ever read as a missing object, none takes for ever, and none gives other bytes than
 * were asked for. Errors come from a fake; stalls and cuts from a TCP proxy before it.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Test, test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import type { S3Parts } from '#server/store/s3/open.ts';
import type { S3Settings } from '#server/store/s3/settings.ts';
import { startFaultProxy } from '../../../fault-proxy.ts';
import { openStore } from '../../../s3/buckets.ts';
import { type FakeS3, type Meddling, startFakeS3 } from '../../../s3/fake-s3.ts';
import { CREDENTIALS } from '../../../s3/versitygw.ts';
import { textOf } from '../conformance.ts';

const MiB = 1024 * 1024;
const ABILITIES = { create: 'atomic', conditionalDelete: true } as const;

/** The SDK draws its waits by lot; here they are all nothing. */
function withoutWaits(t: Test): void {
  const { random } = Math;
  Math.random = () => 0;
  t.teardown(() => {
    Math.random = random;
  });
}

async function fakeStore(t: Test, changed: Partial<S3Settings> = {}, moreParts: Partial<S3Parts> = {}) {
  withoutWaits(t);
  const fake = await startFakeS3();
  t.teardown(() => fake.close());
  const bucket = { endpoint: fake.endpoint, bucket: 'cachalot', credentials: CREDENTIALS };
  const parts = { abilities: ABILITIES, random: () => 0, ...moreParts };
  return { fake, ...(await openStore(t, bucket, { prefix: 'p/', ...changed }, parts)) };
}

/** A store before which things happen to connections. */
async function farStore(t: Test, changed: Partial<S3Settings> = {}) {
  withoutWaits(t);
  const fake = await startFakeS3();
  t.teardown(() => fake.close());
  const proxy = await startFaultProxy(Number(new URL(fake.endpoint).port));
  t.teardown(() => proxy.close());
  const bucket = { endpoint: `http://127.0.0.1:${proxy.port}`, bucket: 'cachalot', credentials: CREDENTIALS };
  const settings = { prefix: 'p/', idleTimeout: 0.3, attempts: 2, ...changed };
  const opened = await openStore(t, bucket, settings, { abilities: ABILITIES, random: () => 0 });
  return { fake, proxy, ...opened };
}

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error);
}

/** Meddles with the first `times` requests. */
function first(times: number, meddling: Meddling): FakeS3['meddle'] {
  let left = times;
  return () => (left-- > 0 ? meddling : undefined);
}

function there(stream: Readable | 'changed' | undefined): Readable {
  if (typeof stream !== 'object') throw new Error(`the answer is ${stream}`);
  return stream;
}

test('fault "503 SlowDown": twice, then all is well', async (t) => {
  const { fake, store } = await fakeStore(t);
  await store.put('a/b', Buffer.from('bytes'));
  for (const call of [
    () => textOf(store, 'a/b'),
    () => store.head('a/b'),
    () => store.put('a/c', Buffer.from('')),
    () => store.delete('a/c'),
    () => Array.fromAsync(store.list('')),
  ]) {
    fake.meddle = first(2, { status: 503, code: 'SlowDown' });
    t.ok(await call());
  }
});

test('fault "S3 5xx" for ever: an error after a bounded number of tries, never a miss', async (t) => {
  const { fake, store } = await fakeStore(t, { attempts: 3 });
  await store.put('a/b', Buffer.from('bytes'));
  for (const status of [500, 502, 503, 504]) {
    fake.meddle = () => ({ status, code: 'InternalError' });
    for (const [what, call] of Object.entries({
      head: () => store.head('a/b'),
      'head of nothing': () => store.head('a/none'),
      get: () => store.get('a/b'),
      read: () => store.read('a/b', 0, 2),
      put: () => store.put('a/b', Buffer.from('')),
      create: () => store.put('a/c', Buffer.from(''), { ifAbsent: true }),
      delete: () => store.delete('a/b'),
      list: () => Array.fromAsync(store.list('')),
    })) {
      const before = fake.asked.length;
      const outcome = await outcomeOf(call());
      t.ok(isFault(outcome, 'STORE_FAILED'), `${what}: ${outcome}`);
      t.match((outcome as Error).message, `it answered ${status}`);
      const tries = fake.asked.length - before;
      // Where everything fails the SDK stops asking again, so that a store that comes back is not met by all that failed.
      t.ok(status === 500 ? tries === 3 : tries >= 1 && tries <= 3, `${what} asks ${tries} times`);
    }
  }
  fake.meddle = () => undefined;
  t.equal(await textOf(store, 'a/b'), 'bytes');
});

test('a store that fails is not ready, though its clock is known', async (t) => {
  let ours = 0;
  const { fake, store } = await fakeStore(t, {}, { monotonic: () => ours });
  await store.now();
  fake.meddle = () => ({ status: 503 });
  await store.now();
  ours += 11_000;
  t.ok(isFault(await outcomeOf(store.now()), 'STORE_FAILED'), 'after ten seconds it is asked again');
});

test('a bucket that is taken away is no store without objects', async (t) => {
  let ours = 0;
  const { fake, store } = await fakeStore(t, {}, { monotonic: () => ours });
  t.equal(await store.head('a/b'), undefined);
  ours += 11_000;
  fake.meddle = ({ what }) => ({ status: 404, ...(what === 'HEAD' ? {} : { code: 'NoSuchBucket' }) });
  for (const call of [() => store.head('a/b'), () => store.get('a/b'), () => store.read('a/b', 0, 1)])
    t.ok(isFault(await outcomeOf(call()), 'STORE_BUCKET_MISSING'));
});

test('a 404 that is not about the object is no miss', async (t) => {
  const { fake, store } = await fakeStore(t);
  fake.meddle = () => ({ status: 404, code: 'NoSuchAccount' });
  for (const call of [() => store.get('a/b'), () => store.read('a/b', 0, 1)])
    t.ok(isFault(await outcomeOf(call()), 'STORE_FAILED'));
});

test('a store without room is full, whatever it calls that', async (t) => {
  const { fake, store } = await fakeStore(t);
  for (const refusal of [
    { status: 507, code: 'InsufficientStorage' },
    { status: 403, code: 'QuotaExceeded' },
    { status: 507, code: 'XMinioStorageFull' },
  ]) {
    fake.meddle = () => refusal;
    t.ok(isFault(await outcomeOf(store.put('a/b', Buffer.from('x'))), 'STORE_FULL'), refusal.code);
  }
});

test('a write that meets another one is sent again; it is not there twice', async (t) => {
  const { fake, store } = await fakeStore(t);
  fake.meddle = first(2, { status: 409, code: 'ConditionalRequestConflict' });
  t.not(await store.put('a/b', Buffer.from('x'), { ifAbsent: true }), 'exists');
  fake.meddle = () => ({ status: 409, code: 'ConditionalRequestConflict' });
  t.ok(isFault(await outcomeOf(store.put('a/c', Buffer.from('x'), { ifAbsent: true })), 'STORE_FAILED'));
});

test('an answer that is lost: what was put is there, and to create it says so', async (t) => {
  const { fake, store } = await fakeStore(t);
  fake.meddle = first(1, 'hang up');
  t.equal(await store.put('a/b', Buffer.from('x'), { ifAbsent: true }), 'exists');
  fake.meddle = first(1, 'hang up');
  t.not(await store.put('a/b', Buffer.from('y')), 'exists');
  t.equal(await textOf(store, 'a/b'), 'y');
});

test('nobody listens: an error that names the setting', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  withoutWaits(t);
  const bucket = { endpoint: `http://127.0.0.1:${port}`, bucket: 'cachalot', credentials: CREDENTIALS };
  const outcome = await outcomeOf(openStore(t, bucket));
  t.ok(isFault(outcome, 'STORE_FAILED'), String(outcome));
  t.match((outcome as Error).message, /\(s3\.endpoint\): the connection failed with ECONNREFUSED/);
});

test('fault "S3 stalls": no answer at all is an error within the idle time', async (t) => {
  const { proxy, store } = await farStore(t);
  await store.put('a/b', Buffer.from('bytes'));
  proxy.set({ swallowSentAfter: 0 });
  for (const call of [
    () => store.get('a/b'),
    () => store.head('a/b'),
    () => store.put('a/c', Buffer.alloc(MiB)),
  ]) {
    const outcome = await outcomeOf(call());
    t.ok(isFault(outcome, 'STORE_FAILED'), String(outcome));
    t.match((outcome as Error).message, 'did not answer in time');
  }
});

test('fault "S3 stalls midway": an error within the idle time, and nothing is held', async (t) => {
  const { proxy, store, downloads } = await farStore(t);
  await store.put('a/b', Buffer.alloc(3 * MiB, 1));
  proxy.set({ swallowAfter: MiB });
  const outcome = await outcomeOf(store.get('a/b'));
  t.ok(isFault(outcome, 'STORE_FAILED'), String(outcome));
  t.match((outcome as Error).message, /nothing came for too long after \d+ of 3145728 bytes/);
  t.equal(downloads.reserved, 0);
  proxy.set({ swallowAfter: MiB });
  const stream = there(await store.read('a/b', 0, 3 * MiB));
  t.ok(isFault(await outcomeOf(buffer(stream)), 'STORE_FAILED'));
});

test('a reader that pauses for longer than the store may does not lose its stream', async (t) => {
  const { fake, store } = await farStore(t, { idleTimeout: 0.3 });
  fake.objects.set('p/a/b', Buffer.alloc(3 * MiB, 1));
  const pieces = there(await store.read('a/b', 0, 3 * MiB))[Symbol.asyncIterator]();
  let bytes = (await pieces.next()).value.length;
  // It is time that is tested: more than twice as much as a silent store is given.
  await new Promise((resolve) => setTimeout(resolve, 700));
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) bytes += next.value.length;
  t.equal(bytes, 3 * MiB);
});

test('fault "the connection is cut midway": asked again where that can help, and never short', async (t) => {
  const { proxy, store } = await farStore(t);
  await store.put('a/b', Buffer.alloc(3 * MiB, 1));
  proxy.set({ cutAfter: MiB });
  const outcome = await outcomeOf(store.get('a/b'));
  t.ok(isFault(outcome, 'STORE_FAILED'), String(outcome));
  t.match((outcome as Error).message, /the connection broke after \d+ of 3145728 bytes/);
  proxy.set({ cutAfter: MiB });
  const stream = there(await store.read('a/b', 0, 3 * MiB));
  t.ok(isFault(await outcomeOf(buffer(stream)), 'STORE_FAILED'), 'a stream does not end early');
  proxy.set({ cutAfter: 2 * MiB, once: true });
  const found = await store.get('a/b');
  t.equal(typeof found === 'object' && found.bytes.length, 3 * MiB, 'the second try is whole');
});

test('where the bucket holds to no condition, the calls of this process are exact all the same', async (t) => {
  const abilities = { create: 'refused', conditionalDelete: false } as const;
  const { fake, store } = await fakeStore(t, {}, { abilities });
  fake.conditions = false;
  for (let round = 0; round < 50; round++) {
    await store.put('a/b', Buffer.from('old'));
    const etag = (await store.head('a/b'))?.etag ?? '';
    const deletions = Array.from({ length: 3 }, () => store.delete('a/b', { ifMatch: etag }));
    const put = round % 2 === 0 ? store.put('a/b', Buffer.from('new')) : undefined;
    const deleted = (await Promise.all(deletions)).filter(Boolean).length;
    await put;
    if (put === undefined) t.equal(deleted, 1, 'one deletion says that it did it');
    else t.equal(await textOf(store, 'a/b'), 'new', 'a deletion never takes what replaced its version');
  }
});
