/** What of npm's cache folder belongs to a lockfile, and which of npm's answers are too old for it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import { INDEX_ROOT, keepIndex, readIndex } from '#runner-plugin/fingerprint/node-project/kept-index.ts';
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
  const env = { npm_config_cache: cache, CACHALOT_HOME: join(cache, 'state') };
  const found = (await plan({ env })).standIn;
  if (found === undefined) throw new Error('there is none');
  return found;
}

const selected = async ({ roots }: StandIn) => (await roots[0]?.select?.(() => undefined))?.sort();
/** Where what is kept of npm's answers lies before a save, and after a restore. */
const keptIn = ({ roots }: StandIn) => roots.find(({ root }) => root === INDEX_ROOT)?.place ?? '';
const kept = (found: StandIn) =>
  readIndex(keptIn(found))
    .map(({ name }) => name)
    .sort();

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
  const found = await standIn(t, cache, lockfile);
  t.same(await selected(found), [left]);
  t.same(kept(found), []);
  const wants = found.roots[0]?.wants?.(() => undefined);
  t.equal(wants?.(left), true);
  t.equal(wants?.(content('of another project')), false);
});

test('else npm’s answers about those packages too, of any registry, that are whole', async (t) => {
  const { cache, content, answer } = npmCache(t);
  const [ofLeft, ofScoped] = [`packument of ${LEFT.integrity}`, `packument of ${SCOPED.integrity}`];
  const contents = [content('left'), content(ofLeft), content(ofScoped)].sort();
  const answers = [
    answer('https://registry.invalid/some/path/left', ofLeft),
    answer('https://registry.invalid/left/-/left-1.2.0.tgz', 'left'),
    answer('https://registry.invalid/@own%2fscoped', ofScoped),
  ].sort();
  content('packument of a private left');
  answer('https://private.invalid/left', 'packument of a private left');
  answer('https://registry.invalid/other', 'packument of other');
  answer('https://registry.invalid/scoped', 'packument of another scoped');
  answer('https://registry.invalid/tool', 'cut off', true);
  const found = await standIn(t, cache, UNRESOLVED);
  t.same(await selected(found), contents);
  t.same(kept(found), answers);
});

test('of an entry come the answers about packages that are still named, and what they say', async (t) => {
  const { cache, place, content, answer } = npmCache(t);
  const packument = `{"versions":{"1.2.0":{"name":"left","integrity":"${LEFT.integrity}"}}}`;
  const other = `packument of ${SCOPED.integrity}`;
  const left = [content('left'), content(packument)];
  const scoped = [content('scoped'), content(other)];
  const bucket = answer('https://registry.invalid/left', packument);
  const gone = answer('https://registry.invalid/@own%2fscoped', other);
  const text = readFileSync(join(place, bucket), 'utf8');

  const { plan, write } = project(t, { 'package-lock.json': UNRESOLVED });
  const env = { npm_config_cache: cache, CACHALOT_HOME: join(cache, 'state') };
  const now = async () => (await plan({ env })).standIn as StandIn;
  const before = await now();
  await selected(before);
  t.same(kept(before), [bucket, gone].sort());
  rmSync(join(place, 'index-v5'), { recursive: true });
  // The list stands where a restore would have put it.
  write({ 'package-lock.json': lockWith({ 'node_modules/left': LEFT }) });
  const after = await now();
  const wants = after.roots[0]?.wants?.((root) => (root === INDEX_ROOT ? keptIn(before) : undefined));
  t.same(
    [...left, ...scoped].map((path) => wants?.(path)),
    [true, true, false, false],
  );
  await after.settle?.();
  t.equal(readFileSync(join(place, bucket), 'utf8'), text);
  t.notOk(existsSync(join(place, gone)));
  t.notOk(existsSync(keptIn(after)), 'and the list is gone');
});

test('what a list names as a place is one in npm’s index, and what npm knows stays', async (t) => {
  const { cache, place, content, answer } = npmCache(t);
  content('{"versions":{"1.2.0":{"name":"left"}}}');
  const bucket = answer('https://registry.invalid/left', '{"versions":{"1.2.0":{"name":"left"}}}');
  const found = await standIn(t, cache, UNRESOLVED);
  const data = readFileSync(join(place, bucket));
  const newer = Buffer.concat([data, Buffer.from('\nnewer')]);
  await keepIndex(keptIn(found), [
    { name: bucket, data: newer },
    { name: 'index-v5/aa/bb/../../../../escaped', data },
    { name: 'escaped', data },
  ]);
  await found.settle?.();
  t.ok(readFileSync(join(place, bucket)).equals(data));
  t.notOk(existsSync(join(cache, 'escaped')) || existsSync(join(place, 'escaped')));
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
