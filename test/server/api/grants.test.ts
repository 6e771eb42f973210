/**
 * Who may do what: every route of the server's own document against every tier, another branch and another domain. A route that is
 * not in the tables below fails the test, so none can be forgotten.
 */
import { randomBytes } from 'node:crypto';
import { type Test, test } from 'tap';
import { sha256 } from '#protocol/format/digest.ts';
import { commitRequest, type MadeSegment, someSegments } from '../made-segments.ts';
import { holding, makeToken } from './holders.ts';
import { type Answer, type Asked, ask, batchOf, openServer, ROOT, save } from './open-server.ts';

const REQUIRED = { CACHALOT_SERVER_AUTH_REQUIRED: 'true' };

/** Outside the interface: for machines that watch it, and for who checks signatures. */
const OPEN_TO_ALL = ['get /healthz', 'get /readyz', 'get /metrics', 'get /.well-known/cachalot-keys.json'];

type Holder = 'main' | 'branch' | 'fork' | 'reader' | 'foreign';

/** What `main` has stored, and what the holder that asks has opened. */
interface Cell {
  key: string;
  entry: string;
  segment: MadeSegment;
  detail: Buffer;
  /** A save that is open: main's. */
  save: string;
  /** One of the holder's own. */
  own: string;
}

interface Row {
  ask(cell: Cell): [path: string, asked?: Asked];
  /** What of the answer counts; its status alone unless given. */
  says?: (answer: Answer, cell: Cell) => string;
  outcomes: Record<Holder, string>;
}

const alike = (outcome: string): Record<Holder, string> => {
  return { main: outcome, branch: outcome, fork: outcome, reader: outcome, foreign: outcome };
};
const READ = { main: '200', branch: '200', fork: '200', reader: '200', foreign: '404' };
const BY_IDENTITY = { main: '200', branch: '200', fork: '404', reader: '404', foreign: '404' };
const OF_A_SAVE = { main: '200', branch: '404', fork: '404', reader: '403', foreign: '404' };

const shows = (text: (cell: Cell) => string | Buffer) => (answer: Answer, cell: Cell) =>
  `${answer.status} ${answer.bytes.includes(text(cell)) ? 'shown' : 'nothing'}`;
const SHOWN = { ...alike('200 shown'), foreign: '200 nothing' };

