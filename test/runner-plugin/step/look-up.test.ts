/** Promise 1: a hit is exactly what was asked for, or it is a miss, whatever the server answers. */
import { test } from 'tap';
import type { Manifest } from '#protocol/format/manifest.ts';
import type { CacheClient, FoundResult } from '#runner-plugin/client/client.ts';
import { lookUp, type Wanted } from '#runner-plugin/step/look-up.ts';
import { IDENTITY, manifestOf as madeManifest } from '../made-manifest.ts';

const KEY = `npm/web/${'1'.repeat(64)}`;
const WANT: Wanted = {
  kind: 'npm',
  key: KEY,
  generations: false,
  near: ['npm/web/'],
  roots: ['workspace:node_modules'],
};

const manifestOf = (change: Partial<Manifest> = {}): Manifest =>
  madeManifest({
    kind: 'npm',
    name: 'web',
    key: KEY,
    roots: [
      {
        root: 'workspace:node_modules',
        restore: 'replace',
        modes: 'executable',
        members: 1,
        raw: 512,
        segments: [{ identity: IDENTITY, raw: 512 }],
      },
    ],
    ...change,
  });

const resultOf = (hit: 'exact' | 'near', manifest: Manifest): FoundResult => ({
  hit,
  entry: 'e',
  signed: { manifest, signature: { key: 'k', value: 'v' } },
  layout: { segments: [{ identity: IDENTITY, length: 100, digest: IDENTITY }] },
  reason: 'the server’s reason',
});

async function ask(result: FoundResult, want: Wanted = WANT) {
  const client = { url: 'http://x/', lookup: async () => [result] } as unknown as CacheClient;
  const [found] = await lookUp(client, [want], { inline: 0, signal: new AbortController().signal });
  return found;
}

test('an exact hit is taken with its manifest and layout', async (t) => {
  t.match(await ask(resultOf('exact', manifestOf())), {
    hit: 'exact',
    entry: { id: 'e', manifest: { key: KEY } },
  });
});

test('a near hit keeps the reason why there is no exact one', async (t) => {
  const other = `npm/web/${'2'.repeat(64)}`;
  t.match(await ask(resultOf('near', manifestOf({ key: other }))), {
    hit: 'near',
    reason: 'the server’s reason',
  });
});

test('an entry that was not asked for is an unreadable answer, never a hit', async (t) => {
  const cases: [string, FoundResult][] = [
    ['another key', resultOf('exact', manifestOf({ key: `npm/web/${'2'.repeat(64)}` }))],
    ['a generation where there are none', resultOf('exact', manifestOf({ key: `${KEY}/g` }))],
    ['another project', resultOf('near', manifestOf({ name: 'other', key: `npm/other/${'1'.repeat(64)}` }))],
    ['another kind', resultOf('exact', manifestOf({ kind: 'maven', key: KEY.replace('npm', 'maven') }))],
    [
      'other roots',
      resultOf(
        'exact',
        manifestOf({ roots: manifestOf().roots.map((root) => ({ ...root, root: 'workspace:src' })) }),
      ),
    ],
  ];
  for (const [what, result] of cases)
    await t.rejects(ask(result), { code: 'CLIENT_ANSWER_UNREADABLE' }, what);
});

test('a generation is an exact hit for a kind that has them', async (t) => {
  const key = `maven/web/${'1'.repeat(64)}`;
  const want = { ...WANT, kind: 'maven', key, generations: true };
  t.match(await ask(resultOf('exact', manifestOf({ kind: 'maven', key: `${key}/g` })), want), {
    hit: 'exact',
  });
});

test('of any roots only those are taken that the paths could have meant', async (t) => {
  const want = { ...WANT, roots: [], takes: (roots: readonly string[]) => roots.includes('workspace:other') };
  t.match(await ask(resultOf('exact', manifestOf()), want), { hit: 'none', reason: /other paths/ });
});
