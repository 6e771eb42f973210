/**
 * Whatever stands where the server should be, every call ends in an error of the catalogue, within its budget (hardening.md,
 * faults: "a build never fails by the cache").
 */
import { test } from 'tap';
import type { ErrorCode } from '#protocol/wire/errors.ts';
import { type CacheClient, type ClientParts, createClient } from '#runner-plugin/client/client.ts';
import { manualClock } from './manual-clock.ts';
import { closedPort, httpServer, json, rawServer, type Teardown } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const WANT = [{ keys: ['npm/web/0'], roots: ['workspace:node_modules'] }];
const GRANT = {
  domain: 'local',
  project: 'local',
  tier: 'trusted',
  scope: 'local',
  reads: ['local'],
  server: { version: '0', format: 1 },
};

function clientOf(t: Teardown, url: string, parts: ClientParts = {}): CacheClient {
  const client = createClient(settingsOf(t, url), { random: () => 0, ...parts });
  t.teardown(() => client.close());
  return client;
}

function failing(code: ErrorCode, message: RegExp): { code: ErrorCode; message: RegExp } {
  return { code, message };
}

test('a server that is not there is an error at once', async (t) => {
  const client = clientOf(t, `http://127.0.0.1:${await closedPort()}/`);
  await t.rejects(client.lookup(WANT), failing('CLIENT_UNAVAILABLE', /nothing listens there/));
});

test('a name that nobody knows is an error', async (t) => {
  const client = clientOf(t, 'http://cachalot.invalid/');
  // Where no name server answers either, it is the time for a connection that is over.
  await t.rejects(client.lookup(WANT), { code: /^CLIENT_(UNAVAILABLE|TIMEOUT)$/ });
});

test('a server that accepts and says nothing costs the control budget and no more', async (t) => {
  const clock = manualClock();
  const server = await rawServer(t, () => {});
  const client = clientOf(t, server.url, { clock });
  const asked = client.lookup(WANT);
  await clock.armed(5_000);
  clock.pass(4_999);
  t.equal(await settled(asked), 'waiting');
  clock.pass(1);
  await t.rejects(asked, failing('CLIENT_TIMEOUT', /no whole answer within 5 s/));
  t.equal(clock.waiting, 0, 'no timer is left behind');
});

test('an answer that drips is cut at the control budget', async (t) => {
  const clock = manualClock();
  const dripped = Promise.withResolvers<void>();
  const server = await httpServer(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"results"');
    dripped.resolve();
  });
  const client = clientOf(t, server.url, { clock });
  const asked = client.lookup(WANT);
  await dripped.promise;
  clock.pass(5_000);
  await t.rejects(asked, { code: 'CLIENT_TIMEOUT' });
});

test('an archive that stalls midway is given up after 10 s of silence, not before', async (t) => {
  const clock = manualClock();
  const server = await httpServer(t, (_request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 0-99/100', 'content-length': '100' });
    response.write(Buffer.alloc(10));
  });
  const client = clientOf(t, server.url, { clock });
  const run = client.archive({
    entry: 'e',
    start: 0,
    end: 100,
    tag: '"x"',
    signal: new AbortController().signal,
  });
  t.equal((await run.next()).value?.length, 10);
  clock.pass(60_000);
  t.pass('a pause of the reader is not the silence of the server');
  const next = run.next();
  await clock.armed(10_000);
  clock.pass(9_999);
  t.equal(await settled(next), 'waiting');
  clock.pass(1);
  await t.rejects(next, failing('CLIENT_TIMEOUT', /nothing came within 10 s/));
});

test('an archive whose first byte does not come is given up', async (t) => {
  const clock = manualClock();
  const asked = Promise.withResolvers<void>();
  const server = await httpServer(t, () => asked.resolve());
  const client = clientOf(t, server.url, { clock });
  const run = client.archive({
    entry: 'e',
    start: 0,
    end: 100,
    tag: '"x"',
    signal: new AbortController().signal,
  });
  const next = run.next();
  await asked.promise;
  clock.pass(7_000);
  await t.rejects(next, failing('CLIENT_TIMEOUT', /no answer/));
});