const ROWS: Record<string, Row> = {
  'get /whoami': { ask: () => ['/whoami'], outcomes: alike('200') },
  'post /lookup': {
    ask: ({ key }) => ['/lookup', { json: { wants: [{ keys: [key], roots: [ROOT] }] } }],
    says: shows(() => '"hit":"exact"'),
    outcomes: SHOWN,
  },
  'get /entries': { ask: () => ['/entries'], says: shows(({ key }) => key), outcomes: SHOWN },
  'get /entries/{entry}': { ask: ({ entry }) => [`/entries/${entry}`], outcomes: READ },
  'get /entries/{entry}/archive': { ask: ({ entry }) => [`/entries/${entry}/archive`], outcomes: READ },
  'head /entries/{entry}/archive': {
    ask: ({ entry }) => [`/entries/${entry}/archive`, { method: 'HEAD' }],
    outcomes: READ,
  },
  'delete /entries/{entry}': {
    ask: ({ entry }) => [`/entries/${entry}`, { method: 'DELETE' }],
    outcomes: { main: '200', branch: '403', fork: '403', reader: '403', foreign: '404' },
  },
  'get /segments/{identity}': {
    ask: ({ segment }) => [`/segments/${segment.identity}`],
    outcomes: BY_IDENTITY,
  },
  'post /segments/read': {
    ask: ({ segment }) => ['/segments/read', { json: { identities: [segment.identity] } }],
    says: shows(({ segment }) => segment.stored),
    outcomes: { ...alike('200 nothing'), main: '200 shown', branch: '200 shown' },
  },
  'put /segments/{identity}': {
    ask: ({ segment, own }) => [
      `/segments/${segment.identity}?save=${own}`,
      { method: 'PUT', bytes: segment.stored },
    ],
    outcomes: { main: '200', branch: '200', fork: '201', reader: '403', foreign: '201' },
  },
  'post /segments/write': {
    ask: ({ segment, own }) => [`/segments/write?save=${own}`, { bytes: batchOf([segment.stored]) }],
    says: ({ status, json }) => `${status} ${json.results?.[0].status ?? ''}`,
    outcomes: {
      main: '200 had',
      branch: '200 had',
      fork: '200 stored',
      reader: '403 ',
      foreign: '200 stored',
    },
  },
  'post /segments/{identity}/suspect': {
    ask: ({ segment }) => [`/segments/${segment.identity}/suspect`, { json: {} }],
    says: ({ status, json }) => `${status} ${json.confirmed ?? ''}`,
    // Who has no such segment hears that it is gone, which it is for him.
    outcomes: {
      main: '200 false',
      branch: '200 false',
      fork: '404 ',
      reader: '404 ',
      foreign: '200 true',
    },
  },
  'get /details/{digest}': { ask: ({ detail }) => [`/details/${sha256(detail)}`], outcomes: BY_IDENTITY },
  'put /details/{digest}': {
    ask: ({ detail, own }) => [`/details/${sha256(detail)}?save=${own}`, { method: 'PUT', bytes: detail }],
    outcomes: { main: '200', branch: '200', fork: '201', reader: '403', foreign: '201' },
  },
  'post /saves': {
    ask: ({ key }) => ['/saves', { json: opening(key) }],
    says: ({ status, json }) => `${status} ${json.exists === undefined ? 'free' : 'taken'}`,
    // The first save of a key wins in its scope, and in no other.
    outcomes: {
      main: '200 taken',
      branch: '200 free',
      fork: '200 free',
      reader: '403 free',
      foreign: '200 free',
    },
  },
  'post /saves/{save}/lack': {
    ask: ({ save: id, segment }) => [`/saves/${id}/lack`, { json: { identities: [segment.identity] } }],
    outcomes: OF_A_SAVE,
  },
  'post /saves/{save}/commit': {
    ask: ({ save: id, segment }) => [`/saves/${id}/commit`, { json: commitRequest({ [ROOT]: [segment] }) }],
    outcomes: OF_A_SAVE,
  },
  // A static token counts by itself.
  'post /sessions': { ask: () => ['/sessions', { json: {} }], outcomes: alike('403') },
  'post /events': { ask: () => ['/events', { json: { events: [EVENT] } }], outcomes: alike('200') },
  'get /stats': { ask: () => ['/stats'], outcomes: alike('200') },
};

const EVENT = {
  command: 'run',
  kind: 'npm',
  key: 'npm/shop/a',
  hit: 'exact',
  skipped: true,
  bytes: { down: 1, up: 2, reused: 3 },
  seconds: { lookup: 0.1, restore: 1, command: 0, save: 0, saved: 9 },
};

function opening(key: string) {
  return { kind: 'npm', name: 'shop', key, roots: [ROOT] };
}

async function listedRoutes(url: string): Promise<{ route: string; isNative: boolean }[]> {
  const { json } = await ask(url, '//docs/json');
  return Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      route: `${method} ${path.replace('/api/v1', '')}`,
      isNative: path.startsWith('/api/v1'),
    })),
  );
}

async function openHolders(t: Test) {
  const server = await openServer(t, { env: REQUIRED });
  const project = { project: 'shop', domain: 'corp' };
  const trusted = await makeToken(server, { ...project, tier: 'trusted' });
  const untrusted = await makeToken(server, { ...project, tier: 'untrusted' });
  const readOnly = await makeToken(server, { ...project, tier: 'read-only' });
  const other = await makeToken(server, { project: 'shop', domain: 'elsewhere', tier: 'trusted' });
  const holders: Record<Holder, Record<string, string>> = {
    main: holding(trusted.token, 'refs/heads/main'),
    branch: holding(trusted.token, 'refs/heads/feature'),
    fork: holding(untrusted.token, 'refs/pull/7/merge'),
    reader: holding(readOnly.token, 'refs/heads/main'),
    foreign: holding(other.token, 'refs/heads/main'),
  };
  return { server, url: server.url, holders, trusted };
}

