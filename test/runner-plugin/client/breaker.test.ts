import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { fault } from '#protocol/wire/errors.ts';
import { createBreaker } from '#runner-plugin/client/breaker.ts';
import { createClient } from '#runner-plugin/client/client.ts';
import { manualClock } from './manual-clock.ts';
import { closedPort, httpServer, json, rawServer } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const URL_A = new URL('http://a.example/');

test('an open breaker stops every process of this user for a minute', async (t) => {
  const folder = t.testdir();
  const clock = manualClock();
  createBreaker({ folder, url: URL_A, uid: 1, clock }).open();
  const other = createBreaker({ folder, url: URL_A, uid: 1, clock });
  clock.pass(12_000);
  t.throws(() => other.check(), { code: 'CLIENT_BREAKER_OPEN', message: /failed 12 s ago/ });
  clock.pass(47_999);
  t.throws(() => other.check(), { code: 'CLIENT_BREAKER_OPEN' });
  clock.pass(1);
  t.doesNotThrow(() => other.check());
});

test('another server and another user have breakers of their own', async (t) => {
  const folder = t.testdir();
  const clock = manualClock();
  createBreaker({ folder, url: URL_A, uid: 1, clock }).open();
  t.doesNotThrow(() => createBreaker({ folder, url: new URL('http://b.example/'), uid: 1, clock }).check());
  t.doesNotThrow(() => createBreaker({ folder, url: URL_A, uid: 2, clock }).check());
});

test('a clock that was set back does not leave the server alone for longer', async (t) => {
  const folder = t.testdir();
  createBreaker({ folder, url: URL_A, uid: 1, clock: manualClock(2_000_000_000_000) }).open();
  t.doesNotThrow(() =>
    createBreaker({ folder, url: URL_A, uid: 1, clock: manualClock(1_000_000_000_000) }).check(),
  );
});

test('a file that is none of ours is a closed breaker', async (t) => {
  const folder = t.testdir();
  const clock = manualClock();
  const breaker = createBreaker({ folder, url: URL_A, uid: 1, clock });
  breaker.open();
  const file = join(folder, readdirSync(folder)[0] ?? '');
  for (const text of ['', '{', 'null', '[]', '{"opened":"now"}']) {
    writeFileSync(file, text);
    t.doesNotThrow(() => breaker.check(), text);
  }
});

test('a folder that cannot be written makes no error and leaves nothing behind', async (t) => {
  const folder = join(t.testdir({ file: '' }), 'file', 'below');
  const breaker = createBreaker({ folder, url: URL_A, uid: 1, clock: manualClock() });
  t.doesNotThrow(() => {
    breaker.open();
    breaker.check();
    breaker.close();
  });
});

test('a failed connect, a time-out, a 5xx and an unreadable answer open it; a refusal does not', async (t) => {
  const cases = {
    'failed connect': { url: `http://127.0.0.1:${await closedPort()}/`, opens: true },
    '5xx': { url: (await httpServer(t, (_, response) => response.writeHead(500).end())).url, opens: true },
    unreadable: { url: (await httpServer(t, (_, response) => response.end('<html>'))).url, opens: true },
    refusal: {
      url: (
        await httpServer(t, (_, response) => json(response, { code: 'REQUEST_REFUSED', message: 'no' }, 403))
      ).url,
      opens: false,
    },
    'not found': {
      url: (
        await httpServer(t, (_, response) => json(response, { code: 'ENTRY_MISSING', message: 'no' }, 404))
      ).url,
      opens: false,
    },
  };
  for (const [what, { url, opens }] of Object.entries(cases)) {
    const settings = settingsOf(t, url);
    const first = createClient(settings);
    await t.rejects(first.whoami(), { name: 'CachalotError' }, what);
    await first.close();
    const second = createClient(settings);
    if (opens) await t.rejects(second.whoami(), { code: 'CLIENT_BREAKER_OPEN' }, what);
    else await t.rejects(second.whoami(), { code: /^(REQUEST_REFUSED|ENTRY_MISSING)$/ }, what);
    await second.close();
  }
});

test('a time-out opens it', async (t) => {
  const clock = manualClock();
  const server = await rawServer(t, () => {});
  const client = createClient(settingsOf(t, server.url), { clock });
  t.teardown(() => client.close());
  const asked = client.whoami();
  await clock.armed(5_000);
  clock.pass(5_000);
  await t.rejects(asked, { code: 'CLIENT_TIMEOUT' });
  await t.rejects(client.whoami(), { code: 'CLIENT_BREAKER_OPEN' });
});

test('a full disk of ours, given as the reason to stop reading, does not open it', async (t) => {
  const server = await httpServer(t, (_, response) => {
    response.writeHead(206, { 'content-range': 'bytes 0-99/100' });
    response.write(Buffer.alloc(10));
  });
  const client = createClient(settingsOf(t, server.url));
  t.teardown(() => client.close());
  const stop = new AbortController();
  const read = async () => {
    const run = client.archive({ entry: 'e', start: 0, end: 100, tag: '"t"', signal: stop.signal });
    await run.next();
    stop.abort(fault('DISK_FULL', { path: '/' }));
    await run.next();
  };
  await t.rejects(read(), { code: 'DISK_FULL' });
  const next = client.archive({
    entry: 'e',
    start: 0,
    end: 100,
    tag: '"t"',
    signal: new AbortController().signal,
  });
  t.equal((await next.next()).value?.length, 10, 'the server is asked again');
  await next.return();
});

test('a server that nobody named and that is not there is asked again by the next command', async (t) => {
  const settings = { ...settingsOf(t, `http://127.0.0.1:${await closedPort()}/`), named: false };
  const client = createClient(settings);
  t.teardown(() => client.close());
  await t.rejects(client.whoami(), { code: 'CLIENT_UNAVAILABLE' });
  await t.rejects(client.whoami(), { code: 'CLIENT_UNAVAILABLE' });
});

test('doctor asks all the same, and an answer closes it', async (t) => {
  const grant = {
    domain: 'd',
    project: 'p',
    tier: 'trusted',
    scope: 's',
    reads: [],
    server: { version: '0', format: 1 },
  };
  const server = await httpServer(t, (_, response) => json(response, grant));
  const settings = settingsOf(t, server.url);
  const clock = manualClock();
  createBreaker({
    folder: settings.stateFolder,
    url: settings.url,
    uid: process.getuid?.() ?? 0,
    clock,
  }).open();
  const usual = createClient(settings, { clock });
  await t.rejects(usual.whoami(), { code: 'CLIENT_BREAKER_OPEN' });
  const doctor = createClient(settings, { clock, ignoreBreaker: true });
  t.teardown(() => Promise.all([usual.close(), doctor.close()]));
  t.same(await doctor.whoami(), grant);
  t.same(await usual.whoami(), grant);
});

test('the file says in words what it is about', async (t) => {
  const folder = t.testdir();
  createBreaker({ folder, url: URL_A, uid: 7, clock: manualClock(5) }).open();
  const [name = ''] = readdirSync(folder);
  t.match(name, /^breaker-[0-9a-f]{16}-7\.json$/);
  t.same(JSON.parse(readFileSync(join(folder, name), 'utf8')), { url: 'http://a.example/', opened: 5 });
});
