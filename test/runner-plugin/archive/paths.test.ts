/** `--path` arguments as actions/cache (that is, @actions/glob) reads them, and what is ours about them. */
import fs from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { formatRoot } from '#protocol/format/root.ts';
import { patternRoots, selectPaths } from '#runner-plugin/archive/paths.ts';
import { scratchFolder } from './pack/setting.ts';

/** A workspace and a home folder with these files; a name that ends in a slash is a folder. */
function placesWith(t: Test, paths: string[]): { workspace: string; home: string } {
  const folder = fs.realpathSync(scratchFolder(t));
  for (const path of ['work/', 'home/', ...paths]) {
    const place = join(folder, path);
    fs.mkdirSync(path.endsWith('/') ? place : join(place, '..'), { recursive: true });
    if (!path.endsWith('/')) fs.writeFileSync(place, '');
  }
  return { workspace: join(folder, 'work'), home: join(folder, 'home') };
}

async function selected(
  folders: { workspace: string; home: string },
  ...patterns: string[]
): Promise<string[]> {
  const found = await selectPaths(patterns, folders);
  return found.map(({ root, exclude }) => [formatRoot(root), ...exclude.map((path) => `!${path}`)].join(' '));
}

test('a path is the root that lies there, of the anchor that holds it', async (t) => {
  const folders = placesWith(t, ['work/node_modules/x', 'home/.m2/repository/x', 'elsewhere/x']);
  t.same(await selected(folders, 'node_modules'), ['workspace:node_modules']);
  t.same(await selected(folders, './node_modules/'), ['workspace:node_modules']);
  t.same(await selected(folders, '~/.m2/repository', 'node_modules'), [
    'home:.m2/repository',
    'workspace:node_modules',
  ]);
  t.same(await selected(folders, '.'), ['workspace:.']);
  t.same(await selected(folders, 'node_modules/../node_modules/x'), ['workspace:node_modules/x']);
  const absolute = join(folders.workspace, '../elsewhere');
  t.same(await selected(folders, '../elsewhere', absolute), [`abs:${absolute.slice(1)}`]);
  t.same(await selected(folders, 'none', 'node_modules/none'), [], 'what is not there is not selected');
  t.same((await selectPaths(['~/.m2'], folders))[0]?.place, join(folders.home, '.m2'));
});

test('several patterns may stand in one argument, a line each, with comments', async (t) => {
  const folders = placesWith(t, ['work/a', 'work/b', 'work/#c']);
  t.same(await selected(folders, '\n  a  \n# b\n\nb\n#c\n'), ['workspace:a', 'workspace:b']);
});

test('*, ? and sets match within a name, hidden names too; ** any number of folders', async (t) => {
  const folders = placesWith(t, [
    'work/packages/a/dist/x',
    'work/packages/.b/dist/x',
    'work/packages/c/lib/dist/x',
    'work/one.log',
    'work/two.log',
    'work/[x].log',
    'work/*.log',
    'work/é.log',
    'work/\u{1f40b}.log',
  ]);
  t.same(await selected(folders, 'packages/*/dist'), [
    'workspace:packages/.b/dist',
    'workspace:packages/a/dist',
  ]);
  t.same(await selected(folders, 'packages/**/dist'), [
    'workspace:packages/.b/dist',
    'workspace:packages/a/dist',
    'workspace:packages/c/lib/dist',
  ]);
  t.same(await selected(folders, '**/dist/x', 'packages/a'), [
    'workspace:packages/.b/dist/x',
    'workspace:packages/a',
    'workspace:packages/c/lib/dist/x',
  ]);
  t.same(await selected(folders, '?.log'), ['workspace:*.log', 'workspace:é.log', 'workspace:\u{1f40b}.log']);
  t.same(await selected(folders, '[a-p]*.log'), ['workspace:one.log']);
  t.same(await selected(folders, '[!a-p*é\u{1f40b}[]*.log'), ['workspace:two.log']);
  t.same(await selected(folders, '[^a-z]x[]].log', '\\*.log'), ['workspace:*.log', 'workspace:[x].log']);
  t.same(
    await selected(folders, '[z-a].log', '{one,two}.log', '+(one).log'),
    [],
    'no braces, no extended globs',
  );
  t.same(await selected(folders, 'packages/**'), ['workspace:packages'], 'at the end, the folder itself');
});

