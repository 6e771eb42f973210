import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { MEMORY_MS } from '#server/auth/credential-records.ts';
import { openCredentials } from '#server/auth/credentials.ts';
import { SESSION_MS, Sessions } from '#server/auth/sessions.ts';
import { Tokens } from '#server/auth/tokens.ts';
import { openSigningKeys } from '#server/signing/signing-keys.ts';
import { codeOf } from '../entries/open-entries.ts';
import { Bucket, createMemoryStore } from '../retention/memory-store.ts';
import { HOUR, openRetention } from '../retention/open-retention.ts';
import { GITHUB, openIssuer } from './oidc/issuer.ts';

async function stage(t: Test) {
  const issuer = await openIssuer(t);
  const trusted = issuer.trust();
  let time = Date.now();
  const parts = {
    store: createMemoryStore(new Bucket(), { now: () => time }),
    signing: await openSigningKeys(join(t.testdir(), 'signing.pem')),
    clock: () => time,
    random: randomBytes,
    issuers: new Set(['github']),
    onOpen: ({ id }: { id: string }) => opened.push(id),
  };
  const opened: string[] = [];
  const sessions = new Sessions(parts);
  const tokens = new Tokens(parts);
  const credentials = openCredentials({ tokens, sessions, idTokens: trusted.tokens }, true);
  const as = (text: string) => credentials({ authorization: `Bearer ${text}` });
  const wait = (milliseconds: number) => {
    time += milliseconds;
    trusted.wait(milliseconds);
  };
  return { issuer, parts, sessions, tokens, as, wait, opened };
}

test('a build of an hour goes on with a token that lived five minutes', async (t) => {
  const { issuer, sessions, as, wait } = await stage(t);
  const token = await issuer.sign(GITHUB, { lasts: '5m' });
  const { session, seconds } = await sessions.open(await as(token));
  t.match(session, /^cachalot_session_[0-9a-f]{16}_[\w-]{43}$/);
  t.equal(seconds * 1000, SESSION_MS);
  wait(HOUR);
  t.equal(await codeOf(as(token)), 'CREDENTIAL_REFUSED');
  t.same(
    await as(session),
    {
      domain: 'github:65',
      project: '74',
      tier: 'trusted',
      writes: ['refs/heads/main'],
    },
    'the same allowance',
  );
  wait(SESSION_MS - HOUR - 1);
  t.ok(await as(session));
  wait(1);
  t.equal(await codeOf(as(session)), 'CREDENTIAL_REFUSED');
});

test('a session widens nothing, and begets no other', async (t) => {
  const { issuer, sessions, tokens, as } = await stage(t);
  const fork = { ...GITHUB, event_name: 'pull_request', ref: 'refs/pull/7/merge' };
  const { session } = await sessions.open(await as(await issuer.sign(fork)));
  t.match(await as(session), { tier: 'untrusted', writes: ['refs/pull/7/merge'] });
  t.equal(await codeOf(sessions.open(await as(session))), 'REQUEST_REFUSED');
  const { token } = await tokens.create({ project: 'shop', tier: 'trusted' });
  t.equal(await codeOf(sessions.open(await as(token))), 'REQUEST_REFUSED', 'a static token counts by itself');
  t.equal(await codeOf(sessions.open(undefined)), 'REQUEST_REFUSED');
  // Neither kind is taken for the other, whatever its id is.
  t.equal(await codeOf(as(session.replace('session_', ''))), 'CREDENTIAL_REFUSED');
  t.equal(await codeOf(as(token.replace('cachalot_', 'cachalot_session_'))), 'CREDENTIAL_REFUSED');
});

test('a session is revoked by its id, and with its issuer', async (t) => {
  const { issuer, parts, sessions, as, wait, opened } = await stage(t);
  const { session } = await sessions.open(await as(await issuer.sign(GITHUB)));
  const other = new Sessions({ ...parts, issuers: new Set() });
  t.equal(await codeOf(other.allowance(session)), 'CREDENTIAL_REFUSED', 'configured no more');
  const replica = new Sessions(parts);
  t.ok(await replica.allowance(session));
  t.equal(await sessions.revoke(opened[0] ?? ''), true);
  t.equal(await codeOf(as(session)), 'CREDENTIAL_REFUSED');
  wait(MEMORY_MS);
  t.equal(await codeOf(replica.allowance(session)), 'CREDENTIAL_REFUSED');
});

test('retention takes sessions away that have ended, and no other', async (t) => {
  const { parts, sweep, twoCycles, wait, bucket } = await openRetention(t);
  const sessions = new Sessions({ ...parts, issuers: new Set(['github']), onOpen: () => {} });
  const allowance = {
    domain: 'd',
    project: 'p',
    tier: 'trusted',
    writes: ['refs/heads/x'],
    issuer: 'github',
  } as const;
  const { session } = await sessions.open(allowance);
  wait(SESSION_MS - HOUR);
  await sweep();
  t.ok(await sessions.allowance(session));
  wait(5 * 24 * HOUR);
  await twoCycles();
  t.same(bucket.names('auth/'), []);
});
