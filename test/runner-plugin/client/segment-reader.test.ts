import { randomBytes } from 'node:crypto';
import type http from 'node:http';
import { test } from 'tap';
import { createClient } from '#runner-plugin/client/client.ts';
import { httpServer, type Teardown } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const STORED = randomBytes(300_000);
const SEGMENT = { entry: 'e', identity: 'a'.repeat(64), length: STORED.length };
const QUERY = '?X-Amz-Signature=secret';
const TOKEN = 'our-credential';

/** A server that sends its clients to another one, which answers as `elsewhere` says. */
async function redirecting(
  t: Teardown,
  elsewhere: (response: http.ServerResponse) => void = (response) => response.end(STORED),
) {
  const bucket = await httpServer(t, (_, response) => elsewhere(response));
  const server = await httpServer(t, (_, response) => {
    response.writeHead(307, { location: `${bucket.url}object${QUERY}`, etag: '"v1"' }).end();
  });
  const settings = settingsOf(t, server.url);
  const client = createClient({ ...settings, token: async () => TOKEN }, { random: () => 0 });
  t.teardown(() => client.close());
  const read = async (length = SEGMENT.length, redirected = true): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    const { signal } = new AbortController();
    for await (const chunk of client.segment({ ...SEGMENT, length, redirected, signal })) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return { server, bucket, read };
}

test('a segment is got from where the server sends us, in the version that it names', async (t) => {
  const { server, bucket, read } = await redirecting(t);
  t.ok((await read()).equals(STORED));
  t.same(server.requests, [`GET /api/v1/segments/${SEGMENT.identity}?entry=e`]);
  t.same(bucket.requests, [`GET /object${QUERY}`]);
  t.match(bucket.headers[0], { 'if-match': '"v1"' });
});

test('nobody elsewhere gets our credential', async (t) => {
  const { server, bucket, read } = await redirecting(t);
  await read();
  t.equal(server.headers[0]?.authorization, `Bearer ${TOKEN}`);
  t.notOk('authorization' in (bucket.headers[0] ?? {}));
  t.notMatch(JSON.stringify(bucket.headers), TOKEN);
});

test('who was not told of redirections follows none: the identity would not be verified', async (t) => {
  const { bucket, read } = await redirecting(t);
  await t.rejects(read(SEGMENT.length, false));
  t.same(bucket.requests, []);
});

const SPOILT: [what: string, elsewhere: (response: http.ServerResponse) => void, code: string][] = [
  ['a version that has gone', (response) => response.writeHead(412).end(), 'CLIENT_UNAVAILABLE'],
  ['an address that has ended', (response) => response.writeHead(403).end('<Error/>'), 'CLIENT_UNAVAILABLE'],
  ['a store that fails', (response) => response.writeHead(503).end(), 'CLIENT_UNAVAILABLE'],
  ['fewer bytes', (response) => response.end(STORED.subarray(1)), 'CLIENT_ANSWER_UNREADABLE'],
  ['more bytes', (response) => response.end(Buffer.concat([STORED, STORED])), 'CLIENT_ANSWER_UNREADABLE'],
  [
    'another redirection',
    (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    'CLIENT_UNAVAILABLE',
  ],
  ['a connection that is cut', (response) => response.socket?.destroy(), 'CLIENT_UNAVAILABLE'],
];

for (const [what, elsewhere, code] of SPOILT) {
  test(`${what} is an error that names the place and not the address`, async (t) => {
    const { read } = await redirecting(t, elsewhere);
    const error = await read().then(
      () => undefined,
      (thrown: unknown) => thrown as Error & { code: string },
    );
    t.equal(error?.code, code);
    t.notMatch(error?.message ?? '', /Signature|secret/);
  });
}

test('where the server has the bytes itself, they come from it', async (t) => {
  const server = await httpServer(t, (_, response) => void response.end(STORED));
  const client = createClient(settingsOf(t, server.url), { random: () => 0 });
  t.teardown(() => client.close());
  const chunks: Buffer[] = [];
  for await (const chunk of client.segment({
    ...SEGMENT,
    redirected: false,
    signal: new AbortController().signal,
  }))
    chunks.push(chunk);
  t.ok(Buffer.concat(chunks).equals(STORED));
});
