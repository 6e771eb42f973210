/** What the routes answer has the shapes of protocol/wire, which the client is built on. */
import { test } from 'tap';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { sha256 } from '#protocol/format/digest.ts';
import { archiveTag } from '#protocol/wire/archive-tag.ts';
import { CATALOGUE } from '#protocol/wire/errors.ts';
import { decodeInline, INLINE_MAX, INLINE_TYPE, inlineBytes } from '#protocol/wire/inline.ts';
import {
  CommitAnswerSchema,
  CommitConflictSchema,
  EntriesAnswerSchema,
  EntryAnswerSchema,
  ErrorBodySchema,
  EventsAnswerSchema,
  LackAnswerSchema,
  LookupAnswerSchema,
  OpenSaveAnswerSchema,
  PutAnswerSchema,
  RemoveAnswerSchema,
  StatsSchema,
  SuspectAnswerSchema,
  WhoamiSchema,
  WriteAnswerSchema,
} from '#protocol/wire/routes.ts';
import { commitRequest, someSegments } from '../made-segments.ts';
import { type Answer, ask, batchOf, openServer, ROOT, save } from './open-server.ts';

function has({ json }: Answer, schema: TSchema): boolean {
  return Compile(schema).Check(json);
}

test('a save, step by step', async (t) => {
  const { url } = await openServer(t);
  const segments = someSegments(2);
  const opened = await ask(url, '/saves', {
    json: { kind: 'npm', name: 'shop', key: 'npm/shop/a', roots: [ROOT] },
  });
  t.ok(has(opened, OpenSaveAnswerSchema));
  const identities = segments.map(({ identity }) => identity);
  const lack = await ask(url, `/saves/${opened.json.save}/lack`, { json: { identities } });
  t.ok(has(lack, LackAnswerSchema));
  t.same(lack.json.lack, identities);
  const [first, second] = segments.map(({ stored }) => stored) as [Buffer, Buffer];
  const put = await ask(url, `/segments/${identities[0]}`, { method: 'PUT', bytes: first });
  t.equal(put.status, 201);
  t.ok(has(put, PutAnswerSchema));
  t.equal((await ask(url, `/segments/${identities[0]}`, { method: 'PUT', bytes: first })).status, 200);
  const written = await ask(url, '/segments/write', { bytes: batchOf([first, second]) });
  t.ok(has(written, WriteAnswerSchema));
  t.same(written.json.results, [
    { identity: identities[0], status: 'had' },
    { identity: identities[1], status: 'stored' },
  ]);
  const detail = Buffer.from('["react","19"]\n');
  const stored = await ask(url, `/details/${sha256(detail)}`, { method: 'PUT', bytes: detail });
  t.equal(stored.status, 201);
  t.ok(has(stored, PutAnswerSchema));
  t.ok((await ask(url, `/details/${sha256(detail)}`)).bytes.equals(detail));
  const committed = await ask(url, `/saves/${opened.json.save}/commit`, {
    json: commitRequest({ [ROOT]: segments }),
  });
  t.equal(committed.status, 200);
  t.ok(has(committed, CommitAnswerSchema));
  const again = await ask(url, '/saves', {
    json: { kind: 'npm', name: 'shop', key: 'npm/shop/a', roots: [ROOT] },
  });
  t.equal(again.json.exists, committed.json.entry);
});

test('S7: the 409 of a commit carries the winner', async (t) => {
  const { url } = await openServer(t);
  const winner = await save(url, 'npm/shop/a', someSegments(2, 'first'));
  const loser = await save(url, 'npm/shop/a', someSegments(2, 'second'));
  t.equal(loser.status, 409);
  t.ok(has(loser, CommitConflictSchema));
  t.equal(loser.json.code, 'ENTRY_EXISTS');
  t.same(loser.json.winner, {
    entry: winner.json.entry,
    manifest: winner.json.manifest,
    signature: winner.json.signature,
  });
});