for (const [what, body, type, status, code] of [
  [
    '500 with an error of ours',
    { code: 'SERVER_INTERNAL', message: 'The server failed: x.' },
    'json',
    500,
    'SERVER_INTERNAL',
  ],
  ['500 without one', 'Internal Server Error', 'text', 500, 'CLIENT_UNAVAILABLE'],
  ['a login page', '<html>Sign in</html>', 'html', 200, 'CLIENT_ANSWER_UNREADABLE'],
  ['a page that says 404', '<html>Not found</html>', 'html', 404, 'CLIENT_ANSWER_UNREADABLE'],
  ['null', null, 'json', 200, 'CLIENT_ANSWER_UNREADABLE'],
  ['an answer of another form', { results: [{ hit: 'perhaps' }] }, 'json', 200, 'CLIENT_ANSWER_UNREADABLE'],
  ['too few results', { results: [] }, 'json', 200, 'CLIENT_ANSWER_UNREADABLE'],
  [
    'an error that this version does not know',
    { code: 'FUTURE_THING', message: 'x' },
    'json',
    403,
    'REQUEST_INVALID',
  ],
] as const) {
  test(`${what} is ${code}`, async (t) => {
    const server = await httpServer(t, (_request, response) => {
      response
        .writeHead(status, { 'content-type': type })
        .end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    await t.rejects(clientOf(t, server.url).lookup(WANT), { code });
  });
}

test('a redirect is not followed', async (t) => {
  const server = await httpServer(t, (_request, response) => {
    response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
  });
  await t.rejects(
    clientOf(t, server.url).lookup(WANT),
    failing('CLIENT_ANSWER_UNREADABLE', /redirects \(302\)/),
  );
  t.same(server.requests, ['POST /api/v1/lookup']);
});

test('something that does not speak HTTP is an unreadable answer', async (t) => {
  const server = await rawServer(t, (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
  await t.rejects(clientOf(t, server.url).lookup(WANT), { code: 'CLIENT_ANSWER_UNREADABLE' });
});

test('an answer without end is cut off, and nothing like it is kept in memory', async (t) => {
  const server = await httpServer(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.cachalot.lookup' });
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(2 ** 31);
    response.write(prefix);
  });
  await t.rejects(
    clientOf(t, server.url).lookup(WANT),
    failing('CLIENT_ANSWER_UNREADABLE', /longer than what was asked/),
  );
});

test('a control answer that is cut off midway is asked for again, twice at most', async (t) => {
  let cuts = 2;
  const server = await httpServer(t, (_request, response) => {
    if (cuts-- > 0) {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"domain":');
      setImmediate(() => response.destroy());
    } else json(response, GRANT);
  });
  t.same(await clientOf(t, server.url).whoami(), GRANT);
  t.equal(server.requests.length, 3);
  cuts = 99;
  await t.rejects(clientOf(t, server.url).whoami(), failing('CLIENT_UNAVAILABLE', /cut/));
  t.equal(server.requests.length, 6);
});

test('503 is asked again and 500 is not', async (t) => {
  const statuses = [503, 500];
  const server = await httpServer(t, (_request, response) => {
    response.writeHead(statuses.shift() ?? 200).end();
  });
  await t.rejects(clientOf(t, server.url).whoami(), failing('CLIENT_UNAVAILABLE', /500/));
  t.equal(server.requests.length, 2);
});

test('a server that wants a long wait is not waited for', async (t) => {
  const server = await httpServer(t, (_request, response) => {
    response.writeHead(503, { 'retry-after': '30' }).end('{"code":"SERVER_BUSY","message":"busy"}');
  });
  await t.rejects(clientOf(t, server.url).whoami(), { code: 'SERVER_BUSY' });
  t.equal(server.requests.length, 1);
});

test('all attempts together have the one control budget', async (t) => {
  const clock = manualClock();
  const asked: (() => void)[] = [];
  const server = await httpServer(t, (_request, response) => {
    asked.shift()?.();
    clock.pass(2_000);
    response.writeHead(503).end();
  });
  const client = clientOf(t, server.url, { clock, random: () => 0 });
  const whoami = client.whoami();
  whoami.catch(() => {});
  // Two attempts cost 2 s each; the third would end after 6.
  const ended = settled(whoami, 'ended');
  while ((await Promise.race([ended, clock.armed(0).then(() => 'pause')])) === 'pause') clock.pass(0);
  await t.rejects(whoami, { code: 'CLIENT_TIMEOUT' });
});

test('what the caller aborts is the caller’s own error and no fault of the server', async (t) => {
  const server = await rawServer(t, () => {});
  const settings = settingsOf(t, server.url);
  const client = createClient(settings);
  t.teardown(() => client.close());
  const stop = new AbortController();
  const asked = client.lookup(WANT, { signal: stop.signal });
  stop.abort(new Error('cancelled'));
  await t.rejects(asked, { message: 'cancelled' });
  await t.rejects(
    client.lookup(WANT, { signal: stop.signal }),
    { message: 'cancelled' },
    'the breaker is still closed',
  );
});

test('the error of an answer keeps the words of the server, without control characters', async (t) => {
  const server = await httpServer(t, (_request, response) => {
    json(
      response,
      { code: 'REQUEST_REFUSED', message: 'This credential may not write.\u001b[2J', field: 'scope' },
      403,
    );
  });
  await t.rejects(clientOf(t, server.url).whoami(), {
    code: 'REQUEST_REFUSED',
    message: 'This credential may not write.\\u001b[2J',
    field: 'scope',
  });
});

test('the token is sent as a bearer token and nothing else is', async (t) => {
  const server = await httpServer(t, (_request, response) => json(response, GRANT));
  const client = createClient(settingsOf(t, server.url, { CACHALOT_TOKEN: 'secret' }));
  t.teardown(() => client.close());
  await client.whoami();
  t.equal(server.headers[0]?.authorization, 'Bearer secret');
  t.equal(server.headers[0]?.['user-agent'], 'cachalot/0.0.0-test');
});

test('an address with a path keeps it', async (t) => {
  const server = await httpServer(t, (_request, response) => json(response, GRANT));
  await clientOf(t, `${server.url}cache`).whoami();
  t.same(server.requests, ['GET /cache/api/v1/whoami']);
});

async function settled(promise: Promise<unknown>, word = 'settled'): Promise<string> {
  const later =
    word === 'settled'
      ? new Promise<string>((resolve) => setImmediate(() => resolve('waiting')))
      : new Promise<string>(() => {});
  return Promise.race([
    promise.then(
      () => word,
      () => word,
    ),
    later,
  ]);
}
