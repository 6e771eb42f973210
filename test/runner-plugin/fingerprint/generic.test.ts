import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import {
  keyOf,
  type Named,
  namedPlan,
  rootsAskedFor,
  rootsOfNamed,
} from '#runner-plugin/fingerprint/generic.ts';

function namedIn(workspace: string, paths: string[], rest: Partial<Named> = {}): Named {
  return { key: 'k', paths, folders: { workspace, home: '/home/me' }, ...rest };
}

test('the key is the user’s, of the kind generic and without a name', async (t) => {
  const { fingerprint } = namedPlan(namedIn('/w', ['dist'], { key: 'a/b' }), false);
  t.same(fingerprint, { kind: 'generic', name: '_', key: 'generic/_/a/b', inputs: [] });
  for (const key of ['', 'a,b', '/a', 'a/../b', 'a\nb']) {
    t.throws(
      () => namedPlan(namedIn('/w', ['dist'], { key }), false),
      { code: 'KEY_UNREADABLE' },
      JSON.stringify(key),
    );
  }
});

test('a salt sets keys apart, and the prefixes of these keys too', async (t) => {
  const [salted, other, prefix] = [
    keyOf({ salt: 'x' }, 'abc'),
    keyOf({ salt: 'y' }, 'abc'),
    keyOf({ salt: 'x' }, 'ab'),
  ];
  t.not(salted, other);
  t.ok(salted.startsWith(prefix));
  t.notOk(salted.startsWith(keyOf({}, 'a')));
});

test('what a failed command left is saved only if that was asked for', async (t) => {
  t.equal(await namedPlan(namedIn('/w', ['d']), false).refuseSave?.(0), undefined);
  t.match(await namedPlan(namedIn('/w', ['d']), false).refuseSave?.(1), /failed/);
  t.equal(await namedPlan(namedIn('/w', ['d']), true).refuseSave?.(1), undefined);
});

test('plain paths are looked up as they are, there or not', async (t) => {
  const { roots, takes } = rootsAskedFor(namedIn('/w', ['dist', '~/.cache/x', '/opt/tool', '!dist/skip']));
  t.same([...roots].sort(), ['abs:opt/tool', 'home:.cache/x', 'workspace:dist']);
  t.equal(takes(['anything']), true, 'the look-up itself has asked for exactly these');
});

test('of patterns any roots are taken that they match, and no others', async (t) => {
  const { roots, takes } = rootsAskedFor(namedIn('/w', ['packages/*/dist', 'lib/**/out']));
  t.same(roots, []);
  t.equal(takes(['workspace:packages/a/dist', 'workspace:packages/b/dist']), true);
  t.equal(takes(['workspace:lib/out', 'workspace:lib/x/y/out']), true);
  t.equal(takes(['workspace:packages/a/dist', 'workspace:src']), false);
  t.equal(takes(['workspace:packages/a/b/dist']), false);
  t.equal(takes(['home:packages/a/dist']), false);
});

test('a plain path beside patterns has to be there', async (t) => {
  const { takes } = rootsAskedFor(namedIn('/w', ['dist', 'packages/*/dist']));
  t.equal(takes(['workspace:dist']), true);
  t.equal(takes(['workspace:dist', 'workspace:packages/a/dist']), true);
  t.equal(takes(['workspace:packages/a/dist']), false);
});

test('paths that cannot be meant are refused', async (t) => {
  t.throws(() => rootsAskedFor(namedIn('/w', ['!dist'])), { code: 'USAGE' });
  t.throws(() => rootsAskedFor(namedIn('/w', ['/etc/passwd'])), { code: 'ROOT_FORBIDDEN' });
  t.throws(() => rootsAskedFor(namedIn('/w', ['~'])), { code: 'ROOT_FORBIDDEN' });
});

test('saved are the roots that are there, and plain paths that are not', async (t) => {
  const folder = t.testdir({
    packages: { a: { dist: { f: '' } }, b: {} },
    dist: { keep: '', skip: { x: '' } },
  });
  const roots = await rootsOfNamed(namedIn(folder, ['dist', 'packages/*/dist', 'missing', '!dist/skip']));
  t.same(
    roots.map(({ root, place, exclude }) => ({ root, place, exclude })),
    [
      { root: 'workspace:dist', place: join(folder, 'dist'), exclude: ['skip'] },
      { root: 'workspace:packages/a/dist', place: join(folder, 'packages/a/dist'), exclude: undefined },
      { root: 'workspace:missing', place: join(folder, 'missing'), exclude: undefined },
    ],
  );
  t.ok(roots.every(({ restore, modes }) => restore === 'replace' && modes === 'kept'));
  const { takes } = rootsAskedFor(namedIn(folder, ['dist', 'packages/*/dist', 'missing']));
  t.equal(takes(roots.map(({ root }) => root)), true, 'what is saved is found again');
});

test('nothing at all is an error that names the paths', async (t) => {
  const folder = t.testdir();
  await t.rejects(rootsOfNamed(namedIn(folder, ['dist', 'packages/*'])), {
    code: 'ROOT_MISSING',
    message: /dist, packages\/\*/,
  });
  mkdirSync(join(folder, 'dist'));
  writeFileSync(join(folder, 'dist/f'), '');
  t.equal((await rootsOfNamed(namedIn(folder, ['dist', 'packages/*']))).length, 1);
});
