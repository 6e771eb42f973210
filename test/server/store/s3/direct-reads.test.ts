/**
 * Objects that are received into memory which is there for them, past the SDK. All that the store promises holds for these too: what
 * goes wrong is asked again by the SDK, and no oftener than the settings say.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import t, { type Test, test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import type { S3Parts } from '#server/store/s3/open.ts';
import type { S3Settings } from '#server/store/s3/settings.ts';
import type { S3Store } from '#server/store/s3/store.ts';
import { startFaultProxy } from '../../../fault-proxy.ts';
import { need } from '../../../needs.ts';
import { makeBucket, openStore, type TestBucket } from '../../../s3/buckets.ts';
import { type Asked, startFakeS3 } from '../../../s3/fake-s3.ts';
import { CREDENTIALS, needVersitygw, startVersitygw } from '../../../s3/versitygw.ts';

const MiB = 1024 * 1024;
const ABILITIES = { create: 'atomic', conditionalDelete: true } as const;

/** Bytes that are no two places the same. */
function content(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(at, at);
  return bytes;
}

async function put(store: S3Store, name: string, bytes: Buffer): Promise<string> {
  const put = await store.put(name, bytes);
  if (put === 'exists') throw new Error('it is there');
  return put.etag;
}

/** Received into memory of `size` bytes; how it grew is noted. */
async function receive(store: S3Store, name: string, etag: string, size: number) {
  const into = Buffer.alloc(size);
  const grown: number[] = [];
  const found = await store
    .get(name, { ifMatch: etag, into: { bytes: into, grown: (count) => grown.push(count) } })
    .catch((error: unknown) => error as Error);
  return { found, into, grown };
}

/** The SDK says so in each of its requests. */
function isOfSdk({ headers }: Asked): boolean {
  return headers['amz-sdk-request'] !== undefined;
}

async function fakeStore(t: Test, changed: Partial<S3Settings> = {}, moreParts: Partial<S3Parts> = {}) {
  const { random } = Math;
  Math.random = () => 0;
  const fake = await startFakeS3();
  t.teardown(() => {
    Math.random = random;
    return fake.close();
  });
  const bucket = { endpoint: fake.endpoint, bucket: 'cachalot', credentials: CREDENTIALS };
  const parts = { abilities: ABILITIES, random: () => 0, ...moreParts };
  return { fake, ...(await openStore(t, bucket, { prefix: 'p/', ...changed }, parts)) };
}