test('look-ups: hit, near, miss, several wants in one question', async (t) => {
  const { url } = await openServer(t);
  const { json } = await save(url, 'npm/shop/a', someSegments(3));
  const wants = [
    { keys: ['npm/shop/a'], roots: [ROOT] },
    { keys: ['npm/shop/b', 'npm/shop/'], roots: [ROOT] },
    { keys: ['npm/other/b'], roots: [ROOT] },
  ];
  const answer = await ask(url, '/lookup', { json: { wants } });
  t.equal(answer.status, 200);
  t.ok(has(answer, LookupAnswerSchema));
  const [exact, near, none] = answer.json.results;
  t.match(exact, { hit: 'exact', entry: json.entry, manifest: json.manifest, signature: json.signature });
  t.match(near, { hit: 'near', entry: json.entry, reason: /No entry has the key npm\/shop\/b/ });
  t.same(none, { hit: 'none', reason: 'No entry has the key npm/other/b.' });
  const entry = await ask(url, `/entries/${json.entry}`);
  t.ok(has(entry, EntryAnswerSchema));
  t.same(entry.json.layout, exact.layout);
  const listed = await ask(url, '/entries?kind=npm&prefix=npm/sh&limit=1');
  t.ok(has(listed, EntriesAnswerSchema));
  t.equal(listed.json.entries[0].entry, json.entry);
  t.same((await ask(url, '/entries?kind=maven')).json.entries, []);
});

test('a look-up brings the first segments along where it is asked to', async (t) => {
  const { url } = await openServer(t);
  const small = someSegments(2, 'small');
  const large = someSegments(2, 'large');
  await save(url, 'npm/small/a', small);
  await save(url, 'npm/large/a', large);
  const wants = ['npm/small/a', 'npm/none/a', 'npm/large/a'].map((key) => ({ keys: [key], roots: [ROOT] }));
  const first = [...small, ...large.slice(0, 1)].map(({ stored }) => stored);
  const budget = Buffer.concat(first).length + 1;
  const { headers, bytes } = await ask(url, '/lookup', {
    json: { wants },
    headers: { 'accept-inline': String(budget) },
  });
  t.equal(headers.get('content-type'), INLINE_TYPE);
  const { answer, bytes: inline } = decodeInline(bytes, url);
  t.ok(Compile(LookupAnswerSchema).Check(answer));
  const { results } = answer as { results: { inline?: { offset: number; length: number } }[] };
  t.equal(results[1]?.inline, undefined);
  const parts = [results[0]?.inline, results[2]?.inline].map((one) =>
    inlineBytes(inline, one ?? { offset: 0, length: 0 }, url),
  );
  t.ok(parts[0]?.equals(Buffer.concat(small.map(({ stored }) => stored))), 'the whole small one');
  t.ok(parts[1]?.equals(first[2] ?? Buffer.alloc(0)), 'of the large one what fits');
  t.equal(INLINE_MAX, 4 * 1024 * 1024);
  const plain = await ask(url, '/lookup', { json: { wants }, headers: { 'accept-inline': 'yes please' } });
  t.ok(has(plain, LookupAnswerSchema), 'a header that is no number is none');
});

test('segments are read one by one and many in one body', async (t) => {
  const { url } = await openServer(t);
  const segments = someSegments(3);
  await save(url, 'npm/shop/a', segments);
  const identities = segments.map(({ identity }) => identity);
  const one = await ask(url, `/segments/${identities[1]}`);
  t.ok(one.bytes.equals(segments[1]?.stored ?? Buffer.alloc(0)));
  const absent = 'f'.repeat(64);
  const many = await ask(url, '/segments/read', {
    json: { identities: [identities[2], absent, identities[0]] },
  });
  t.ok(
    many.bytes.equals(
      batchOf(
        [segments[2]?.stored, Buffer.alloc(0), segments[0]?.stored].map((bytes) => bytes ?? Buffer.alloc(0)),
      ),
    ),
  );
  const missing = await ask(url, `/segments/${absent}`);
  t.equal(missing.status, 404);
  t.equal(missing.json.code, 'SEGMENT_MISSING');
});

