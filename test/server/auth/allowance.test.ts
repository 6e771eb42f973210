import { test } from 'tap';
import { type Allowance, grantWithin } from '#server/auth/allowance.ts';
import { isRefPattern, matchesRef } from '#server/auth/ref-pattern.ts';

const trusted: Allowance = { domain: 'corp', project: 'shop', tier: 'trusted', writes: ['refs/heads/*'] };
const untrusted: Allowance = { ...trusted, tier: 'untrusted', writes: ['refs/pull/*'] };
const reader: Allowance = { ...trusted, tier: 'read-only', writes: [] };

const USUAL = ['shop,trusted,refs/heads/main', 'shop,trusted,refs/heads/master'];

test('own ref first, then base, then default; each once', async (t) => {
  t.same(
    grantWithin(trusted, { own: 'refs/heads/x', base: 'refs/heads/dev', default: 'refs/heads/trunk' }).reads,
    ['shop,trusted,refs/heads/x', 'shop,trusted,refs/heads/dev', 'shop,trusted,refs/heads/trunk'],
  );
  t.same(
    grantWithin(trusted, { own: 'refs/heads/main' }).reads,
    USUAL,
    'the default is not known: the usual ones',
  );
  t.same(grantWithin(trusted, {}).reads, USUAL);
});

test('a ref that may not be written is read, and nothing is written', async (t) => {
  const grant = grantWithin(trusted, { own: 'refs/tags/v1', default: 'refs/heads/main' });
  t.equal(grant.scope, undefined);
  t.same(grant.reads, ['shop,trusted,refs/tags/v1', 'shop,trusted,refs/heads/main']);
  t.equal(grantWithin(trusted, {}).scope, undefined, 'nor where none is named');
  t.equal(grantWithin(reader, { own: 'refs/heads/main' }).scope, undefined);
});

test('a credential for one ref need not name it', async (t) => {
  const one = { ...trusted, writes: ['refs/heads/nightly'] };
  t.equal(grantWithin(one, {}).scope, 'shop,trusted,refs/heads/nightly');
  t.equal(
    grantWithin(one, { own: 'refs/heads/main' }).scope,
    undefined,
    'and is not that one under another name',
  );
});

test('who is not trusted writes apart, and reads no other’s apart', async (t) => {
  const grant = grantWithin(untrusted, { own: 'refs/pull/7/merge', base: 'refs/heads/dev' });
  t.equal(grant.scope, 'shop,untrusted,refs/pull/7/merge');
  t.same(grant.reads, ['shop,untrusted,refs/pull/7/merge', 'shop,trusted,refs/heads/dev', ...USUAL]);
  const eighth = grantWithin(untrusted, { own: 'refs/pull/7/merge', base: 'refs/pull/8/merge' });
  t.notOk(eighth.reads.includes('shop,untrusted,refs/pull/8/merge'));
  const posing = grantWithin({ ...untrusted, writes: ['refs/*'] }, { own: 'refs/heads/main' });
  t.equal(posing.scope, 'shop,untrusted,refs/heads/main', 'whatever it calls itself');
});

test('nothing that a request names leads out of the project', async (t) => {
  const refs = ['refs/heads/x', 'refs/heads/../other', 'refs/heads/a,trusted,refs/heads/b', 'refs/heads/%2C'];
  for (const allowance of [trusted, untrusted, reader]) {
    for (const own of refs)
      for (const base of refs) {
        const { reads, scope = 'shop,' } = grantWithin(allowance, { own, base, default: own });
        for (const one of [...reads, scope]) t.match(one, /^shop,([^,]*,[^,]*)?$/);
      }
  }
});

test('patterns: a ref, or one with a star that stands for any text', async (t) => {
  for (const pattern of [
    'refs/heads/main',
    'refs/heads/*',
    'refs/*',
    'refs/heads/release-*/x',
    'refs/pull/*/merge',
  ])
    t.ok(isRefPattern(pattern), pattern);
  for (const pattern of [
    '*',
    'main',
    'refs/heads/*/*',
    'refs/heads/**',
    'refs/heads/',
    'refs/heads/a b',
    'refs/heads/?',
  ])
    t.notOk(isRefPattern(pattern), pattern);
  const rows: [pattern: string, ref: string, matches: boolean][] = [
    ['refs/heads/main', 'refs/heads/main', true],
    ['refs/heads/main', 'refs/heads/main2', false],
    ['refs/heads/*', 'refs/heads/a/b', true],
    ['refs/heads/*', 'refs/tags/a', false],
    ['refs/heads/*', 'xrefs/heads/a', false],
    ['refs/pull/*/merge', 'refs/pull/7/merge', true],
    ['refs/pull/*/merge', 'refs/pull/7/head', false],
    ['refs/heads/ab*ba', 'refs/heads/aba', false],
    ['refs/heads/a.c', 'refs/heads/abc', false],
  ];
  for (const [pattern, ref, matches] of rows) t.equal(matchesRef(pattern, ref), matches, `${pattern} ${ref}`);
});
