/** What of npm's cache folder belongs to a lockfile, and which of npm's answers are too old for it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import type { StandIn } from '#runner-plugin/fingerprint/plan.ts';
import { lockWith, project } from './fixture.ts';

const digest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest();
const integrityOf = (text: string) => `sha512-${digest('sha512', text).toString('base64')}`;

/** npm's cache folder, as npm lays it out. */
function npmCache(t: Test) {
  const cache = t.testdir();
  const place = join(cache, '_cacache');
  const write = (path: string, text: string): string => {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), text);
    return path;
  };
  const cut = (hex: string) => join(hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
  return {
    cache,
    place,
    content: (text: string) =>
      write(join('content-v2/sha512', cut(digest('sha512', text).toString('hex'))), text),
    answer(url: string, text: string, damaged = false): string {
      const key = `make-fetch-happen:request-cache:${url}`;
      const line = JSON.stringify({ key, integrity: integrityOf(text), time: 1, size: text.length });
      const bucket = join('index-v5', cut(digest('sha256', key).toString('hex')));
      return write(bucket, `\n${damaged ? 'x' : digest('sha1', line).toString('hex')}\t${line}`);
    },
  };
}

const LEFT = { version: '1.2.0', integrity: integrityOf('left') };
const SCOPED = { version: '3.0.0', integrity: integrityOf('scoped') };
const UNRESOLVED = lockWith({ 'node_modules/left': LEFT, 'node_modules/@own/scoped': SCOPED });

async function standIn(t: Test, cache: string, lockfile: Record<string, unknown>): Promise<StandIn> {
  const { plan } = project(t, { 'package-lock.json': lockfile });
  const found = (await plan({ env: { npm_config_cache: cache } })).standIn;
  if (found === undefined) throw new Error('there is none');
  return found;
}

const selected = async ({ roots }: StandIn) => (await roots[0]?.select?.())?.sort();

test('contents by integrity, and nothing else, where the lockfile says where packages come from', async (t) => {
  const { cache, content, answer } = npmCache(t);
  const left = content('left');
  content('of another project');
  answer('https://registry.invalid/left', 'packument');
  content('packument');
  const resolved = { ...LEFT, resolved: 'https://registry.invalid/left.tgz' };
  const lockfile = lockWith({
    'node_modules/left': resolved,
    'node_modules/tool': { ...SCOPED, resolved: 'https://x.invalid/y' },
  });
  t.same(await selected(await standIn(t, cache, lockfile)), [left]);
});

test('else npm’s answers about those packages too, of any registry, that are whole', async (t) => {
  const { cache, content, answer } = npmCache(t);
  const expected = [
    content('left'),
    answer('https://registry.invalid/some/path/left', 'packument of left'),
    content('packument of left'),
    answer('https://registry.invalid/left/-/left-1.2.0.tgz', 'left'),
    answer('https://registry.invalid/@own%2fscoped', 'packument of scoped'),
    content('packument of scoped'),
  ].sort();
  answer('https://registry.invalid/other', 'packument of other');
  answer('https://registry.invalid/scoped', 'packument of another scoped');
  answer('https://registry.invalid/tool', 'cut off', true);
  t.same(await selected(await standIn(t, cache, UNRESOLVED)), expected);
});

test('an answer that does not know a version of the lockfile is forgotten, and no other', async (t) => {
  const versions: [text: string, kept: boolean][] = [
    ['{"versions":{"1.2.0":{"name":"left"}}}', true],
    ['{"versions": {"1.1.0": {}, "1.2.0": {"name": "left"}}}', true],
    ['{"versions":{"1.1.0":{"dependencies":{"x":"1.2.0"}}},"time":{"1.2.0":"x"}}', false],
  ];
  for (const [text, kept] of versions) {
    const { cache, place, content, answer } = npmCache(t);
    content(text);
    const bucket = answer('https://registry.invalid/left', text);
    const other = answer('https://registry.invalid/other', text);
    await (await standIn(t, cache, UNRESOLVED)).settle?.();
    t.equal(existsSync(join(place, bucket)), kept, text);
    t.ok(existsSync(join(place, other)));
  }
});

test('a machine on which npm has cached nothing yet has nothing to save, and that is no fault', async (t) => {
  const found = await standIn(t, join(t.testdir(), 'none'), UNRESOLVED);
  await found.settle?.();
  t.same(await selected(found), []);
});