test('one match inside another folds into it', async (t) => {
  const folders = placesWith(t, ['work/a/node_modules/b/node_modules/c', 'work/a-b/x', 'work/a/x']);
  t.same(await selected(folders, '**/node_modules'), ['workspace:a/node_modules']);
  t.same(await selected(folders, 'a/x', 'a', 'a-b'), ['workspace:a', 'workspace:a-b']);
});

test('! leaves out, also inside a match, and later patterns overrule earlier ones', async (t) => {
  const folders = placesWith(t, [
    'work/packages/a/x',
    'work/packages/b/x',
    'work/tree/.cache/x',
    'work/tree/deep/.cache/y/z',
    'work/tree/deep/.cache/w',
    'work/tree/deep/x.log',
    'work/tree/x.log',
  ]);
  t.same(await selected(folders, 'packages/*', '!packages/b'), ['workspace:packages/a']);
  t.same(await selected(folders, '!packages/b', 'packages/*'), [
    'workspace:packages/a',
    'workspace:packages/b',
  ]);
  t.same(await selected(folders, 'packages/a/x', '!packages'), []);
  t.same(await selected(folders, 'tree', '!**/.cache'), ['workspace:tree !.cache !deep/.cache']);
  t.same(await selected(folders, 'tree', '!tree/**/*.log', '!tree/deep'), ['workspace:tree !deep !x.log']);
  t.same(await selected(folders, 'tree', '!tree/deep', 'tree/deep'), ['workspace:tree']);
  t.same(
    await selected(folders, 'tree', '!tree/deep', 'tree/deep/.cache/y'),
    ['workspace:tree !deep/.cache/w !deep/x.log'],
    'what is taken back stays, beside it nothing does',
  );
  t.same(await selected(folders, 'tree', '!!tree/deep', '!elsewhere', '!tree/none'), ['workspace:tree']);
  t.same(await selected(folders, 'tree', '!tree/**'), []);
});

test('** does not go through symbolic links; a link that is named is a root', async (t) => {
  const folders = placesWith(t, ['work/packages/a/node_modules/x', 'work/node_modules/y']);
  fs.symlinkSync('../packages/a', join(folders.workspace, 'node_modules/a'));
  fs.symlinkSync('.', join(folders.workspace, 'packages/loop'));
  t.same(await selected(folders, '**/node_modules'), [
    'workspace:node_modules',
    'workspace:packages/a/node_modules',
  ]);
  t.same(await selected(folders, 'packages/l*'), ['workspace:packages/loop']);
  fs.symlinkSync('nowhere', join(folders.workspace, 'dangling'));
  t.same(await selected(folders, 'dangling'), ['workspace:dangling']);
});

test('places that no entry may own are refused, and patterns that mean nothing', async (t) => {
  const folders = placesWith(t, []);
  for (const pattern of ['/', '/etc', '~', '/usr/bin', '**/../..', '/**'])
    await t.rejects(selectPaths([pattern], folders), { code: /^(ROOT_FORBIDDEN|USAGE)$/ }, pattern);
  await t.rejects(selectPaths(['!'], folders), { code: 'USAGE' });
});

test('an entry is looked for under its patterns, since nothing is there yet to match them', (t) => {
  const folders = placesWith(t, []);
  const rootsOf = (...patterns: string[]) => patternRoots(patterns, folders).map(formatRoot);
  t.same(rootsOf('node_modules', '~/.m2/repository', '!node_modules/.cache'), [
    'home:.m2/repository',
    'workspace:node_modules',
  ]);
  t.same(rootsOf('packages/*/dist\n./b/'), ['workspace:b', 'workspace:packages/*/dist']);
  t.same(rootsOf('a\\[1]'), ['workspace:a[1]'], 'a path without wildcards is itself');
  t.same(rootsOf('a/b', 'a'), ['workspace:a']);
  t.throws(() => rootsOf('/etc/**'), { code: 'ROOT_FORBIDDEN' });
  t.end();
});
