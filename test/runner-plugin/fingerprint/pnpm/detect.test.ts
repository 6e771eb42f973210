/** What is a pnpm project, what an entry of it holds, when its tree is not cached, and what a restore makes of it. */
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { FinishContext } from '#runner-plugin/fingerprint/plan.ts';
import { keepOrigin, originOf, tellVerification } from '#runner-plugin/fingerprint/pnpm/origin.ts';
import { relocate } from '#runner-plugin/fingerprint/pnpm/relocate.ts';
import { soundFiles } from '#runner-plugin/fingerprint/pnpm/store.ts';
import { LOCK, PACKAGE, pnpmProject } from './fixture.ts';

const RECORD = {
  'node_modules/.modules.yaml': { storeDir: '/old/store/v10', virtualStoreDir: '.pnpm', pendingBuilds: [] },
  'node_modules/.pnpm/lock.yaml': LOCK,
  'node_modules/.pnpm/left@1.2.0/node_modules/left/index.js': 'left',
};

test("every project's node_modules is a root, and the store stands in for them", async (t) => {
  const { plan, home } = pnpmProject(t);
  const { roots, standIn, nearKeys, install } = await plan();
  t.same(
    roots.map(({ root }) => root),
    ['workspace:node_modules', 'workspace:packages/a/node_modules'],
  );
  t.match(install, { onHit: 'run', deletes: undefined });
  t.same(nearKeys, [], 'another tree is never restored');
  t.match(standIn?.roots, [{ restore: 'merge', place: join(home, '.local/share/pnpm/store/v10') }]);
  t.match(standIn?.nearKeys, ['pnpm-store/web/']);
});

test('the store is where pnpm has it, under one name in every entry', async (t) => {
  const { plan, folder, home } = pnpmProject(t);
  const places: [object, string][] = [
    [{ command: ['pnpm', 'install', '--store-dir', '/elsewhere'] }, '/elsewhere/v10'],
    [{ env: { npm_config_store_dir: '.store' } }, join(folder, '.store/v10')],
    [{ env: { pnpm_config_store_dir: '~/s' } }, join(home, 's/v10')],
    [{ env: { XDG_DATA_HOME: `${home}/data` } }, join(home, 'data/pnpm/store/v10')],
    [{ env: { PNPM_HOME: `${home}/pnpm`, XDG_DATA_HOME: '/data' } }, join(home, 'pnpm/store/v10')],
  ];
  for (const [change, place] of places) {
    t.match((await plan(change)).standIn?.roots, [{ root: 'home:.local/share/pnpm/store/v10', place }]);
  }
});

test('a project belongs to the manager that the command, or packageManager, names', async (t) => {
  const { plans, plan, write } = pnpmProject(t, { 'package-lock.json': '{}' });
  t.equal((await plan()).refused, undefined, 'the command says pnpm');
  t.match((await plan({ command: ['make'] })).refused, /package-lock\.json lies beside pnpm-lock\.yaml/);
  write({ 'package.json': { ...PACKAGE, packageManager: 'npm@11.0.0' } });
  t.same(await plans({ command: ['make'] }), []);
  write({ 'package.json': { ...PACKAGE, packageManager: 'pnpm@10.34.9+sha512.aaaa' } });
  t.equal((await plan({ command: ['make'] })).refused, undefined);
});

test('a workspace belongs to the lockfile above it; a stranger does not', async (t) => {
  const { folder, plans } = pnpmProject(t, { 'stranger/package.json': { name: 'stranger' } });
  const [inWorkspace] = await plans({ folder: join(folder, 'packages/a') });
  t.equal(inWorkspace?.folder, folder);
  t.same(await plans({ folder: join(folder, 'stranger') }), []);
});

test('what was restored is not saved again, unless the command wrote another lockfile', async (t) => {
  const { plan, write } = pnpmProject(t, {
    ...RECORD,
    'node_modules/.cachalot-pnpm.json': { folder: '/old' },
  });
  const { finish, refuseSave } = await plan();
  await finish?.({} as FinishContext);
  t.match(await refuseSave?.(0), /what was restored/);
  write({ 'pnpm-lock.yaml': `${LOCK}\n` });
  t.notMatch(await refuseSave?.(0), /what was restored/);
});

test('which commands are installs', async (t) => {
  const { plan } = pnpmProject(t);
  for (const command of [
    ['pnpm', 'i'],
    ['pnpm', '-r', 'install'],
    ['corepack', 'pnpm', 'install'],
    ['npx', '-y', 'pnpm@10.34.9', 'install', '--prod'],
  ]) {
    t.match((await plan({ command })).install, { onHit: 'run' }, command.join(' '));
  }
  t.match((await plan({ command: ['pnpm', 'ci'] })).install, { deletes: true });
  for (const command of [
    ['pnpm', 'install', 'left'],
    ['pnpm', 'add', 'left'],
    ['pnpm', 'run', 'install'],
    ['pnpm', 'test'],
    ['pnpm'],
  ]) {
    t.equal((await plan({ command })).install, undefined, command.join(' '));
  }
});