const program = needVersitygw(t);
if (program !== undefined) {
  const gateway = await startVersitygw(program);
  t.teardown(() => gateway.close());
  const bucket = await makeBucket(gateway.endpoint);

  test('a real server gives every object as it is, whatever its name, over few connections', async (t) => {
    const keeping = await startVersitygw(program, undefined, { keepAlive: true });
    t.teardown(() => keeping.close());
    const proxy = await startFaultProxy(keeping.port);
    t.teardown(() => proxy.close());
    const near = await makeBucket(`http://127.0.0.1:${proxy.port}`);
    const { store } = await openStore(t, near, { connections: 2 });
    // Of what objects may be called, what is escaped in one way or another.
    const names = ['segments/ab/plain', "odd/!'()*~", 'odd/&=+$,;:@', 'odd/%41%2F#?', 'odd/<>[]^`{|}"'];
    const objects = [];
    for (const [at, name] of names.entries()) {
      const bytes = content(MiB + at);
      objects.push({ name, bytes, etag: await put(store, name, bytes) });
    }
    const before = proxy.connections;
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(
        objects.map(async ({ name, bytes, etag }) => {
          const { found, into, grown } = await receive(store, name, etag, bytes.length);
          if (found === undefined || found === 'changed' || found instanceof Error)
            throw new Error(`${name}: ${found}`);
          t.equal(found.bytes, into, `${name} is where it was to be`);
          t.ok(into.equals(bytes), `${name} is as it was`);
          t.equal(grown.at(-1), bytes.length);
        }),
      );
    }
    t.equal(proxy.connections - before, 2, 'for 20 reads, five at once');
  });

  test('what is not there, in another version or of another size is told as ever', async (t) => {
    const { store } = await openStore(t, bucket);
    const etag = await put(store, 'a/b', Buffer.from('bytes'));
    t.equal((await receive(store, 'a/none', etag, 5)).found, undefined);
    t.equal((await receive(store, 'a/b', 'other', 5)).found, 'changed');
    const { found, into, grown } = await receive(store, 'a/b', etag, 4);
    t.match(found, { bytes: Buffer.from('bytes'), etag });
    t.notOk(into.some(Boolean), 'nothing is written where it does not fit');
    t.same(grown, []);
    t.equal(await store.delete('a/b'), true);
    t.equal((await receive(store, 'a/b', etag, 5)).found, undefined);
  });

  test('fault "the connection is cut midway": only what has not come is asked for', async (t) => {
    const proxy = await startFaultProxy(gateway.port);
    t.teardown(() => proxy.close());
    const near: TestBucket = { ...bucket, endpoint: `http://127.0.0.1:${proxy.port}` };
    const { store } = await openStore(t, near, { attempts: 3 }, { abilities: ABILITIES, random: () => 0 });
    const bytes = content(3 * MiB);
    const etag = await put(store, 'a/b', bytes);
    for (const fault of [{ cutAfter: MiB, once: true }, { cutAfter: MiB }]) {
      proxy.set(fault);
      const { found, into, grown } = await receive(store, 'a/b', etag, bytes.length);
      t.equal(found instanceof Error ? found.message : typeof found, 'object');
      t.ok(into.equals(bytes));
      t.same(
        grown,
        [...grown].sort((a, b) => a - b),
        'what is there stays',
      );
    }
  });

  test('fault "S3 stalls midway": an error within the idle time, and the next read finds a connection', async (t) => {
    const proxy = await startFaultProxy(gateway.port);
    t.teardown(() => proxy.close());
    const near: TestBucket = { ...bucket, endpoint: `http://127.0.0.1:${proxy.port}` };
    const settings = { idleTimeout: 0.3, attempts: 2, connections: 1 };
    const { store } = await openStore(t, near, settings, { abilities: ABILITIES, random: () => 0 });
    const bytes = content(3 * MiB);
    const etag = await put(store, 'a/b', bytes);
    proxy.set({ swallowAfter: MiB });
    const { found } = await receive(store, 'a/b', etag, bytes.length);
    t.ok(isFault(found, 'STORE_FAILED'), String(found));
    proxy.set({ swallowSentAfter: 0 });
    const silent = await receive(store, 'a/b', etag, bytes.length);
    t.ok(isFault(silent.found, 'STORE_FAILED'), String(silent.found));
    proxy.set({});
    proxy.cut();
    t.match((await receive(store, 'a/b', etag, bytes.length)).found, { etag });
  });
}

test('a request is sent as often as the settings say, and the SDK is the last to ask', async (t) => {
  for (const attempts of [1, 2, 3]) {
    const { fake, store } = await fakeStore(t, { attempts });
    const etag = await put(store, 'a/b', Buffer.from('bytes'));
    fake.asked.length = 0;
    fake.meddle = () => ({ status: 500, code: 'InternalError' });
    const { found } = await receive(store, 'a/b', etag, 5);
    t.ok(isFault(found, 'STORE_FAILED'));
    t.equal(fake.asked.length, attempts);
    t.equal(isOfSdk(fake.asked[0] as Asked), attempts === 1);
    fake.asked.length = 0;
    fake.meddle = () => undefined;
    t.match((await receive(store, 'a/b', etag, 5)).found, { bytes: Buffer.from('bytes') });
    t.equal(fake.asked.length, 1);
  }
});