test('a batch is answered object by object: one that is bad does not take the others with it', async (t) => {
  const { url } = await openServer(t);
  const [first, second] = someSegments(2).map(({ stored }) => stored) as [Buffer, Buffer];
  const bad = Buffer.from(second);
  bad.writeUInt8(bad.readUInt8(40) ^ 1, 40);
  const { json } = await ask(url, '/segments/write', { bytes: batchOf([first, bad, Buffer.alloc(500, 1)]) });
  t.match(json.results, [
    { status: 'stored' },
    { status: 'refused', code: 'SEGMENT_DAMAGED' },
    { status: 'refused', code: 'SEGMENT_UNREADABLE' },
  ]);
  const torn = await ask(url, '/segments/write', { bytes: batchOf([second]).subarray(0, -1) });
  t.equal(torn.status, 400);
  t.equal(torn.json.code, 'REQUEST_INVALID');
  const huge = Buffer.alloc(4);
  huge.writeUInt32LE(17 * 1024 * 1024 + 1);
  const refused = await ask(url, '/segments/write', { bytes: Buffer.concat([huge, second]) });
  t.equal(refused.status, 413);
});

test('the archive: whole, in ranges, under conditions', async (t) => {
  const { url } = await openServer(t);
  const segments = someSegments(3);
  const { json } = await save(url, 'npm/shop/a', segments);
  const path = `/entries/${json.entry}/archive`;
  const whole = await ask(url, path);
  t.equal(whole.status, 200);
  t.equal(whole.headers.get('accept-ranges'), 'bytes');
  const size = whole.bytes.length;
  t.equal(whole.headers.get('content-length'), String(size));
  const tag = whole.headers.get('etag') ?? '';
  t.equal(tag, archiveTag((await ask(url, `/entries/${json.entry}`)).json.layout));
  const head = await ask(url, path, { method: 'HEAD' });
  t.equal(head.headers.get('content-length'), String(size));
  t.equal(head.headers.get('etag'), tag);
  for (const [range, from, to] of [
    ['bytes=0-0', 0, 1],
    ['bytes=10-99', 10, 100],
    [`bytes=${size - 5}-`, size - 5, size],
    ['bytes=-7', size - 7, size],
    [`bytes=5-${size + 100}`, 5, size],
  ] as const) {
    const part = await ask(url, path, { headers: { range, 'if-match': tag } });
    t.equal(part.status, 206, range);
    t.equal(part.headers.get('content-range'), `bytes ${from}-${to - 1}/${size}`);
    t.ok(part.bytes.equals(whole.bytes.subarray(from, to)));
  }
  for (const range of ['lines=1-2', 'bytes=0-1,5-6', 'bytes=9-3', 'bytes=-', 'bytes=a-b']) {
    t.equal((await ask(url, path, { headers: { range } })).status, 200, `${range} is ignored`);
  }
  for (const range of [`bytes=${size}-`, 'bytes=-0']) {
    const past = await ask(url, path, { headers: { range } });
    t.equal(past.status, 416, range);
    t.equal(past.headers.get('content-range'), `bytes */${size}`);
    t.equal(past.json.code, 'REQUEST_RANGE');
  }
  const stale = await ask(url, path, { headers: { range: 'bytes=0-5', 'if-match': '"another"' } });
  t.equal(stale.status, 412);
  t.equal(stale.json.code, 'LAYOUT_STALE');
  t.equal((await ask(url, path, { headers: { 'if-match': '*' } })).status, 200);
  t.equal((await ask(url, path, { headers: { 'if-match': `"x", ${tag}` } })).status, 200);
  t.equal((await ask(url, path, { headers: { range: 'bytes=0-5', 'if-range': '"another"' } })).status, 200);
  t.equal((await ask(url, path, { headers: { range: 'bytes=0-5', 'if-range': tag } })).status, 206);
  t.equal((await ask(url, `${path}?anchor=home`)).status, 400);
  t.equal((await ask(url, `${path}?anchor=workspace`)).bytes.length, size);
});

