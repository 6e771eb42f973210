/** The server as a process: starts, says where it is, refuses what it cannot do, ends in order. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { serve } from '#server/main.ts';
import { makeToken } from '../../server/api/holders.ts';
import { ask, openServer, ROOT, save, say } from '../../server/api/open-server.ts';
import { type MadeSegment, noise, segmentOf, someSegments } from '../../server/made-segments.ts';
import { dataFolder, startServer } from './start-server.ts';

function starting(flags: Parameters<typeof serve>[0] extends { flags?: infer F } | undefined ? F : never) {
  const surroundings = { env: { CACHALOT_SERVER_LOG: 'silent' }, cwd: '/', readFile: async () => '{}' };
  return serve({ flags: flags ?? {}, surroundings }).then(
    async (server) => {
      await server.close();
      return { code: 'no error', message: '' };
    },
    (error: unknown) =>
      isFault(error) ? { code: error.code, message: error.message } : { code: String(error), message: '' },
  );
}

/** More bytes than the sockets between us hold. */
function manySegments(count: number): MadeSegment[] {
  return Array.from({ length: count }, (_, at) =>
    segmentOf({ [`node_modules/${at}`]: noise(7 * 1024 * 1024, at + 1) }),
  );
}

test('a second server on the same data folder is refused, and told who has it', async (t) => {
  const { data, url } = await openServer(t);
  const { code, message } = await starting({ port: 0, data });
  t.equal(code, 'SERVER_DATA_IN_USE');
  t.ok(message.includes(data) && message.includes(String(process.pid)) && message.includes(url), message);
  t.equal((await ask(url, '/whoami')).status, 200, 'the first one goes on');
});

test('an address that is taken is named', async (t) => {
  const { url } = await openServer(t);
  const { port } = new URL(url);
  const { code, message } = await starting({ port, data: dataFolder(t) });
  t.equal(code, 'SERVER_ADDRESS');
  t.ok(message.includes(port) && message.includes('another program listens there'), message);
});

test('beyond the loopback it does not listen without credentials, and says what to do', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'build.example']) {
    t.equal((await starting({ host, port: 0, data: dataFolder(t) })).code, 'SERVER_EXPOSED', host);
  }
  for (const host of ['127.0.0.1', 'localhost']) {
    t.equal((await starting({ host, port: 0, data: dataFolder(t) })).code, 'no error', host);
  }
});