test('a store that refuses these reads alone is left to the SDK, with one warning', async (t) => {
  const { fake, store, warnings } = await fakeStore(t);
  const etag = await put(store, 'a/b', Buffer.from('bytes'));
  fake.asked.length = 0;
  fake.meddle = (asked) => (isOfSdk(asked) ? undefined : { status: 403, code: 'AccessDenied' });
  for (let read = 0; read < 10; read += 1)
    t.match((await receive(store, 'a/b', etag, 5)).found, { bytes: Buffer.from('bytes') });
  t.equal(fake.asked.filter((asked) => !isOfSdk(asked)).length, 3);
  t.equal(warnings.length, 1);
});

test('an answer that is not the object is none: chunked, in part, of another version, or no HTTP at all', async (t) => {
  const { fake, store } = await fakeStore(t, { attempts: 3 });
  const etag = await put(store, 'a/b', Buffer.from('bytes'));
  for (const headers of [
    { etag: '"other"', 'content-length': '5' },
    { etag: `"${etag}"`, 'content-length': '5', 'content-range': 'bytes 0-4/5' },
    { etag: `"${etag}"` },
    { etag: `"${etag}"`, 'content-length': '7' },
  ]) {
    fake.meddle = (asked) => (isOfSdk(asked) ? undefined : { status: 200, body: 'wrong', headers });
    t.match((await receive(store, 'a/b', etag, 5)).found, { bytes: Buffer.from('bytes') });
  }
  fake.meddle = (asked) => (isOfSdk(asked) ? undefined : 'hang up');
  t.match((await receive(store, 'a/b', etag, 5)).found, { bytes: Buffer.from('bytes') });
});

test('requests are signed by the clock of the store', async (t) => {
  let ours = 0;
  const { fake, store } = await fakeStore(t, {}, { monotonic: () => ours });
  const etag = await put(store, 'a/b', Buffer.from('bytes'));
  ours += 3_600_000;
  await receive(store, 'a/b', etag, 5);
  const [, date = '', time = ''] =
    /^(\d{8})T(\d{4})\d\dZ$/.exec(String(fake.asked.at(-1)?.headers['x-amz-date'])) ?? [];
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString().replace(/[-:]/g, '');
  t.ok(Math.abs(Number(inAnHour.slice(9, 13)) - Number(time)) % 2400 <= 41, `${date} ${time} is in an hour`);
});

test('where responses have checksums, the SDK reads and validates them', async (t) => {
  const { fake, store } = await fakeStore(t, { responseChecksumValidation: 'WHEN_SUPPORTED' });
  const etag = await put(store, 'a/b', Buffer.from('bytes'));
  t.match((await receive(store, 'a/b', etag, 5)).found, { bytes: Buffer.from('bytes') });
  t.equal(fake.asked.at(-1)?.headers['x-amz-checksum-mode'], 'ENABLED');
});

test('over TLS it is the same, and a certificate that nobody vouches for is refused', async (t) => {
  if (!need(t, 'openssl')) return;
  const folder = t.testdir();
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'ignore' });
  const fake = await startFakeS3();
  const { port } = new URL(fake.endpoint);
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (socket) => {
    const inner = connect(Number(port), '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    for (const end of [socket, inner]) end.on('error', () => end.destroy());
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    await fake.close();
    server.close();
  });
  const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bucket = { endpoint, bucket: 'cachalot', credentials: CREDENTIALS };
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  const { store } = await openStore(t, bucket, { attempts: 2 }, { abilities: ABILITIES, random: () => 0 });
  const bytes = content(2 * MiB);
  const etag = await put(store, 'a/b', bytes);
  fake.asked.length = 0;
  const { into } = await receive(store, 'a/b', etag, bytes.length);
  t.ok(into.equals(bytes));
  t.same(fake.asked.map(isOfSdk), [false]);
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '1';
  const strict = await openStore(t, bucket, { attempts: 2 }, { abilities: ABILITIES, random: () => 0 }).catch(
    (error: unknown) => error,
  );
  t.ok(isFault(strict, 'STORE_FAILED'), String(strict));
});