test('where the tree cannot be held to it, the store stands in and the reason is named', async (t) => {
  const { plan, write } = pnpmProject(t);
  t.match((await plan({ version: '9.15.0' })).refused, /pnpm 9\.15\.0 was not tried/);
  t.match((await plan({ version: '12.0.0' })).refused, /not tried/);
  t.match((await plan({ version: '' })).refused, /no pnpm/);
  t.match((await plan({ skipInstall: 'never' })).refused, /never/);
  for (const flag of [
    '--force',
    '--lockfile-only',
    '--no-lockfile',
    '--node-linker=pnp',
    '--virtual-store-dir=x',
    '--modules-dir=x',
    '--dangerously-allow-all-builds',
    '--config.enable-global-virtual-store=true',
  ]) {
    const { refused, standIn, notes } = await plan({ command: ['pnpm', 'install', flag] });
    t.match(refused, /store is cached/, flag);
    t.match(notes, [/not cached/]);
    t.ok(standIn);
  }
  write({ 'pnpm-lock.yaml': LOCK.replace('packages/a: {}', '../a: {}') });
  t.match((await plan()).refused, /outside/);
});

test("only a tree that is the lockfile's, and that nothing changed after pnpm, is saved", async (t) => {
  const { folder, plan, write } = pnpmProject(t);
  const { refuseSave } = await plan();
  t.match(await refuseSave?.(1), /failed/);
  t.match(await refuseSave?.(0), /no record/);
  write(RECORD);
  const age = (path: string, seconds: number) => utimesSync(join(folder, path), seconds, seconds);
  for (const path of [
    'left@1.2.0/node_modules/left/index.js',
    'left@1.2.0/node_modules/left',
    'left@1.2.0/node_modules',
    'left@1.2.0',
  ])
    age(`node_modules/.pnpm/${path}`, 1_000);
  age('node_modules/.modules.yaml', 2_000);
  t.equal(await refuseSave?.(0), undefined);
  age('node_modules/.pnpm/left@1.2.0/node_modules/left/index.js', 3_000);
  t.match(await refuseSave?.(0), /left\/index\.js was changed after pnpm had filled it/);
  age('node_modules/.pnpm/left@1.2.0/node_modules/left/index.js', 1_000);
  write({ 'node_modules/.pnpm/lock.yaml': LOCK.replace(/\n {4}devDependencies:[\s\S]*?\n\n/, '\n\n') });
  t.equal(await refuseSave?.(0), undefined, 'a narrower install is a part of the lockfile');
  write({ 'node_modules/.pnpm/lock.yaml': LOCK.replaceAll('1.2.0', '1.1.0') });
  t.match(await refuseSave?.(0), /another left@1\.1\.0 than the lockfile names/);
  write({
    'node_modules/.modules.yaml': { ...RECORD['node_modules/.modules.yaml'], virtualStoreDir: '/links' },
  });
  t.match(await refuseSave?.(0), /do not lie in node_modules/);
});

test('a command that is not an install saves only a tree that it made', async (t) => {
  const { folder, plan } = pnpmProject(t);
  mkdirSync(join(folder, 'node_modules'));
  t.match(await (await plan({ command: ['make'] })).refuseSave?.(0), /was there before/);
});

test('a restored tree is made that of this folder and this store', async (t) => {
  const { folder, write } = pnpmProject(t);
  const shim = (root: string) =>
    `export NODE_PATH="${root}/node_modules/.pnpm/node_modules:${root}/x"\nexec ${root}2/y\n`;
  write({
    ...RECORD,
    'node_modules/.cachalot-pnpm.json': { folder: '/old/place' },
    'node_modules/.pnpm-workspace-state-v1.json': {},
    'node_modules/.bin/tool': shim('/old/place'),
    'packages/a/node_modules/.bin/tool': shim('/old/place'),
    'node_modules/.pnpm/left@1.2.0/node_modules/left/node_modules/.bin/tool': shim('/old/place'),
    'node_modules/.pnpm/left@1.2.0/node_modules/left/README': '/old/place',
  });
  await relocate({ folder, importers: ['.', 'packages/a'], store: '/new/store/v10' });
  const read = (path: string) => readFileSync(join(folder, path), 'utf8');
  t.match(JSON.parse(read('node_modules/.modules.yaml')), {
    storeDir: '/new/store/v10',
    virtualStoreDir: '.pnpm',
  });
  const rewritten = shim(folder).replace(`${folder}2`, '/old/place2');
  t.equal(read('node_modules/.bin/tool'), rewritten, 'and a folder of a longer name is another');
  t.equal(read('packages/a/node_modules/.bin/tool'), rewritten);
  t.equal(read('node_modules/.pnpm/left@1.2.0/node_modules/left/node_modules/.bin/tool'), rewritten);
  t.equal(
    read('node_modules/.pnpm/left@1.2.0/node_modules/left/README'),
    '/old/place',
    "packages' files stay",
  );
  t.throws(() => read('node_modules/.pnpm-workspace-state-v1.json'), { code: 'ENOENT' });
});