test('every route against every tier, another branch and another domain', async (t) => {
  const { url, holders } = await openHolders(t);
  const routes = await listedRoutes(url);
  const native = routes.filter(({ isNative, route }) => isNative && !route.includes(' /admin/'));
  t.same(
    native.map(({ route }) => route).sort(),
    Object.keys(ROWS).sort(),
    'the table has every route, and no other',
  );
  const outside = routes.filter(({ isNative }) => !isNative).map(({ route }) => route);
  t.same(outside.sort(), [...OPEN_TO_ALL].sort());
  let count = 0;
  for (const [route, row] of Object.entries(ROWS)) {
    const key = `npm/shop/${++count}`;
    const [segment] = someSegments(1, key) as [MadeSegment];
    const detail = Buffer.from(`["${key}","1"]\n`);
    const headersOfMain = holders.main;
    await ask(url, `/details/${sha256(detail)}`, { method: 'PUT', bytes: detail, headers: headersOfMain });
    const { json } = await save(url, key, [segment], { headers: headersOfMain });
    const open = async (name: string, headers: Record<string, string>) =>
      (await ask(url, '/saves', { json: opening(`${key}-${name}`), headers })).json.save ?? 'none';
    const shared = { key, segment, detail, entry: json.entry, save: await open('open', headersOfMain) };
    // What main does may change it, so main comes last.
    for (const holder of ['branch', 'fork', 'reader', 'foreign', 'main'] as const) {
      const headers = holders[holder];
      const cell = { ...shared, own: await open('own', headers) };
      const [path, asked = {}] = row.ask(cell);
      const answer = await ask(url, path, { ...asked, headers: { ...asked.headers, ...headers } });
      const says = row.says ?? (({ status }: Answer) => String(status));
      t.equal(says(answer, cell), row.outcomes[holder], `${route} by ${holder}`);
    }
  }
});

test('without a credential, or with one that is none, every route is shut', async (t) => {
  const { server, url, holders } = await openHolders(t);
  const expiring = await makeToken(server, { project: 'shop', tier: 'trusted', expiresIn: 1 });
  const revoked = await makeToken(server, { project: 'shop', tier: 'trusted' });
  const { authorization: admin = '' } = (await import('./holders.ts')).administrator(server);
  const gone = await ask(url, `/admin/tokens/${revoked.id}`, {
    method: 'DELETE',
    headers: { authorization: admin },
  });
  t.equal(gone.status, 200);
  while ((await ask(url, '/whoami', { headers: holding(expiring.token) })).status === 200)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const good = holders.main.authorization ?? '';
  const strangers: [string, string | undefined, code: string][] = [
    ['nobody', undefined, 'CREDENTIAL_REQUIRED'],
    ['an empty credential', '', 'CREDENTIAL_REFUSED'],
    ['a word', 'Bearer hello', 'CREDENTIAL_REFUSED'],
    ['a password', `Basic ${Buffer.from(`x:${good.slice(7)}`).toString('base64')}`, 'CREDENTIAL_REFUSED'],
    ['a wrong secret', `${good.slice(0, -4)}AAAA`, 'CREDENTIAL_REFUSED'],
    ['an unknown id', `Bearer cachalot_${'0'.repeat(16)}_${'a'.repeat(43)}`, 'CREDENTIAL_REFUSED'],
    ['an expired token', `Bearer ${expiring.token}`, 'CREDENTIAL_REFUSED'],
    ['a revoked token', `Bearer ${revoked.token}`, 'CREDENTIAL_REFUSED'],
    ['the administrator', admin, 'CREDENTIAL_REFUSED'],
    ['a long one', `Bearer ${'a'.repeat(8_000)}`, 'CREDENTIAL_REFUSED'],
  ];
  const id = '0'.repeat(32);
  for (const { route, isNative } of await listedRoutes(url)) {
    if (!isNative) continue;
    const [method = '', path = ''] = route.split(' ');
    const where = path
      .replace('{entry}', id)
      .replace(/\{(identity|digest)\}/, id + id)
      .replace('{save}', 'x')
      .replace('{token}', id.slice(16));
    const isAdmin = path.startsWith('/admin/');
    for (const [who, authorization, code] of strangers) {
      if (isAdmin && who === 'the administrator') continue;
      const headers = authorization === undefined ? {} : { authorization };
      const sends = method === 'post' || method === 'put' ? { json: {} } : {};
      const answer = await ask(url, where, { method: method.toUpperCase(), headers, ...sends });
      t.equal(answer.status, 401, `${route} by ${who}`);
      t.equal(answer.headers.get('www-authenticate'), 'Bearer realm="Cachalot"');
      if (method !== 'head')
        t.equal(answer.json.code, isAdmin ? 'ADMIN_REQUIRED' : code, `${route} by ${who}`);
    }
    // Nor may a project's token what is an administrator's.
    if (isAdmin) {
      const sends = method === 'post' ? { json: {} } : {};
      const answer = await ask(url, where, { method: method.toUpperCase(), headers: holders.main, ...sends });
      t.equal(answer.json.code, 'ADMIN_REQUIRED', route);
    }
  }
});

