/** hardening.md, S1 and S2, and whom a server without credentials answers. */
import { test } from 'tap';
import { LIMITS } from '#protocol/format/limits.ts';
import { damaged, type MadeSegment, someSegments } from '../made-segments.ts';
import { ask, openServer, say } from './open-server.ts';

function requestOf(method: string, path: string, headers: string[]): string {
  return [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1', ...headers, '', ''].join('\r\n');
}

test('S1: a PUT whose body is unlike its digest or its length is refused, and nothing is visible', async (t) => {
  const { url } = await openServer(t);
  const [segment, other] = someSegments(2) as [MadeSegment, MadeSegment];
  const { identity, stored } = segment;
  for (const bytes of [damaged(stored), stored.subarray(1), other.stored, Buffer.from('x')]) {
    const { status, json } = await ask(url, `/segments/${identity}`, { method: 'PUT', bytes });
    t.ok(status >= 400 && status < 500, json.code);
  }
  const short = requestOf('PUT', `/api/v1/segments/${identity}`, [`content-length: ${stored.length + 10}`]);
  const { hostname, port } = new URL(url);
  const { connect } = await import('node:net');
  const socket = connect({ host: hostname, port: Number(port) });
  socket.end(Buffer.concat([Buffer.from(short), stored]));
  await new Promise((resolve) => socket.resume().once('close', resolve));
  t.equal((await ask(url, `/segments/${identity}`)).status, 404, 'nothing has become of any of them');
  t.equal((await ask(url, `/segments/${other.identity}`)).status, 404, 'nor under another name');
});

test('S2: a body that is declared too large is refused before it is read', async (t) => {
  const { url } = await openServer(t);
  const paths: [string, string, number][] = [
    ['PUT', `/api/v1/segments/${'a'.repeat(64)}`, LIMITS.segmentStored],
    ['PUT', `/api/v1/details/${'a'.repeat(64)}`, LIMITS.detailBytes],
    ['POST', '/api/v1/segments/write', LIMITS.batchBytes],
  ];
  for (const [method, path, limit] of paths) {
    const answer = await say(
      url,
      requestOf(method, path, [`content-length: ${limit + 1}`, 'content-type: application/octet-stream']),
    );
    t.match(answer, /^HTTP\/1\.1 413 /, path);
    t.match(answer, /connection: close/i);
    t.match(answer, /REQUEST_TOO_LARGE/);
  }
});

test('S2: a chunked body is counted: beyond the limit it is 413, the connection is closed, memory stays flat', async (t) => {
  const { url } = await openServer(t);
  const chunk = Buffer.alloc(1024 * 1024, 7);
  const framed = Buffer.concat([Buffer.from('100000\r\n'), chunk, Buffer.from('\r\n')]);
  for (const path of [`/api/v1/segments/${'a'.repeat(64)}`, `/api/v1/details/${'a'.repeat(64)}`]) {
    let sent = 0;
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const answer = await say(url, requestOf('PUT', path, ['transfer-encoding: chunked']), () => {
      sent++;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      return sent > 400 ? undefined : framed;
    });
    t.match(answer, /^HTTP\/1\.1 413 |^broken/, 'told so, or cut off while still talking');
    t.ok(sent < 400, `closed after ${sent} MiB, not after all of them`);
    t.ok(most < 100 * 1024 * 1024, `${most} bytes in memory`);
  }
});

test('S2: a chunked body within the limit is accepted', async (t) => {
  const { url } = await openServer(t);
  const [{ identity, stored }] = someSegments(1) as [MadeSegment];
  const half = Math.floor(stored.length / 2);
  const chunks = [stored.subarray(0, half), stored.subarray(half)].flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ]);
  const head = requestOf('PUT', `/api/v1/segments/${identity}`, [
    'transfer-encoding: chunked',
    'connection: close',
  ]);
  const answer = await say(url, Buffer.concat([Buffer.from(head), ...chunks, Buffer.from('0\r\n\r\n')]));
  t.match(answer, /^HTTP\/1\.1 201 /);
});