test('beyond the loopback it answers who shows a credential, under any name, and nobody else', async (t) => {
  const data = dataFolder(t);
  const surroundings = {
    env: { CACHALOT_SERVER_LOG: 'silent', CACHALOT_SERVER_AUTH_REQUIRED: 'true' },
    cwd: data,
    readFile: async () => '{}',
  };
  const server = await serve({ flags: { host: '0.0.0.0', port: 0, data }, surroundings });
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${new URL(server.url).port}`;
  const { token } = await makeToken({ url, data }, { project: 'shop', tier: 'read-only' });
  const asked = (headers: string[]) =>
    say(
      url,
      ['GET /api/v1/whoami HTTP/1.1', 'Host: cache.example', 'Connection: close', ...headers, '', ''].join(
        '\r\n',
      ),
    );
  t.match(await asked([]), /^HTTP\/1.1 401 .*CREDENTIAL_REQUIRED/s);
  t.match(await asked([`Authorization: Bearer ${token}`]), /^HTTP\/1.1 200 .*"project":"shop"/s);
});

test('what a failed start has taken it gives back', async (t) => {
  const data = dataFolder(t);
  const blocker = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => blocker.once('listening', resolve));
  t.teardown(() => blocker.close());
  const { port } = blocker.address() as { port: number };
  t.equal((await starting({ port, data })).code, 'SERVER_ADDRESS');
  t.equal((await starting({ port: 0, data })).code, 'no error');
});

test('the signing key is made at the first start, readable by its user alone, and stays', async (t) => {
  const data = dataFolder(t);
  const first = await openServer(t, { data });
  const keys = (await ask(first.url, '//.well-known/cachalot-keys.json')).json;
  t.equal(statSync(join(data, 'signing.pem')).mode & 0o777, 0o600);
  await first.close();
  const second = await openServer(t, { data });
  t.same((await ask(second.url, '//.well-known/cachalot-keys.json')).json, keys);
});

test('a server that ends in order leaves nothing but what it keeps', async (t) => {
  const data = dataFolder(t);
  const { url, close } = await openServer(t, { data });
  await save(url, 'npm/shop/a', someSegments(2));
  await close();
  t.same(readdirSync(data).sort(), [
    'admin-token',
    'events',
    'index.sqlite',
    'lock',
    'objects',
    'signing.pem',
  ]);
  const temporary = readdirSync(join(data, 'objects/tmp'));
  t.same(
    temporary.filter((name) => name !== 'machine-start.json'),
    [],
  );
});

test('the index file is deleted: exact keys are hits, and prefixes are again after the reindex', async (t) => {
  const data = dataFolder(t);
  const first = await openServer(t, { data });
  const { json } = await save(first.url, 'npm/shop/a', someSegments(2));
  await first.close();
  for (const name of readdirSync(data).filter((one) => one.startsWith('index.sqlite')))
    rmSync(join(data, name));
  const { url } = await openServer(t, { data });
  for (const keys of [['npm/shop/a'], ['npm/shop/b', 'npm/shop/']]) {
    const { results } = (await ask(url, '/lookup', { json: { wants: [{ keys, roots: [ROOT] }] } })).json;
    t.equal(results[0].entry, json.entry);
  }
});

test('SIGTERM: not ready, what is new is refused, what runs comes to its end, then exit 0', async (t) => {
  const data = dataFolder(t);
  const { url, child, ended, log } = await startServer(t, data);
  const segments = manySegments(4);
  const { json } = await save(url, 'npm/shop/a', segments);
  const running = await fetch(`${url}/api/v1/entries/${json.entry}/archive`);
  const size = Number(running.headers.get('content-length'));
  child.kill('SIGTERM');
  while (!log().includes('draining')) await new Promise((resolve) => setImmediate(resolve));
  t.equal((await ask(url, '//readyz')).status, 503);
  t.equal((await ask(url, '//healthz')).status, 200);
  const refused = await ask(url, '/lookup', { json: { wants: [{ keys: ['npm/shop/a'], roots: [] }] } });
  t.equal(refused.status, 503);
  t.equal(refused.json.code, 'SERVER_DRAINING');
  t.equal((await running.arrayBuffer()).byteLength, size, 'the stream that ran is whole');
  t.equal(await ended, 0);
  t.notOk(existsSync(join(data, 'running.json')));
});

test('SIGTERM: a stream that does not end is ended after the drain time', async (t) => {
  const { url, child, ended, log } = await startServer(t, dataFolder(t), { CACHALOT_SERVER_DRAIN: '1' });
  const segments = manySegments(4);
  const { json } = await save(url, 'npm/shop/a', segments);
  const stalled = await fetch(`${url}/api/v1/entries/${json.entry}/archive`);
  child.kill('SIGTERM');
  t.equal(await ended, 0);
  t.match(log(), /longer than the drain time/);
  await t.rejects(stalled.arrayBuffer(), 'its reader sees that it was cut off');
});

test('S11: neither tokens nor signatures nor values of queries are in the log, on any route', async (t) => {
  const { url, child, ended, log } = await startServer(t, dataFolder(t), { CACHALOT_SERVER_LOG: 'trace' });
  const secrets = ['secret-token-1', 'secret-cookie-2', 'secret-signature-3', 'secret-prefix-4'];
  const headers = { authorization: `Bearer ${secrets[0]}`, cookie: `session=${secrets[1]}` };
  const { json } = await ask(url, '//docs/json');
  for (const [path, methods] of Object.entries(json.paths as Record<string, object>)) {
    for (const method of Object.keys(methods)) {
      const where = path.replace(/\{(\w+)\}/g, (_, name) =>
        name === 'entry' ? '0'.repeat(32) : 'a'.repeat(64),
      );
      const query = `?X-Amz-Signature=${secrets[2]}&prefix=npm/${secrets[3]}&token=${secrets[0]}`;
      const body =
        method === 'post' || method === 'put' ? { json: { signature: { value: secrets[2] } } } : {};
      await ask(url, `/${where}${query}`, { method: method.toUpperCase(), headers, ...body });
    }
  }
  await ask(url, `//nothing?sig=${secrets[2]}`, { headers });
  child.kill('SIGTERM');
  t.equal(await ended, 0);
  t.match(log(), /X-Amz-Signature=…&prefix=…&token=…/, 'the names are there');
  t.ok(log().split('\n').length > 20);
  for (const secret of secrets) t.notOk(log().includes(secret), secret);
});