test('S3: who is not trusted writes no scope that a trusted build reads', async (t) => {
  const { url, holders } = await openHolders(t);
  const key = 'npm/shop/poison';
  // It calls itself main: its scope is still its own tier's.
  const posing = { ...holders.fork, 'cachalot-ref': 'refs/heads/main' };
  const poison = await save(url, key, someSegments(1, 'poison'), { headers: posing });
  t.equal(poison.status, 200);
  t.equal(poison.json.manifest.scope, 'shop,untrusted,refs/heads/main');
  for (const headers of [holders.main, holders.branch]) {
    const wants = [{ keys: [key, 'npm/shop/'], roots: [] }];
    t.equal((await ask(url, '/lookup', { json: { wants }, headers })).json.results[0].hit, 'none');
  }
  // Nor is anything that a header names believed, whichever it is.
  for (const header of ['cachalot-base', 'cachalot-default']) {
    const headers = { ...holders.main, [header]: 'refs/pull/7/merge' };
    await save(url, `${key}-7`, someSegments(1, 'poison 7'), { headers: holders.fork });
    const wants = [{ keys: [`${key}-7`], roots: [] }];
    t.equal((await ask(url, '/lookup', { json: { wants }, headers })).json.results[0].hit, 'none', header);
  }
});

test('S3: a trusted token writes the refs that it was made for, and reads the others', async (t) => {
  const { server, url, holders } = await openHolders(t);
  const { token } = await makeToken(server, {
    project: 'shop',
    domain: 'corp',
    tier: 'trusted',
    writes: ['refs/heads/release-*'],
  });
  await save(url, 'npm/shop/a', someSegments(1), { headers: holders.main });
  for (const ref of ['refs/heads/main', 'refs/heads/xrelease-1', 'refs/tags/release-1', undefined]) {
    const refused = await ask(url, '/saves', { json: opening('npm/shop/b'), headers: holding(token, ref) });
    t.match(refused, { status: 403, json: { code: 'REF_REFUSED' } }, `${ref}`);
    const wants = [{ keys: ['npm/shop/a'], roots: [] }];
    const found = await ask(url, '/lookup', { json: { wants }, headers: holding(token, ref) });
    t.equal(found.json.results[0].hit, 'exact');
  }
  const headers = holding(token, 'refs/heads/release-1');
  t.equal((await save(url, 'npm/shop/b', someSegments(1), { headers })).status, 200);
  t.match((await ask(url, '/whoami', { headers })).json, {
    domain: 'corp',
    project: 'shop',
    tier: 'trusted',
    ref: 'refs/heads/release-1',
    writes: ['refs/heads/release-*'],
    scope: 'shop,trusted,refs/heads/release-1',
    reads: [
      'shop,trusted,refs/heads/release-1',
      'shop,trusted,refs/heads/main',
      'shop,trusted,refs/heads/master',
    ],
  });
});

