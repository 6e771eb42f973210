/** What is an npm project, what an entry of it holds, and when an install may be skipped. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { FinishContext, Plan } from '#runner-plugin/fingerprint/plan.ts';
import { LOCK, lockWith, PACKAGE, project } from './fixture.ts';

const WORKSPACES = {
  'package.json': { ...PACKAGE, workspaces: ['packages/*'] },
  'package-lock.json': lockWith({
    'packages/a': { name: 'a', version: '1.0.0', bin: { a: 'cli.js' } },
    'node_modules/a': { resolved: 'packages/a', link: true },
    'packages/a/node_modules/left': { version: '0.9.0', integrity: 'sha512-HHHH' },
  }),
  'packages/a/package.json': { name: 'a', version: '1.0.0', bin: { a: 'cli.js' } },
  'packages/a/cli.js': '#!/usr/bin/env node\n',
};

function context(calls: string[][]): FinishContext {
  return {
    skipping: true,
    signal: new AbortController().signal,
    env: {},
    async run(program, args) {
      calls.push([program, ...args]);
    },
  };
}

test('every node_modules that the lockfile fills is a root', async (t) => {
  const { plan } = project(t, WORKSPACES);
  t.same(
    (await plan()).roots.map(({ root }) => root),
    ['workspace:node_modules', 'workspace:packages/a/node_modules'],
  );
});

test('a workspace belongs to the lockfile above it; a stranger does not', async (t) => {
  const { folder, plans } = project(t, { ...WORKSPACES, 'stranger/package.json': { name: 'stranger' } });
  const [inWorkspace] = await plans({ folder: join(folder, 'packages/a') });
  t.equal(inWorkspace?.folder, folder);
  t.same(await plans({ folder: join(folder, 'stranger') }), []);
});

test("the name is the package's, with the path below the repository, never the checkout's", async (t) => {
  const { folder, plan, plans, write } = project(t);
  t.equal((await plan()).fingerprint.name, 'web');
  mkdirSync(join(folder, '.git'));
  write({ 'apps/shop/package.json': { name: 'shop' }, 'apps/shop/package-lock.json': LOCK });
  const [shop] = await plans({ folder: join(folder, 'apps/shop') });
  t.equal(shop?.fingerprint.name, 'shop:apps/shop');
});

test('a project of another manager has no plan, unless the command is npm', async (t) => {
  const { folder, plans } = project(t, { 'package.json': { ...PACKAGE, packageManager: 'pnpm@10.0.0' } });
  const none = { folder, home: '/nowhere', skipInstall: 'understood' as const, env: {} };
  const { npmKind } = await import('#runner-plugin/fingerprint/npm/detect.ts');
  t.same(await npmKind.detect(none), []);
  t.equal((await plans()).length, 1);
});

test('which commands are installs', async (t) => {
  const { plan } = project(t);
  for (const command of [
    ['npm', 'ci'],
    ['npm', 'ic'],
    ['npm', 'install'],
    ['npm', 'i', '--no-audit'],
    ['npx', 'npm@10.9.0', 'ci'],
    ['corepack', 'npm', 'ci'],
    ['npm', '--loglevel', 'warn', 'ci'],
  ]) {
    t.same((await plan({ command })).install, { onHit: 'skip' }, command.join(' '));
  }
  for (const command of [['npm', 'install', 'left'], ['npm', 'run', 'build'], ['npm', 'test'], ['npm']]) {
    t.equal((await plan({ command })).install, undefined, command.join(' '));
  }
});

test('npx names the npm that counts', async (t) => {
  const { plan } = project(t);
  const named = await plan({ command: ['npx', '--yes', 'npm@11.0.0', 'ci'], npm: '10.0.0' });
  t.equal(named.fingerprint.key, (await plan({ npm: '11.0.0' })).fingerprint.key);
});

const RECORD = 'home:.local/state/cachalot/npm-scripts.json';
const rootsOf = (plan: Plan) => plan.roots.map(({ root }) => root);

test('where an install runs scripts of its own, their record is a part of the entry', async (t) => {
  const { plan } = project(t, { 'package.json': { ...PACKAGE, scripts: { postinstall: 'patch-package' } } });
  const found = await plan();
  t.equal(found.refused, undefined);
  t.ok(rootsOf(found).includes(RECORD));
  t.match(found.notes, [/postinstall of package\.json/]);
  t.notOk(rootsOf(await project(t).plan()).includes(RECORD));
  t.notOk(rootsOf(await plan({ command: ['npm', 'ci', '--ignore-scripts'] })).includes(RECORD));
});

test('only an install runs such scripts: before another command nothing is restored', async (t) => {
  const { plan } = project(t, { 'package.json': { ...PACKAGE, scripts: { postinstall: 'patch-package' } } });
  t.match((await plan({ command: ['npm', 'test'] })).refused, /postinstall, which only an install runs/);
  t.equal((await project(t).plan({ command: ['npm', 'test'] })).refused, undefined);
  t.match((await plan({ command: ['npm', 'ci', '--script-shell=bash'] })).refused, /script shell/);
});

test('what was not seen to run is not saved', async (t) => {
  const { plan, write } = project(t, { 'package.json': { ...PACKAGE, scripts: { prepare: 'husky' } } });
  const found = await plan();
  write({ 'node_modules/.package-lock.json': { packages: {} } });
  t.match(await found.refuseSave?.(0), /the script prepare of package\.json was not seen to run/);
  t.match(await (await plan({ command: ['npm', 'install'] })).refuseSave?.(0), /was there before it/);
});

test('whoever wants a hit to stand for such an install whatever it does gets an entry of its own', async (t) => {
  const { plan } = project(t, { 'package.json': { ...PACKAGE, scripts: { postinstall: 'x' } } });
  const always = await plan({ skipInstall: 'always' });
  t.not(always.fingerprint.key, (await plan()).fingerprint.key);
  t.notOk(rootsOf(always).includes(RECORD));
  t.equal(always.replay, undefined);
  t.match((await project(t).plan({ skipInstall: 'never' })).refused, /never/);
});

test('a prepare script of a workspace and a binding.gyp count too', async (t) => {
  const a = { name: 'a', bin: { a: 'cli.js' }, scripts: { prepare: 'tsc' } };
  const { plan } = project(t, { ...WORKSPACES, 'packages/a/package.json': a });
  t.match((await plan()).notes, [/prepare of packages\/a\/package\.json/]);
  const gyp = project(t, { 'binding.gyp': '{}' });
  t.match((await gyp.plan()).notes, [/install of package\.json/]);
});

test('folders that scripts of understood packages fill are roots too, where it is known which', async (t) => {
  const scripted = (name: string) =>
    lockWith({
      [`node_modules/${name}`]: { version: '13.1.0', integrity: 'sha512-CCCC', hasInstallScript: true },
    });
  const cypress = project(t, { 'package-lock.json': scripted('cypress') });
  const found = await cypress.plan();
  t.same(rootsOf(found), ['workspace:node_modules', 'home:.cache/Cypress/13.1.0']);
  t.same(found.notes, [], 'it is not built again');
  const elsewhere = await cypress.plan({ env: { CYPRESS_CACHE_FOLDER: '/opt/cypress' } });
  t.ok(rootsOf(elsewhere).includes('abs:opt/cypress/13.1.0'));
  const relative = await cypress.plan({ env: { CYPRESS_CACHE_FOLDER: 'cache' } });
  t.match(relative.notes, [/cypress/], 'nobody knows where that is');
  const puppeteer = project(t, { 'package-lock.json': scripted('puppeteer') });
  t.ok(rootsOf(await puppeteer.plan()).includes('home:.cache/puppeteer'));
  puppeteer.write({ '.puppeteerrc.json': '{}' });
  t.match((await puppeteer.plan()).notes, [/puppeteer/]);
});

test('beside the tree stands what npm has cached of its packages, for the next lockfile', async (t) => {
  const { plan, write } = project(t);
  const found = (await plan()).standIn;
  t.match(found?.fingerprint.key, /^npm-contents\/web\//);
  t.same(found?.nearKeys, ['npm-contents/web/']);
  t.match(found?.roots, [{ root: 'home:.npm/_cacache', restore: 'merge' }]);
  const moved = (await plan({ env: { npm_config_cache: '/var/cache/npm' } })).standIn;
  t.match(moved?.roots, [{ root: 'home:.npm/_cacache', place: '/var/cache/npm/_cacache' }]);
  t.equal(moved?.fingerprint.key, found?.fingerprint.key);
  t.equal((await plan({ npm: '10.0.0' })).standIn?.fingerprint.key, found?.fingerprint.key);
  t.equal((await plan({ command: ['npm', 'test'] })).standIn, undefined);
  t.ok((await plan({ skipInstall: 'never' })).standIn);
  write({
    'package-lock.json': lockWith({ 'node_modules/right': { version: '1.0.0', integrity: 'sha512-EEEE' } }),
  });
  t.not((await plan()).standIn?.fingerprint.key, found?.fingerprint.key);
});

test('an npm ci with it asks for nothing that it need not ask for; what the user says holds', async (t) => {
  const { plan } = project(t);
  const env = async (...command: string[]) => (await plan({ command })).standIn?.env;
  t.same(await env('npm', 'ci'), { npm_config_audit: 'false', npm_config_prefer_offline: 'true' });
  t.same(await env('npm', 'ci', '--audit', '--prefer-online'), {});
  t.same(await env('npm', 'install'), {}, 'it may have to find new versions');
  const resolved = lockWith({
    'node_modules/left': {
      version: '1.2.0',
      resolved: 'https://host.invalid/l.tgz',
      integrity: 'sha512-AAAA',
    },
    'node_modules/tool': {
      version: '2.0.0',
      resolved: 'https://host.invalid/t.tgz',
      integrity: 'sha512-BBBB',
    },
  });
  const other = project(t, { 'package-lock.json': resolved });
  t.same((await other.plan()).standIn?.env, { npm_config_audit: 'false' });
});

test('after a restore, bins of links are executable and scripts that we do not know run again', async (t) => {
  const { folder, plan } = project(t, {
    ...WORKSPACES,
    'package-lock.json': lockWith({
      ...(WORKSPACES['package-lock.json'].packages as Record<string, unknown>),
      'node_modules/addon': { version: '1.0.0', integrity: 'sha512-CCCC', hasInstallScript: true },
      'node_modules/esbuild': { version: '0.28.0', integrity: 'sha512-IIII', hasInstallScript: true },
    }),
  });
  const calls: string[][] = [];
  const found = await plan();
  await found.finish?.(context(calls));
  t.equal(statSync(join(folder, 'packages/a/cli.js')).mode & 0o111, 0o111 & ~process.umask());
  t.same(calls, [['npm', 'rebuild', '--no-audit', '--no-fund', 'addon']]);
  t.match(found.notes.join(), /addon/);
});

test("only the tree of an install that ended well, and is the lockfile's, is saved", async (t) => {
  const { folder, plan, write } = project(t);
  const found = await plan();
  t.match(await found.refuseSave?.(1), /failed/);
  t.match(await found.refuseSave?.(0), /no record/);
  const record = {
    packages: {
      'node_modules/left': { version: '1.2.0', integrity: 'sha512-AAAA' },
      'node_modules/tool': { version: '2.0.0', integrity: 'sha512-BBBB' },
    },
  };
  write({ 'node_modules/.package-lock.json': record });
  t.equal(await found.refuseSave?.(0), undefined);
  writeFileSync(
    join(folder, 'node_modules/.package-lock.json'),
    JSON.stringify({ packages: { 'node_modules/left': { version: '1.1.0', integrity: 'sha512-ZZZZ' } } }),
  );
  t.match(await found.refuseSave?.(0), /another node_modules\/left/);
});

test('a command that is not an install saves only a tree that it made', async (t) => {
  const left = { 'node_modules/left': { version: '1.2.0', integrity: 'sha512-AAAA' } };
  const tool = { 'node_modules/tool': { version: '2.0.0', integrity: 'sha512-BBBB' } };
  const elsewhere = { version: '1.0.0', optional: true, os: ['!linux', '!darwin', '!win32'] };
  const { plan, write } = project(t, {
    'package-lock.json': lockWith({
      'node_modules/elsewhere': { ...elsewhere, dependencies: { deeper: '1.0.0' } },
      'node_modules/deeper': { version: '1.0.0', optional: true },
    }),
  });
  const before = await plan({ command: ['make'] });
  write({ 'node_modules/.package-lock.json': { packages: left } });
  t.match(await before.refuseSave?.(0), /lacks node_modules\/tool.*run the install itself/);
  const narrow = await plan({ command: ['npm', 'ci', '--omit=dev'] });
  t.equal(await narrow.refuseSave?.(0), undefined, 'an install says itself what it leaves out');
  write({ 'node_modules/.package-lock.json': { packages: { ...left, ...tool } } });
  t.equal(
    await before.refuseSave?.(0),
    undefined,
    'what does not suit the machine, and what only that needs, may be missing',
  );
  t.match(await (await plan({ command: ['make'] })).refuseSave?.(0), /was there before/);
});

test('a global or dry install is left alone', async (t) => {
  const { plan } = project(t);
  t.match((await plan({ command: ['npm', 'ci', '-g'] })).refused, /global/);
  t.match((await plan({ command: ['npm', 'install', '--dry-run'] })).refused, /dry-run/);
  t.match((await plan({ command: ['npm', 'install', '--location=global'] })).refused, /location=global/);
  t.match((await plan({ command: ['npm', 'install', '--no-package-lock'] })).refused, /look at the lockfile/);
  t.equal((await plan({ command: ['npm', 'ci', '--no-package-lock'] })).refused, undefined, 'ci always does');
});
