import { join } from 'node:path';
import { test } from 'tap';
import { createClient } from '#runner-plugin/client/client.ts';
import { readIdentity } from '#runner-plugin/client/identity.ts';
import { manualClock } from './manual-clock.ts';
import { httpServer, type Teardown } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const HOUR = 60 * 60 * 1000;
const WHO = { domain: 'd', project: 'p', tier: 'trusted', reads: [], server: { version: '1', format: 1 } };

/** A server that counts sessions, and the credentials that it was shown. */
async function openServer(t: Teardown, answer: { status?: number; body?: unknown } = {}) {
  let count = 0;
  const server = await httpServer(t, (request, response) => {
    const isSession = request.url === '/api/v1/sessions';
    const { status = 200, body = { session: `session-${++count}`, seconds: 12 * 60 * 60 } } = isSession
      ? answer
      : { body: WHO };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const shown = () =>
    server.headers.map(({ authorization }, at) => `${server.requests[at]} ${authorization}`);
  return { ...server, shown };
}

test('a token that lives minutes is shown once; an hour later the build still has its session', async (t) => {
  const server = await openServer(t);
  const clock = manualClock();
  const client = createClient(settingsOf(t, server.url, { CACHALOT_ID_TOKEN: 'short.lived.token' }), {
    clock,
  });
  t.teardown(() => client.close());
  t.same(server.requests, [], 'nothing is asked before the first use');
  await Promise.all([client.whoami(), client.whoami()]);
  clock.pass(HOUR);
  await client.whoami();
  t.same(server.shown(), [
    'POST /api/v1/sessions Bearer short.lived.token',
    ...Array(3).fill('GET /api/v1/whoami Bearer session-1'),
  ]);
  clock.pass(11 * HOUR);
  await client.whoami();
  t.same(
    server.shown().slice(4),
    ['POST /api/v1/sessions Bearer short.lived.token', 'GET /api/v1/whoami Bearer session-2'],
    'before it ends there is a new one',
  );
});

test('GitHub is asked for a token with the audience of the server', async (t) => {
  const server = await openServer(t);
  const gitHub = await httpServer(t, (_, response) => response.end('{"count":1,"value":"from.git.hub"}'));
  const env = {
    CACHALOT_AUDIENCE: 'https://cache.example',
    ACTIONS_ID_TOKEN_REQUEST_URL: `${gitHub.url}token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
    CACHALOT_ID_TOKEN: 'not.this.one',
  };
  const client = createClient(settingsOf(t, server.url, env));
  t.teardown(() => client.close());
  await client.whoami();
  t.same(gitHub.requests, ['GET /token?api-version=2.0&audience=https%3A%2F%2Fcache.example']);
  t.equal(gitHub.headers[0]?.authorization, 'Bearer request-token');
  t.equal(server.shown()[0], 'POST /api/v1/sessions Bearer from.git.hub');
});

test('sources in their order: a file, a token, GitHub, a token of the CI system', async (t) => {
  const folder = t.testdir({ token: 'of-the-file' });
  const all = {
    CACHALOT_TOKEN_FILE: join(folder, 'token'),
    CACHALOT_TOKEN: 'of-the-variable',
    CACHALOT_ID_TOKEN: 'of.the.system',
  };
  const rows: [without: string[], shown: string][] = [
    [[], 'GET /api/v1/whoami Bearer of-the-file'],
    [['CACHALOT_TOKEN_FILE'], 'GET /api/v1/whoami Bearer of-the-variable'],
    [['CACHALOT_TOKEN_FILE', 'CACHALOT_TOKEN'], 'POST /api/v1/sessions Bearer of.the.system'],
    [Object.keys(all), 'GET /api/v1/whoami undefined'],
  ];
  for (const [without, shown] of rows) {
    const server = await openServer(t);
    const env = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
    const client = createClient(settingsOf(t, server.url, env));
    await client.whoami();
    await client.close();
    t.equal(server.shown()[0], shown);
  }
});

test('a server on this machine is not told of GitHub’s token unless it wants to be', async (t) => {
  const env = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://x/', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'y' };
  const local = new URL('http://127.0.0.1:3779/');
  t.equal(readIdentity(env, local, true), undefined);
  t.match(readIdentity({ ...env, CACHALOT_AUDIENCE: 'a' }, local, true), { kind: 'github', audience: 'a' });
  t.match(readIdentity(env, new URL('https://c.example/x/'), true), {
    kind: 'github',
    audience: 'https://c.example',
  });
});

test('an exchange that fails is an error as any other, and tells nothing of the token', async (t) => {
  const refused = { code: 'CREDENTIAL_REFUSED', message: 'The credential is refused: it has expired.' };
  const rows: [answer: { status?: number; body?: unknown }, code: string][] = [
    [{ status: 401, body: refused }, 'CREDENTIAL_REFUSED'],
    [{ body: { session: 'a\r\nb', seconds: 1 } }, 'CLIENT_ANSWER_UNREADABLE'],
    [{ body: {} }, 'CLIENT_ANSWER_UNREADABLE'],
    [{ body: [] }, 'CLIENT_ANSWER_UNREADABLE'],
  ];
  for (const [answer, code] of rows) {
    const server = await openServer(t, answer);
    const client = createClient(settingsOf(t, server.url, { CACHALOT_ID_TOKEN: 'my.secret.token' }), {
      random: () => 0,
    });
    const error: unknown = await client.whoami().catch((thrown: unknown) => thrown);
    t.match(error, { code });
    t.notMatch(String(error), /secret/);
    await client.close();
  }
  const answers: [status: number, body: string][] = [
    [403, '{}'],
    [200, '{}'],
    [200, '{"value":"a b"}'],
    [200, 'x'.repeat(100_000)],
  ];
  for (const [status, body] of answers) {
    const gitHub = await httpServer(t, (_, response) => response.writeHead(status).end(body));
    const env = {
      CACHALOT_AUDIENCE: 'a',
      ACTIONS_ID_TOKEN_REQUEST_URL: gitHub.url,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'my-secret',
    };
    const client = createClient(settingsOf(t, (await openServer(t)).url, env));
    const error: unknown = await client.whoami().catch((thrown: unknown) => thrown);
    t.match(error, { code: 'CREDENTIAL_UNAVAILABLE' });
    t.notMatch(String(error), /secret/);
    await client.close();
  }
});