test('reports, removal, events, figures, whoami', async (t) => {
  const { url } = await openServer(t);
  const segments = someSegments(2);
  const { json } = await save(url, 'npm/shop/a', segments);
  const report = await ask(url, `/segments/${segments[0]?.identity}/suspect`, {
    json: { entry: json.entry },
  });
  t.ok(has(report, SuspectAnswerSchema));
  t.same(report.json, { confirmed: false, retired: [] });
  const removed = await ask(url, `/entries/${json.entry}`, { method: 'DELETE' });
  t.ok(has(removed, RemoveAnswerSchema));
  t.equal((await ask(url, `/entries/${json.entry}`)).json.code, 'ENTRY_MISSING');
  const event = {
    command: 'run',
    kind: 'npm',
    key: 'npm/shop/a',
    hit: 'exact',
    skipped: true,
    bytes: { down: 1, up: 2, reused: 3 },
    seconds: { lookup: 0.1, restore: 1, command: 0, save: 0, saved: 9 },
  };
  const told = await ask(url, '/events', { json: { events: [event] } });
  t.ok(has(told, EventsAnswerSchema));
  const stats = await ask(url, '/stats');
  t.ok(has(stats, StatsSchema));
  t.match(stats.json, { runs: 1, hits: { exact: 1 }, secondsSaved: 9 });
  const who = await ask(url, '/whoami');
  t.ok(has(who, WhoamiSchema));
  t.match(who.json, {
    domain: 'local',
    tier: 'trusted',
    scope: 'local',
    reads: ['local'],
    server: { format: 1 },
  });
});

test('every error is a body of the catalogue', async (t) => {
  const { url } = await openServer(t);
  const cases: [string, number, string, Parameters<typeof ask>[2]?][] = [
    ['/nothing', 404, 'REQUEST_UNKNOWN_ROUTE'],
    ['//elsewhere', 404, 'REQUEST_UNKNOWN_ROUTE'],
    ['/lookup', 404, 'REQUEST_UNKNOWN_ROUTE', { method: 'GET' }],
    ['/lookup', 400, 'REQUEST_INVALID', { json: {} }],
    ['/lookup', 400, 'REQUEST_INVALID', { json: { wants: [{ keys: ['a'], roots: 'x' }] } }],
    ['/lookup', 400, 'REQUEST_INVALID', { json: null }],
    [
      '/lookup',
      400,
      'REQUEST_INVALID',
      { bytes: Buffer.from('{'), headers: { 'content-type': 'application/json' } },
    ],
    [
      '/lookup',
      400,
      'REQUEST_INVALID',
      { bytes: Buffer.from('a=b'), headers: { 'content-type': 'text/plain' } },
    ],
    ['/lookup', 400, 'KEY_UNREADABLE', { json: { wants: [{ keys: ['npm/a'], roots: [] }] } }],
    ['/entries/xyz', 400, 'REQUEST_INVALID'],
    [`/entries/${'0'.repeat(32)}`, 404, 'ENTRY_MISSING'],
    [`/entries/${'0'.repeat(32)}/archive`, 404, 'ENTRY_MISSING'],
    ['/entries?limit=none', 400, 'REQUEST_INVALID'],
    ['/segments/xyz', 400, 'REQUEST_INVALID'],
    [`/details/${'a'.repeat(64)}`, 404, 'DETAIL_MISSING'],
    [`/details/${'a'.repeat(64)}`, 400, 'REQUEST_INVALID', { method: 'PUT', bytes: Buffer.from('x') }],
    ['/saves/none/lack', 404, 'SAVE_UNKNOWN', { json: { identities: ['a'.repeat(64)] } }],
    ['/saves/a%2Fb/lack', 400, 'REQUEST_INVALID', { json: { identities: ['a'.repeat(64)] } }],
    ['/whoami', 403, 'REQUEST_HOST_REFUSED', { headers: { origin: 'http://evil.example' } }],
  ];
  for (const [path, status, code, asked] of cases) {
    const answer = await ask(url, path, asked);
    const what = `${asked?.method ?? ''} ${path} ${JSON.stringify(asked?.json ?? '')}`;
    t.equal(answer.status, status, what);
    t.equal(answer.json?.code, code, what);
    t.ok(has(answer, ErrorBodySchema), what);
    t.ok(answer.headers.get('x-request-id'), what);
    t.ok(Object.hasOwn(CATALOGUE, answer.json?.code), what);
  }
  const named = await ask(url, '/lookup', {
    json: {
      wants: [
        { keys: ['npm/a/b'], roots: [] },
        { keys: [], roots: [] },
      ],
    },
  });
  t.equal(named.json.field, '/wants/1/keys');
  const missing = await ask(url, '/lookup', { json: { wants: [{ keys: ['npm/a/b'] }] } });
  t.equal(missing.json.field, '/wants/0/roots');
});

