/** URLs by which somebody without credentials reads one object from the store itself. */
import t, { type Test, test } from 'tap';
import { startFaultProxy } from '../../../fault-proxy.ts';
import { makeBucket, openStore } from '../../../s3/buckets.ts';
import { needVersitygw, startVersitygw } from '../../../s3/versitygw.ts';

/** What this process takes for the time, from now on. */
function shiftClock(t: Test, minutes: number): void {
  const True = Date;
  const now = () => performance.timeOrigin + performance.now() + minutes * 60_000;
  globalThis.Date = class extends True {
    static override now = now;
    constructor(...given: []) {
      super(...((given.length === 0 ? [now()] : given) as []));
    }
  } as DateConstructor;
  t.teardown(() => {
    globalThis.Date = True;
  });
}

const versitygw = needVersitygw(t);
if (versitygw !== undefined) {
  const gateway = await startVersitygw(versitygw);
  t.teardown(() => gateway.close());
  const bucket = await makeBucket(gateway.endpoint);

  test('whoever has the URL gets that object, whole or a range of it', async (t) => {
    const { store } = await openStore(t, bucket);
    await store.put('a/b@c%20d', Buffer.from('twelve bytes'));
    const { url, headers } = await store.presign('a/b@c%20d', { seconds: 600 });
    t.same(headers, {});
    t.equal(await (await fetch(url)).text(), 'twelve bytes');
    const range = await fetch(url, { headers: { range: 'bytes=7-11' } });
    t.same([range.status, await range.text()], [206, 'bytes']);
    t.match(new URL(url).searchParams.get('X-Amz-Expires'), '600');
  });

  test('the URL is for nothing else', async (t) => {
    const { store } = await openStore(t, bucket);
    await store.put('a/b', Buffer.from('x'));
    await store.put('a/c', Buffer.from('y'));
    const { url } = await store.presign('a/b', { seconds: 600 });
    for (const other of [
      url.replace('a/b', 'a/c'),
      url.replace('Expires=600', 'Expires=6000'),
      url.split('?', 1)[0] ?? '',
    ])
      t.equal((await fetch(other)).status, 403);
    t.equal((await fetch(url, { method: 'PUT', body: 'z' })).status, 403);
    t.equal((await fetch(url, { method: 'DELETE' })).status, 403);
  });

  test('with an etag, no other version answers', async (t) => {
    const { store } = await openStore(t, bucket);
    const put = await store.put('a/b', Buffer.from('first'));
    if (put === 'exists') throw new Error('it is fresh');
    const { url, headers } = await store.presign('a/b', { seconds: 600, etag: put.etag });
    t.equal(await (await fetch(url, { headers })).text(), 'first');
    t.equal((await fetch(url)).status, 403, 'the condition cannot be left out');
    await store.put('a/b', Buffer.from('other'));
    t.equal((await fetch(url, { headers })).status, 412);
  });

  test('fault "clock 10 minutes off": a URL is signed by the clock of the store, and all else is answered', async (t) => {
    for (const minutes of [-10, 10, -30]) {
      shiftClock(t, minutes);
      const { store } = await openStore(t, bucket);
      await store.put('a/b', Buffer.from('bytes'));
      t.ok(Math.abs((await store.now()) - performance.timeOrigin - performance.now()) < 5_000);
      const { url } = await store.presign('a/b', { seconds: 60 });
      t.equal(await (await fetch(url)).text(), 'bytes', `${minutes} minutes`);
    }
  });

  test('it names the endpoint that runners reach', async (t) => {
    const proxy = await startFaultProxy(gateway.port);
    t.teardown(() => proxy.close());
    const publicEndpoint = `http://localhost:${proxy.port}`;
    const { store } = await openStore(t, bucket, { publicEndpoint });
    await store.put('a/b', Buffer.from('bytes'));
    t.equal(proxy.connections, 0, 'the server itself does not go there');
    const { url } = await store.presign('a/b', { seconds: 600 });
    t.ok(url.startsWith(`${publicEndpoint}/cachalot/`));
    t.equal(await (await fetch(url)).text(), 'bytes');
  });
}
