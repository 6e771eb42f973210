/** What is a yarn project, what an entry of it holds, when its tree is not cached, and what of yarn's cache is saved. */
import { hash } from 'node:crypto';
import { mkdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { FinishContext } from '#runner-plugin/fingerprint/plan.ts';
import { cachedFiles, namedBy } from '#runner-plugin/fingerprint/yarn/cache.ts';
import { readYarnLockfile } from '#runner-plugin/fingerprint/yarn/lockfile.ts';
import { BERRY, CLASSIC, FOUR, MEMBER, ONE, PACKAGE, yarnProject } from './fixture.ts';

const rootsOf = (plan: { roots: readonly { root: string }[] }) => plan.roots.map(({ root }) => root);

test('what is linked is a root; of yarn 4 the cache is too, since its install reads it', async (t) => {
  t.same(rootsOf(await yarnProject(t, ONE).plan()), [
    'workspace:node_modules',
    'workspace:packages/a/node_modules',
  ]);
  t.same(rootsOf(await yarnProject(t, FOUR).plan()), [
    'workspace:node_modules',
    'workspace:packages/a/node_modules',
    'home:.yarn/berry/cache',
  ]);
  t.same(rootsOf(await yarnProject(t, FOUR, { '.yarnrc.yml': '' }).plan()), [
    'workspace:.pnp.cjs',
    'workspace:.pnp.loader.mjs',
    'workspace:.yarn/unplugged',
    'home:.yarn/berry/cache',
  ]);
});

test("the cache stands in, from where yarn's settings have it", async (t) => {
  const one = yarnProject(t, ONE);
  const four = yarnProject(t, FOUR);
  const places = async (env: Record<string, string>) => [
    (await one.plan({ env })).standIn?.roots[0]?.place,
    (await four.plan({ env })).standIn?.roots[0]?.place,
  ];
  t.same(await places({ XDG_CACHE_HOME: '/c', XDG_DATA_HOME: '/d' }), ['/c/yarn/v6', '/d/yarn/berry/cache']);
  t.same(await places({ YARN_CACHE_FOLDER: '/c', YARN_GLOBAL_FOLDER: '/g' }), ['/c/v6', '/g/cache']);
  t.same(await places({ YARN_CACHE_FOLDER: '/c', YARN_ENABLE_GLOBAL_CACHE: 'false' }), ['/c/v6', '/c']);
  t.equal((await places({}))[1], join(four.home, '.yarn/berry/cache'));
  four.write({ '.yarnrc.yml': 'enableGlobalCache: false\n' });
  t.equal((await places({}))[1], join(four.folder, '.yarn/cache'));
  const { standIn } = await one.plan();
  t.match(standIn, { nearKeys: ['yarn-cache/web/'], roots: [{ restore: 'merge' }] });
});

test('a workspace belongs to the lockfile above it; a stranger does not', async (t) => {
  const { folder, plans } = yarnProject(t, ONE, { 'stranger/package.json': { name: 'stranger' } });
  const [inWorkspace] = await plans({ folder: join(folder, 'packages/a') });
  t.equal(inWorkspace?.folder, folder);
  t.same(await plans({ folder: join(folder, 'stranger') }), []);
});

test('what was restored is not saved again, unless the command wrote another lockfile', async (t) => {
  const { plan, write } = yarnProject(t, ONE);
  const { finish, refuseSave } = await plan();
  await finish?.({} as FinishContext);
  t.match(await refuseSave?.(0), /what was restored/);
  write({ 'yarn.lock': `${CLASSIC}\n` });
  t.notMatch(await refuseSave?.(0), /what was restored/);
});

test('which commands are installs', async (t) => {
  const { plan } = yarnProject(t, ONE);
  for (const command of [
    ['yarn'],
    ['yarn', 'install'],
    ['yarn', '--frozen-lockfile'],
    ['corepack', 'yarn'],
    ['npx', 'yarn@1.22.22', 'install'],
  ])
    t.match((await plan({ command })).install, { onHit: 'run' }, command.join(' '));
  for (const command of [
    ['yarn', 'add', 'left'],
    ['yarn', 'build'],
    ['yarn', 'run', 'install'],
    ['yarn', '--version'],
  ])
    t.equal((await plan({ command })).install, undefined, command.join(' '));
});

test('a project belongs to the manager that the command, or packageManager, names', async (t) => {
  const { plans, plan, write } = yarnProject(t, ONE, { 'pnpm-lock.yaml': '' });
  t.equal((await plan()).refused, undefined);
  t.match((await plan({ command: ['make'] })).refused, /pnpm-lock\.yaml lies beside yarn\.lock/);
  write({ 'package.json': { ...PACKAGE, packageManager: 'pnpm@10.0.0' } });
  t.same(await plans({ command: ['make'] }), []);
});

test('a project without workspaces, and one whose patterns leave some out', async (t) => {
  const packages = {
    'package.json': { ...PACKAGE, workspaces: { packages: ['packages/**', '!packages/b', 'tools'] } },
    'packages/b/package.json': { name: 'b' },
    'packages/deep/c/package.json': { name: 'c' },
    'packages/none/index.js': '',
    'tools/package.json': { name: 'tools' },
  };
  t.same(rootsOf(await yarnProject(t, ONE, packages).plan()), [
    'workspace:node_modules',
    'workspace:packages/a/node_modules',
    'workspace:packages/deep/c/node_modules',
    'workspace:tools/node_modules',
  ]);
  const { workspaces: _, ...alone } = PACKAGE;
  t.same(rootsOf(await yarnProject(t, ONE, { 'package.json': alone }).plan()), ['workspace:node_modules']);
});

test('where the tree cannot be held to it, the cache stands in and the reason is named', async (t) => {
  const one = yarnProject(t, ONE);
  t.match((await one.plan({ version: '4.18.1' })).refused, /lockfile of this form/, 'it would be migrated');
  t.match((await yarnProject(t, FOUR).plan({ version: '1.22.22' })).refused, /lockfile of this form/);
  t.match((await yarnProject(t, FOUR).plan({ version: '3.8.0' })).refused, /3\.8\.0 was not tried/);
  t.match((await one.plan({ version: '' })).refused, /no yarn/);
  t.match((await one.plan({ skipInstall: 'never' })).refused, /never/);
  for (const flag of ['--force', '--no-lockfile', '--modules-folder=x', '--focus', '--pnp']) {
    const { refused, standIn, notes } = await one.plan({ command: ['yarn', 'install', flag] });
    t.match(refused, /cache is cached/, flag);
    t.match(notes, [/not cached/]);
    t.ok(standIn);
  }
  const linked = yarnProject(t, FOUR, { '.yarnrc.yml': 'nodeLinker: pnpm\n' });
  t.match((await linked.plan()).refused, /nodeLinker is pnpm/);
});

test("a workspace's install script keeps yarn 1's tree from being cached, not yarn 4's", async (t) => {
  const files = { 'packages/a/package.json': { ...MEMBER, scripts: { postinstall: 'x' } } };
  t.match(
    (await yarnProject(t, ONE, files).plan()).refused,
    /packages\/a\/package\.json has the script postinstall/,
  );
  t.equal(
    (await yarnProject(t, ONE, files).plan({ command: ['yarn', '--ignore-scripts'] })).refused,
    undefined,
  );
  t.equal((await yarnProject(t, FOUR, files).plan()).refused, undefined);
});

test("yarn 1: only a tree that is the lockfile's, understood and untouched is saved", async (t) => {
  const { folder, plan, write } = yarnProject(t, ONE);
  const { refuseSave } = await plan();
  t.match(await refuseSave?.(1), /failed/);
  t.match(await refuseSave?.(0), /no record/);
  const integrity = (patterns: string[]) => ({
    'node_modules/.yarn-integrity': { lockfileEntries: Object.fromEntries(patterns.map((one) => [one, ''])) },
  });
  write({ ...integrity(['left@^1.0.0']), 'node_modules/left/package.json': { name: 'left' } });
  const age = (path: string, seconds: number) =>
    utimesSync(join(folder, 'node_modules', path), seconds, seconds);
  const settle = () => {
    for (const path of ['left/package.json', 'left']) age(path, 1_000);
    age('.yarn-integrity', 2_000);
  };
  settle();
  t.equal(await refuseSave?.(0), undefined);
  age('left/package.json', 3_000);
  t.match(await refuseSave?.(0), /left\/package\.json was changed after yarn had filled it/);
  write({ 'node_modules/left/package.json': { name: 'left', scripts: { postinstall: 'x' } } });
  settle();
  t.match(await refuseSave?.(0), /left has the script postinstall/);
  t.equal(await (await plan({ skipInstall: 'always' })).refuseSave?.(0), undefined);
  t.equal(await (await plan({ command: ['yarn', '--ignore-scripts'] })).refuseSave?.(0), undefined);
  write(integrity(['left@^1.0.0', 'stranger@1.0.0']));
  t.match(await refuseSave?.(0), /stranger@1\.0\.0, which the lockfile does not name/);
});

test("yarn 4: only a tree that is the lockfile's and untouched is saved; what yarn builds itself may be newer", async (t) => {
  const { folder, plan, write } = yarnProject(t, FOUR);
  const { refuseSave } = await plan();
  t.match(await refuseSave?.(0), /no record/);
  const state = (locator: string) => ({
    'node_modules/.yarn-state.yml': `__metadata:\n  version: 1\n\n"${locator}":\n  locations: []\n`,
  });
  write({
    ...state('tool@virtual:abc#npm:2.0.0'),
    'node_modules/left/x.js': '',
    'node_modules/esbuild/bin': '',
  });
  const age = (path: string, seconds: number) =>
    utimesSync(join(folder, 'node_modules', path), seconds, seconds);
  for (const path of ['left/x.js', 'left', 'esbuild']) age(path, 1_000);
  age('.yarn-state.yml', 2_000);
  t.equal(await refuseSave?.(0), undefined);
  age('left/x.js', 3_000);
  t.match(await refuseSave?.(0), /left\/x\.js was changed/);
  write(state('left@npm:1.1.0'));
  t.match(await refuseSave?.(0), /left@npm:1\.1\.0, which the lockfile does not name/);
});

test('a folder of its own that an understood package fills is a root too', async (t) => {
  const lock = (text: string) => ({ 'yarn.lock': text.replaceAll('tool', 'cypress') });
  for (const [made, text] of [
    [ONE, CLASSIC],
    [FOUR, BERRY],
  ] as const) {
    const { plan, home } = yarnProject(t, made, lock(text));
    t.match((await plan()).roots.at(-1), { place: join(home, '.cache/Cypress/2.0.0'), restore: 'merge' });
  }
});

test('a command that is not an install saves only a tree that it made', async (t) => {
  const { folder, plan } = yarnProject(t, ONE);
  mkdirSync(join(folder, 'node_modules'));
  t.match(await (await plan({ command: ['make'] })).refuseSave?.(0), /was there before/);
});

test('of the cache only what the lockfile names is saved', async (t) => {
  const { folder, write } = yarnProject(t, ONE);
  const sha = 'a'.repeat(40);
  write({
    [`one/npm-left-1.2.0-${sha}-integrity/node_modules/left/index.js`]: '',
    [`one/npm-left-1.2.0-${sha}-integrity/.yarn-tarball.tgz`]: '',
    [`one/npm-left-1.3.0-${sha}-integrity/node_modules/left/index.js`]: '',
    'one/.tmp/x': '',
    'classic.lock': CLASSIC,
    'berry.lock': `${BERRY}\n"@own/tool@npm:1.0.0":\n  version: 1.0.0\n  resolution: "@own/tool@npm:1.0.0"\n`,
    'four/@own-tool-npm-1.0.0-5bde4f38c9-10c0.zip': '',
    'four/@own-tool-npm-1.0.0-5bde4f38c9-8.zip': '',
    'four/@own-tool-npm-1.1.0-6666666666-10c0.zip': '',
    'four/.gitignore': '',
  });
  const cached = async (cache: string, lockfile: string) =>
    cachedFiles(join(folder, cache), await readYarnLockfile(join(folder, lockfile)));
  t.same(await cached('one', 'classic.lock'), [
    `npm-left-1.2.0-${sha}-integrity/.yarn-tarball.tgz`,
    `npm-left-1.2.0-${sha}-integrity/node_modules/left/index.js`,
  ]);
  t.same(await cached('four', 'berry.lock'), [
    '@own-tool-npm-1.0.0-5bde4f38c9-10c0.zip',
    '@own-tool-npm-1.0.0-5bde4f38c9-8.zip',
  ]);
  t.same(await cached('nowhere', 'berry.lock'), []);
});

test('of a near entry only what the lockfile names is restored, by name and checksum', async (t) => {
  const { folder, write } = yarnProject(t, ONE);
  const [sha, other] = ['a'.repeat(40), 'b'.repeat(40)];
  write({
    'classic.lock': `${CLASSIC.replace('#aaaa', `#${sha}`)}
Lodash.merge_x@1:
  version "1.0.0"
  resolved "http://registry.invalid/x.tgz"
`,
    'berry.lock': BERRY.replace('10c0/aaaa', '10c0/0123456789abcdef'),
  });
  const verdicts = async (lockfile: string, rows: Record<string, boolean>) => {
    const wants = namedBy(await readYarnLockfile(join(folder, lockfile)));
    for (const [path, wanted] of Object.entries(rows)) t.equal(wants(path), wanted, path);
  };
  await verdicts('classic.lock', {
    [`npm-left-1.2.0-${sha}-integrity/node_modules/left/index.js`]: true,
    [`npm-left-1.2.0-${sha}/.yarn-tarball.tgz`]: true,
    [`npm-left-1.2.0-${other}-integrity/node_modules/left/index.js`]: false,
    [`npm-left-1.2.0-1-${sha}/x`]: false,
    [`npm-left-1.3.0-${sha}-integrity/x`]: false,
    [`npm-@own-left-1.2.0-${sha}-integrity/x`]: false,
    [`npm-odash-merge-x-1.0.0-${other}/x`]: true,
    'npm-odash-merge-x-1.0.0-integrity/x': true,
    '.tmp/x': false,
  });
  const digest = (name: string, reference: string) =>
    hash('sha512', hash('sha512', name, 'hex') + reference, 'hex').slice(0, 10);
  const left = `left-npm-1.2.0-${digest('left', 'npm:1.2.0')}`;
  await verdicts('berry.lock', {
    [`${left}-10c0.zip`]: true,
    [`${left}-0123456789.zip`]: true,
    [`${left}-9876543210.zip`]: false,
    [`${left}-8.zip`]: false,
    [`left-npm-1.3.0-${digest('left', 'npm:1.3.0')}-10c0.zip`]: false,
    '.gitignore': false,
  });
});

test('after a restore, bins of workspaces are executable', async (t) => {
  const { folder, plan } = yarnProject(t, ONE, { 'packages/a/cli.js': '#!/usr/bin/env node\n' });
  await (await plan()).finish?.({} as FinishContext);
  t.equal(statSync(join(folder, 'packages/a/cli.js')).mode & 0o111, 0o111 & ~process.umask());
});
