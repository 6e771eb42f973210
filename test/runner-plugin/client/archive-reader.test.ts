import { randomBytes } from 'node:crypto';
import type http from 'node:http';
import { test } from 'tap';
import { createClient } from '#runner-plugin/client/client.ts';
import { httpServer, json, type Teardown } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const ARCHIVE = randomBytes(3_000_000);
const TAG = '"tag"';

/** Serves ranges of the archive; `spoil` may answer in its place. */
async function archiveServer(
  t: Teardown,
  spoil: (response: http.ServerResponse, start: number, end: number, asked: number) => boolean = () => false,
) {
  let asked = 0;
  const server = await httpServer(t, (request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(first);
    const end = Number(last) + 1;
    if (spoil(response, start, end, asked++)) return;
    if (request.headers['if-match'] !== TAG) {
      json(response, { code: 'LAYOUT_STALE', message: 'moved' }, 412);
      return;
    }
    response.writeHead(206, headersOf(start, end)).end(ARCHIVE.subarray(start, end));
  });
  const client = createClient(settingsOf(t, server.url), { random: () => 0 });
  t.teardown(() => client.close());
  const read = async (start: number, end: number, tag = TAG): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of client.archive({
      entry: 'a/b',
      start,
      end,
      tag,
      signal: new AbortController().signal,
    }))
      chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return { server, read, client };
}

function headersOf(start: number, end: number): Record<string, string> {
  return {
    'content-range': `bytes ${start}-${end - 1}/${ARCHIVE.length}`,
    'content-length': String(end - start),
  };
}

test('a run is read as one ranged request that names the layout', async (t) => {
  const { server, read } = await archiveServer(t);
  t.ok((await read(1_000, 2_500_000)).equals(ARCHIVE.subarray(1_000, 2_500_000)));
  t.same(server.requests, ['GET /api/v1/entries/a%2Fb/archive']);
  t.match(server.headers[0], { range: 'bytes=1000-2499999', 'if-match': TAG });
});

test('an empty run asks nothing', async (t) => {
  const { server, read } = await archiveServer(t);
  t.equal((await read(5, 5)).length, 0);
  t.same(server.requests, []);
});

test('a run that is cut off is taken up where it ended', async (t) => {
  const { server, read } = await archiveServer(t, (response, start, end, asked) => {
    if (asked >= 3) return false;
    response.writeHead(206, headersOf(start, end));
    response.write(ARCHIVE.subarray(start, start + 300_000), () => response.destroy());
    return true;
  });
  t.ok((await read(0, ARCHIVE.length)).equals(ARCHIVE));
  t.equal(server.requests.length, 4);
  const starts = server.headers.map(({ range }) => Number(/\d+/.exec(range ?? '')?.[0]));
  t.ok(
    starts.every((start, i) => i === 0 || start > (starts[i - 1] ?? 0)),
    'each begins after the one before',
  );
});

test('a server that cuts off again and again is given up', async (t) => {
  const { server, read } = await archiveServer(t, (response, start, end) => {
    response.writeHead(206, headersOf(start, end));
    response.flushHeaders();
    setImmediate(() => response.destroy());
    return true;
  });
  await t.rejects(read(0, 1_000), { code: 'CLIENT_UNAVAILABLE' });
  t.equal(server.requests.length, 3);
});

test('a server that answers without a byte again and again is given up', async (t) => {
  const { server, read } = await archiveServer(t, (response, start, end) => {
    response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/3000000` }).end();
    return true;
  });
  await t.rejects(read(0, 1_000), { code: 'CLIENT_UNAVAILABLE' });
  t.equal(server.requests.length, 3);
});

test('D5: what is stored has moved: LAYOUT_STALE, and the server is not blamed', async (t) => {
  const { read, client } = await archiveServer(t);
  await t.rejects(read(0, 10, '"older"'), { code: 'LAYOUT_STALE' });
  await t.rejects(read(0, 10, '"older"'), { code: 'LAYOUT_STALE' }, 'the breaker is closed');
  t.ok(client);
});

test('D5: a run that was cut off is never continued from another layout', async (t) => {
  const { read } = await archiveServer(t, (response, start, end, asked) => {
    if (asked > 0) {
      response.writeHead(412).end();
      return true;
    }
    response.writeHead(206, headersOf(start, end));
    response.write(ARCHIVE.subarray(start, start + 100), () => response.destroy());
    return true;
  });
  await t.rejects(read(0, 1_000), { code: 'LAYOUT_STALE' });
});

for (const [what, status, headers, body] of [
  ['the whole archive', 200, { 'content-length': '3000000' }, ARCHIVE],
  ['another range', 206, headersOf(10, 110), ARCHIVE.subarray(10, 110)],
  ['more than was asked for', 206, { 'content-range': 'bytes 0-99/3000000' }, ARCHIVE.subarray(0, 200)],
] as const) {
  test(`${what} in place of a range is unreadable`, async (t) => {
    const { read } = await archiveServer(t, (response) => {
      response.writeHead(status, headers).end(body);
      return true;
    });
    await t.rejects(read(0, 100), { code: 'CLIENT_ANSWER_UNREADABLE' });
  });
}

test('fewer bytes than the range says are asked for', async (t) => {
  const { read } = await archiveServer(t, (response, start, end, asked) => {
    if (asked > 0) return false;
    response
      .writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/3000000` })
      .end(ARCHIVE.subarray(0, 40));
    return true;
  });
  t.ok((await read(0, 100)).equals(ARCHIVE.subarray(0, 100)));
});

test('a reader that stops early leaves no connection behind', async (t) => {
  const { server, client } = await archiveServer(t);
  const run = client.archive({
    entry: 'e',
    start: 0,
    end: ARCHIVE.length,
    tag: TAG,
    signal: new AbortController().signal,
  });
  await run.next();
  await run.return();
  t.equal(server.requests.length, 1);
});