test('a tree that does not say what it belongs to is no hit', async (t) => {
  const { folder, write } = pnpmProject(t, RECORD);
  const options = { folder, importers: ['.', 'packages/a'], store: '/new' };
  await t.rejects(relocate(options), { code: 'INPUT_UNREADABLE' });
  write({ 'node_modules/.cachalot-pnpm.json': { folder: 'relative' } });
  await t.rejects(relocate(options), { code: 'INPUT_UNREADABLE', message: /names no folder/ });
});

test('what pnpm lets run scripts is rebuilt, unless it is understood', async (t) => {
  const { plan, write, home } = pnpmProject(t, {
    'pnpm-lock.yaml': LOCK.replace(
      'packages:\n',
      "packages:\n\n  addon@1.0.0: {}\n\n  '@own/one@1.0.0': {}\n\n  esbuild@1.0.0: {}\n\n  cypress@13.0.0: {}\n",
    ),
  });
  t.same((await plan()).notes, [], 'pnpm runs none that are not named');
  const allow = (lines: string) => write({ 'pnpm-workspace.yaml': `allowBuilds:\n${lines}` });
  allow("  addon@1.0.0 || 2: true\n  esbuild: true\n  '@own/*': true\n  left: false\n");
  const found = await plan();
  t.match(found.notes, [/rebuilt after each restore.*: @own\/one, addon$/]);
  t.equal(found.roots.length, 2);
  const calls: string[][] = [];
  write(RECORD);
  write({ 'node_modules/.cachalot-pnpm.json': { folder: '/old' } });
  await found.finish?.({
    run: async (program: string, args: readonly string[]) => void calls.push([program, ...args]),
  } as unknown as FinishContext);
  t.same(calls, [['pnpm', 'rebuild', '@own/one', 'addon']]);
  allow('  cypress: true\n');
  t.match((await plan()).roots[2], { place: join(home, '.cache/Cypress/13.0.0'), restore: 'merge' });
});

test('what pnpm found out about a lockfile is told again, once the tree is restored', async (t) => {
  const { folder, home, write } = pnpmProject(t, { 'node_modules/x/index.js': '' });
  const cache = { settings: new Map(), env: {}, home };
  const lockfile = join(folder, 'pnpm-lock.yaml');
  const record = (path: string, hash: string) =>
    JSON.stringify({ lockfile: { path, hash }, policy: { age: 1 } });
  const known = join(home, '.cache/pnpm/lockfile-verified.jsonl');
  mkdirSync(join(home, '.cache/pnpm'), { recursive: true });
  writeFileSync(known, `${record('/other/pnpm-lock.yaml', 'x')}\n${record(lockfile, 'y')}\n`);
  await keepOrigin(cache, folder, lockfile);
  const kept = readFileSync(join(folder, 'node_modules/.cachalot-pnpm.json'), 'utf8');
  t.notMatch(kept, '/other', 'nothing of another project is kept');
  t.equal(await originOf(join(folder, 'node_modules')), folder);
  rmSync(known);
  write({ 'elsewhere/node_modules/.cachalot-pnpm.json': kept });
  await tellVerification(cache, join(folder, 'elsewhere'), '/new/pnpm-lock.yaml');
  t.match(JSON.parse(readFileSync(known, 'utf8')), {
    lockfile: { path: '/new/pnpm-lock.yaml', hash: 'y' },
    policy: { age: 1 },
  });
});

test('a file of the store that a script has changed is left out', async (t) => {
  const { folder, write } = pnpmProject(t);
  const digest =
    '5b722b307fce6c944905d132691d5e4a2214b7fe92b738920eb3fce3a90420a19511c3010a0e7712b054daef5b57bad59ecbd93b3280f210578f547f4aed4d25';
  const sound = `files/${digest.slice(0, 2)}/${digest.slice(2)}`;
  write({
    [`store/${sound}`]: 'pass',
    [`store/${sound}-exec`]: 'pass, and more',
    'store/index/aa/bb.json': '{}',
  });
  t.same(await soundFiles(join(folder, 'store')), [sound, 'index/aa/bb.json']);
});