test('own, base and default are looked into in this order, and nothing else', async (t) => {
  const { url, holders } = await openHolders(t);
  const at = (ref: string) => ({ ...holders.main, 'cachalot-ref': ref });
  const key = 'npm/shop/a';
  const entries: Record<string, string> = {};
  for (const ref of ['refs/heads/feature', 'refs/heads/dev', 'refs/heads/trunk', 'refs/heads/sibling'])
    entries[ref] = (await save(url, key, someSegments(1, ref), { headers: at(ref) })).json.entry;
  const headers = {
    ...at('refs/heads/feature'),
    'cachalot-base': 'refs/heads/dev',
    'cachalot-default': 'refs/heads/trunk',
  };
  const wants = [{ keys: [key], roots: [ROOT] }];
  for (const ref of ['refs/heads/feature', 'refs/heads/dev', 'refs/heads/trunk']) {
    const { json } = await ask(url, '/lookup', { json: { wants }, headers });
    t.equal(json.results[0].entry, entries[ref], ref);
    await ask(url, `/entries/${entries[ref]}`, { method: 'DELETE', headers: at(ref) });
  }
  t.equal((await ask(url, '/lookup', { json: { wants }, headers })).json.results[0].hit, 'none');
  const listed = await ask(url, '/entries?ref=refs/heads/sibling', { headers: at('refs/heads/sibling') });
  t.equal(listed.json.entries.length, 1);
  const elsewhere = await ask(url, '/entries?ref=refs/heads/main', { headers: at('refs/heads/sibling') });
  t.same(elsewhere.json.entries, []);
});

test('S5: what is no ref is refused, and no key holds the separator of scopes', async (t) => {
  const { url, holders } = await openHolders(t);
  for (const header of ['cachalot-ref', 'cachalot-base', 'cachalot-default']) {
    for (const ref of [
      'main',
      'refs/heads/',
      'refs/heads/a..b',
      'refs/heads/%2e%2e',
      'refs/heads/a/./b',
      'refs/heads/%00',
      'refs/heads/%0d%0a',
      'refs/heads/*',
      'refs/heads/a b',
      'refs/heads/%ff',
      `refs/heads/${'a'.repeat(250)}`,
    ]) {
      const { status, json } = await ask(url, '/whoami', { headers: { ...holders.main, [header]: ref } });
      t.match({ status, json }, { status: 400, json: { code: 'REQUEST_INVALID', field: header } }, ref);
    }
  }
  const within = await ask(url, '/whoami', {
    headers: holding(holders.main.authorization?.slice(7) ?? '', 'refs/heads/a,trusted,refs/heads/%C3%A9%25'),
  });
  t.equal(within.json.scope, 'shop,trusted,refs/heads/a%2Ctrusted%2Crefs/heads/é%25', 'one text, one ref');
  const comma = await ask(url, '/saves', { json: opening('npm/shop/a,trusted'), headers: holders.main });
  t.match(comma, { status: 400, json: { code: 'KEY_UNREADABLE' } });
});

test('S6: a prefix never reaches into a sibling scope', async (t) => {
  const { url, holders } = await openHolders(t);
  const at = (ref: string) => ({ ...holders.main, 'cachalot-ref': ref, 'cachalot-default': ref });
  await save(url, 'npm/shop/a', someSegments(1), { headers: at('refs/heads/feature-2') });
  await save(url, 'npm/shop/a', someSegments(1), { headers: at('refs/heads/feature/x') });
  for (const prefix of ['npm/', 'npm/shop/', 'npm/shop/a', 'npm/shop/a/../']) {
    const wants = [{ keys: ['npm/shop/none', prefix], roots: [] }];
    const { json } = await ask(url, '/lookup', { json: { wants }, headers: at('refs/heads/feature') });
    t.not(json.results?.[0].hit, 'near', prefix);
  }
});

test('S12: a tenant of another domain has nothing of ours, whatever he asks for by name', async (t) => {
  const { url, holders } = await openHolders(t);
  const segments = someSegments(2, randomBytes(4).toString('hex'));
  const identities = segments.map(({ identity }) => identity);
  const { json } = await save(url, 'npm/shop/a', segments, { headers: holders.main });
  const headers = holders.foreign;
  const opened = await ask(url, '/saves', { json: opening('npm/shop/a'), headers });
  const { json: lacking } = await ask(url, `/saves/${opened.json.save}/lack`, {
    json: { identities },
    headers,
  });
  t.same(lacking.lack, identities);
  const stolen = commitRequest({ [ROOT]: segments });
  t.match(await ask(url, `/saves/${opened.json.save}/commit`, { json: stolen, headers }), {
    status: 404,
    json: { code: 'SEGMENT_MISSING' },
  });
  const named = `?entry=${json.entry}`;
  t.equal((await ask(url, `/segments/${identities[0]}${named}`, { headers })).status, 404);
  t.equal((await ask(url, `/segments/${identities[0]}${named}`, { headers: holders.fork })).status, 200);
});