test('S2: a PUT with neither a length nor chunks is 411', async (t) => {
  const { url } = await openServer(t);
  for (const [method, path] of [
    ['PUT', `/api/v1/segments/${'a'.repeat(64)}`],
    ['POST', '/api/v1/lookup'],
  ] as const) {
    const answer = await say(url, requestOf(method, path, []));
    t.match(answer, /^HTTP\/1\.1 411 /);
    t.match(answer, /REQUEST_LENGTH_REQUIRED/);
    t.match(answer, /connection: close/i);
  }
});

test('S2: enormous headers are 431, what is no HTTP is 400, both with a body of ours', async (t) => {
  const { url } = await openServer(t);
  const large = await say(url, requestOf('GET', '/api/v1/whoami', [`x-large: ${'x'.repeat(100_000)}`]));
  t.match(large, /^HTTP\/1\.1 431 |^broken/);
  if (!large.startsWith('broken')) t.match(large, /REQUEST_HEADERS_TOO_LARGE/);
  const garbage = await say(url, 'this is not HTTP\r\n\r\n');
  t.match(garbage, /^HTTP\/1\.1 400 .*REQUEST_INVALID/s);
  const twoLengths = await say(
    url,
    requestOf('POST', '/api/v1/lookup', ['content-length: 5', 'transfer-encoding: chunked']),
  );
  t.match(twoLengths, /^HTTP\/1\.1 400 /, 'a request that could be read in two ways is refused');
});

test('JSON that is larger than its route takes is 413, declared or chunked', async (t) => {
  const { url } = await openServer(t);
  const declared = await say(
    url,
    requestOf('POST', '/api/v1/lookup', ['content-type: application/json', 'content-length: 99999999']),
  );
  t.match(declared, /^HTTP\/1\.1 413 .*REQUEST_TOO_LARGE/s);
  const chunk = Buffer.concat([
    Buffer.from('100000\r\n'),
    Buffer.alloc(1024 * 1024, 0x20),
    Buffer.from('\r\n'),
  ]);
  let sent = 0;
  const head = requestOf('POST', '/api/v1/lookup', [
    'content-type: application/json',
    'transfer-encoding: chunked',
  ]);
  const chunked = await say(url, head, () => (sent++ > 200 ? undefined : chunk));
  t.match(chunked, /^HTTP\/1\.1 413 |^broken/);
  t.ok(sent < 200);
});

test('without credentials it answers under loopback names only, and to no page of another origin', async (t) => {
  const { url } = await openServer(t);
  const { port } = new URL(url);
  const hostOf = (host: string, more: string[] = []) =>
    say(
      url,
      [`GET /api/v1/whoami HTTP/1.1`, `host: ${host}`, 'connection: close', ...more, '', ''].join('\r\n'),
    );
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'LOCALHOST', `[::1]:${port}`]) {
    t.match(await hostOf(host), /^HTTP\/1\.1 200 /, host);
  }
  for (const host of [`rebound.example:${port}`, '127.0.0.1.example', 'localhost.example', '']) {
    t.match(await hostOf(host), /^HTTP\/1\.1 403 .*REQUEST_HOST_REFUSED/s, host);
  }
  t.match(await hostOf(`127.0.0.1:${port}`, ['origin: http://127.0.0.1:9999']), /^HTTP\/1\.1 403 /);
  t.match(await hostOf(`127.0.0.1:${port}`, ['origin: null']), /^HTTP\/1\.1 403 /);
  t.match(
    await hostOf(`127.0.0.1:${port}`, [`origin: http://127.0.0.1:${port}`]),
    /^HTTP\/1\.1 200 /,
    'its own page',
  );
  // A page can make up a credential, which then has to be one.
  const made = ['authorization: Bearer made-up'];
  t.match(await hostOf('rebound.example', made), /^HTTP\/1\.1 401 .*CREDENTIAL_REFUSED/s);
  for (const path of ['/metrics', '/docs/json', '//api/v1/whoami', '/%61pi/v1/whoami']) {
    const asked = [`GET ${path} HTTP/1.1`, 'host: rebound.example', 'connection: close', ...made, '', ''];
    t.match(await say(url, asked.join('\r\n')), /^HTTP\/1\.1 403 .*REQUEST_HOST_REFUSED/s, path);
  }
});
