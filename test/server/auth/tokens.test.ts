import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'tap';
import { fault, isFault } from '#protocol/wire/errors.ts';
import { MEMORY_MS, type RecordParts } from '#server/auth/credential-records.ts';
import { openCredentials } from '#server/auth/credentials.ts';
import { Tokens } from '#server/auth/tokens.ts';
import { openSigningKeys } from '#server/signing/signing-keys.ts';
import { codeOf, instead } from '../entries/open-entries.ts';
import { Bucket, createMemoryStore } from '../retention/memory-store.ts';
import { HOUR, openRetention } from '../retention/open-retention.ts';

async function openTokens(folder: string) {
  const bucket = new Bucket();
  let time = Date.parse('2030-01-01T00:00:00Z');
  const parts: RecordParts = {
    store: createMemoryStore(bucket, { now: () => time }),
    signing: await openSigningKeys(join(folder, 'signing.pem')),
    clock: () => time,
    random: randomBytes,
  };
  const wait = (milliseconds: number) => {
    time += milliseconds;
  };
  return { parts, tokens: new Tokens(parts), wait };
}

const SHOP = { project: 'shop', tier: 'trusted' } as const;

test('a token is known by its hash: what is stored is of no use to who reads it', async (t) => {
  const { tokens, parts } = await openTokens(t.testdir());
  const { token, id } = await tokens.create(SHOP);
  t.match(token, /^cachalot_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
  const stored = await parts.store.get(`auth/tokens/${id}.json`);
  const text = stored === undefined || stored === 'changed' ? '' : stored.bytes.toString();
  const secret = token.slice(-43);
  t.ok(text.includes(id));
  t.notOk(text.includes(secret) || text.includes(Buffer.from(secret, 'base64url').toString('hex')));
  t.notOk(JSON.stringify(await tokens.list()).includes(secret));
  const allowed = await tokens.allowance(token);
  t.same(allowed, {
    domain: 'static:shop',
    project: 'shop',
    tier: 'trusted',
    writes: ['refs/heads/*', 'refs/tags/*'],
  });
  t.same((await tokens.create({ project: 'a/b', tier: 'untrusted' })).writes, ['refs/*']);
  t.equal((await tokens.create({ project: 'a/b', tier: 'read-only' })).domain, 'static:a:b');
});

test('what would be no token, or one that widens itself, is refused', async (t) => {
  const { tokens } = await openTokens(t.testdir());
  const rows: [request: Parameters<Tokens['create']>[0], field: string][] = [
    [{ ...SHOP, project: 'Shop' }, 'project'],
    [{ ...SHOP, project: 'a,trusted' }, 'project'],
    [{ ...SHOP, domain: 'a/b' }, 'domain'],
    [{ ...SHOP, domain: 'Corp' }, 'domain'],
    [{ ...SHOP, domain: '..' }, 'domain'],
    [{ ...SHOP, writes: ['main'] }, 'writes'],
    [{ ...SHOP, writes: [] }, 'writes'],
    [{ project: 'shop', tier: 'read-only', writes: ['refs/heads/main'] }, 'writes'],
  ];
  for (const [request, field] of rows) {
    const refused = await tokens.create(request).catch((error: unknown) => error);
    t.ok(isFault(refused, 'REQUEST_INVALID') && refused.field === field, JSON.stringify(request));
  }
  t.same(await tokens.list(), []);
});

test('a revocation counts at once here, and on every other server when its memory ends', async (t) => {
  const { tokens, parts, wait } = await openTokens(t.testdir());
  const other = new Tokens(parts);
  const { token, id } = await tokens.create(SHOP);
  t.ok(await tokens.allowance(token));
  t.ok(await other.allowance(token));
  t.equal(await tokens.revoke(id), true);
  t.equal(await tokens.revoke(id), false);
  t.equal(await codeOf(tokens.allowance(token)), 'CREDENTIAL_REFUSED');
  wait(MEMORY_MS - 1);
  t.ok(await other.allowance(token));
  wait(1);
  t.equal(await codeOf(other.allowance(token)), 'CREDENTIAL_REFUSED');
});

test('a token ends when it was said to, by the store’s clock', async (t) => {
  const { tokens, wait } = await openTokens(t.testdir());
  const { token, expires } = await tokens.create({ ...SHOP, expiresIn: 3_600 });
  t.equal(expires, '2030-01-01T01:00:00.000Z');
  wait(HOUR - 1);
  t.ok(await tokens.allowance(token));
  wait(1);
  t.equal(await codeOf(tokens.allowance(token)), 'CREDENTIAL_REFUSED');
});

test('who can write to the bucket alone makes himself no token', async (t) => {
  const { tokens, parts } = await openTokens(t.testdir());
  const { token, id } = await tokens.create({ project: 'shop', tier: 'read-only' });
  const name = `auth/tokens/${id}.json`;
  const found = await parts.store.get(name);
  if (found === undefined || found === 'changed') throw new Error('no record');
  const { record, signature } = JSON.parse(found.bytes.toString());
  const { privateKey } = generateKeyPairSync('ed25519');
  const another = { current: { id: parts.signing.current.id, privateKey }, trusted: new Map() };
  const forged = await new Tokens({ ...parts, signing: another }).create(SHOP);
  t.equal(await codeOf(new Tokens(parts).allowance(forged.token)), 'CREDENTIAL_REFUSED', 'another key');
  const changes: [what: string, bytes: string][] = [
    ['a widened record', JSON.stringify({ record: { ...record, tier: 'trusted' }, signature })],
    ['no signature', JSON.stringify({ record })],
    ['no JSON', '{'],
    ['nothing', 'null'],
    ['a record of a later program', JSON.stringify({ record: { ...record, format: 2 }, signature })],
  ];
  for (const [what, bytes] of changes) {
    await parts.store.put(name, Buffer.from(bytes));
    t.equal(await codeOf(new Tokens(parts).allowance(token)), 'CREDENTIAL_REFUSED', what);
  }
  const elsewhere = `cachalot_${'0'.repeat(16)}_${token.slice(-43)}`;
  await parts.store.put(`auth/tokens/${'0'.repeat(16)}.json`, found.bytes);
  t.equal(await codeOf(tokens.allowance(elsewhere)), 'CREDENTIAL_REFUSED', 'a record under another id');
});

test('a store that fails has not said that there is none', async (t) => {
  const { tokens, parts } = await openTokens(t.testdir());
  const { token } = await tokens.create(SHOP);
  let isAway = true;
  let asked = 0;
  const get: typeof parts.store.get = async (name) => {
    asked++;
    if (isAway) throw fault('STORE_FAILED', { why: 'away' });
    return parts.store.get(name);
  };
  const other = new Tokens({ ...parts, store: instead(parts.store, { get }) });
  t.equal(await codeOf(other.allowance(token)), 'STORE_FAILED');
  isAway = false;
  t.ok(await other.allowance(token), 'and that is not remembered');
  await Promise.all(Array.from({ length: 20 }, () => other.allowance(token)));
  t.equal(asked, 2, 'many requests, one question');
});

test('retention leaves tokens alone', async (t) => {
  const { parts, retention, twoCycles, wait } = await openRetention(t);
  const tokens = new Tokens(parts);
  const { token } = await tokens.create(SHOP);
  wait(400 * 24 * HOUR);
  await twoCycles();
  const { evict } = await import('#server/retention/evict.ts');
  await evict(retention, new AbortController().signal);
  t.ok(await tokens.allowance(token));
});

test('credentials: what is presented counts or is refused, and nobody comes in without through a proxy', async (t) => {
  const { tokens } = await openTokens(t.testdir());
  const { token } = await tokens.create(SHOP);
  const free = openCredentials({ tokens, sessions: tokens, idTokens: undefined }, false);
  const strict = openCredentials({ tokens, sessions: tokens, idTokens: undefined }, true);
  t.equal(await free({}), undefined);
  t.equal(await codeOf(strict({})), 'CREDENTIAL_REQUIRED');
  for (const header of ['forwarded', 'x-forwarded-for', 'x-real-ip'])
    t.equal(await codeOf(free({ [header]: '192.0.2.1' })), 'CREDENTIAL_REQUIRED', header);
  for (const credentials of [free, strict]) {
    t.match(await credentials({ authorization: `bearer ${token}` }), { project: 'shop' });
    t.match(await credentials({ authorization: `Bearer ${token}`, 'x-forwarded-for': '192.0.2.1' }), {
      project: 'shop',
    });
    for (const authorization of [
      '',
      'Bearer',
      token,
      `Token ${token}`,
      `Bearer ${token} x`,
      `Bearer ${token}x`,
    ])
      t.equal(await codeOf(credentials({ authorization })), 'CREDENTIAL_REFUSED', authorization.slice(0, 9));
  }
});