test('the OpenAPI document lists every route, each with what it is for', async (t) => {
  const { url } = await openServer(t);
  const { json } = await ask(url, '//docs/json');
  const listed = Object.entries(json.paths as Record<string, Record<string, { summary?: string }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { summary }]) => {
        t.ok(summary, `${method} ${path}`);
        return `${method} ${path.replace('/api/v1', '')}`;
      }),
  );
  t.same(listed.sort(), [
    'delete /admin/tokens/{token}',
    'delete /entries/{entry}',
    'get /.well-known/cachalot-keys.json',
    'get /admin/tokens',
    'get /details/{digest}',
    'get /entries',
    'get /entries/{entry}',
    'get /entries/{entry}/archive',
    'get /healthz',
    'get /metrics',
    'get /readyz',
    'get /segments/{identity}',
    'get /stats',
    'get /whoami',
    'head /entries/{entry}/archive',
    'post /admin/jobs',
    'post /admin/tokens',
    'post /events',
    'post /lookup',
    'post /saves',
    'post /saves/{save}/commit',
    'post /saves/{save}/lack',
    'post /segments/read',
    'post /segments/write',
    'post /segments/{identity}/suspect',
    'post /sessions',
    'put /details/{digest}',
    'put /segments/{identity}',
  ]);
  const page = await fetch(`${url}/docs`);
  t.equal(page.status, 200);
  t.match(await page.text(), /swagger-ui/i);
});

test('health, readiness, figures and public keys are outside the interface', async (t) => {
  const { url } = await openServer(t);
  await save(url, 'npm/shop/a', someSegments(1));
  await ask(url, '/lookup', { json: { wants: [{ keys: ['npm/shop/a'], roots: [] }] } });
  t.equal((await ask(url, '//healthz')).status, 200);
  t.same((await ask(url, '//readyz')).json, { status: 'ready' });
  const figures = (await ask(url, '//metrics')).bytes.toString();
  for (const line of [
    'cachalot_lookups_total{hit="exact",kind="npm"} 1',
    'cachalot_commits_total 1',
    'cachalot_damaged_objects_total 0',
  ]) {
    t.ok(figures.includes(line), line);
  }
  t.match(
    figures,
    /cachalot_request_seconds_count\{method="POST",route="\/api\/v1\/lookup",status="200"\} 1/,
  );
  const keys = (await ask(url, '//.well-known/cachalot-keys.json')).json.keys;
  t.match(keys, [{ kty: 'OKP', crv: 'Ed25519' }]);
});
