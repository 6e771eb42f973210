/** pnpm's own verdict on a restored tree: nothing to do, nothing asked for, its scripts run, and `pnpm run` works after it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { FIXTURES, type Files, managedProject, needManager } from './managers.ts';

const PACKAGE = {
  name: 'web',
  version: '1.0.0',
  private: true,
  dependencies: { right: '1.0.0', a: 'workspace:*' },
  devDependencies: { '@own/tool': '1.0.0' },
  scripts: { build: 'tool', postinstall: 'echo generated > generated.txt' },
};

const FILES: Files = {
  'package.json': PACKAGE,
  'pnpm-workspace.yaml': 'packages:\n  - packages/*\n',
  'packages/a/package.json': {
    name: 'a',
    version: '1.0.0',
    bin: { acli: 'cli.js' },
    dependencies: { left: '1.0.0' },
    scripts: { prepare: 'echo built > built.txt' },
  },
  'packages/a/cli.js': '#!/usr/bin/env node\nconsole.log("a runs");\n',
};

const LOCK = ['pnpm', 'install', '--lockfile-only', '--no-frozen-lockfile'];

for (const version of ['10.34.9', '11.28.11']) {
  const manager = { name: 'pnpm', version } as const;

  test(`pnpm ${version}: cold, then at another path, with another store, without a network`, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock, registry } = await managedProject(t, manager, FIXTURES);
    await lock(FILES, ...LOCK);
    const cold = await machine('cold').cached('pnpm', 'install');
    t.match(cold, { status: 0, hit: 'none' }, cold.stderr);
    t.ok(cold.requests.length > 0, 'the registry counts');

    await registry.close();
    const other = machine('other');
    const warm = await other.cached('pnpm', 'install');
    t.match(warm, { status: 0, hit: 'exact', skipped: false, warnings: [] }, warm.stdout + warm.stderr);
    t.match(warm.stdout, /Already up to date/, "pnpm's own verdict");
    t.same(warm.requests, []);
    t.ok(existsSync(join(other.folder, 'generated.txt')), "the project's script ran");
    t.ok(existsSync(join(other.folder, 'packages/a/built.txt')), "a workspace's script ran");
    const built = await other.alone('pnpm', 'run', 'build');
    t.match(built, { status: 0, stdout: /the tool runs/ }, built.stderr);
    t.match(await other.alone('pnpm', 'exec', 'acli'), { status: 0, stdout: /a runs/ });
    const shim = readFileSync(join(other.folder, 'node_modules/.bin/tool'), 'utf8');
    t.notMatch(shim, '/cold/project', 'nothing names the folder that the tree came from');
    const again = await other.alone('pnpm', 'install', '--frozen-lockfile', '--offline');
    t.match(again, { status: 0, stdout: /Already up to date/ }, again.stderr);
  });

  test(`pnpm ${version}: after a bump only the new package is downloaded, from the store that stands in`, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock } = await managedProject(t, manager, FIXTURES);
    await lock(FILES, ...LOCK);
    await machine('cold').cached('pnpm', 'install');
    const bumped = { ...PACKAGE, dependencies: { ...PACKAGE.dependencies, extra: '1.0.0' } };
    await lock({ 'package.json': bumped }, ...LOCK);
    const near = await machine('near').cached('pnpm', 'install');
    t.match(near, { status: 0, hit: 'near' }, near.stdout + near.stderr);
    t.same(
      near.requests.filter((path) => path.endsWith('.tgz')),
      ['/extra/-/extra-1.0.0.tgz'],
    );
    t.match(near.reason, /extra was added/);
  });

  test(`pnpm ${version}: a script that changes the tree changes it once, hit after hit`, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock } = await managedProject(t, manager, FIXTURES);
    const patching = { ...PACKAGE, scripts: { postinstall: 'echo patched >> node_modules/right/index.js' } };
    await lock({ ...FILES, 'package.json': patching }, ...LOCK);
    for (const name of ['one', 'two', 'three']) {
      const one = machine(name);
      const ran = await one.cached('pnpm', 'install', '--package-import-method=copy');
      t.match(ran, { status: 0, hit: name === 'one' ? 'none' : 'exact', warnings: [] }, ran.stderr);
      const patched = readFileSync(join(one.folder, 'node_modules/right/index.js'), 'utf8');
      t.equal(patched.split('patched').length, 2, 'one copy of the line');
      if (name !== 'one') t.same(ran.requests, []);
    }
  });

  test(`pnpm ${version}: packages whose scripts are not understood are built again`, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock, registry } = await managedProject(t, manager, FIXTURES);
    const files = {
      'package.json': {
        ...PACKAGE,
        dependencies: { addon: '1.0.0' },
        pnpm: { onlyBuiltDependencies: ['addon'] },
      },
      'pnpm-workspace.yaml': 'allowBuilds:\n  addon: true\n',
    };
    await lock(files, ...LOCK);
    const cold = await machine('cold').cached('pnpm', 'install');
    t.equal(cold.status, 0, cold.stderr);
    await registry.close();
    const other = machine('other');
    const warm = await other.cached('pnpm', 'install');
    t.match(warm, { status: 0, hit: 'exact' }, warm.stdout + warm.stderr);
    t.equal(readFileSync(join(other.folder, 'node_modules/addon/made.txt'), 'utf8'), 'made\nmade\n');
  });

  test(`pnpm ${version}: the store is where pnpm says it is, and pnpm run is served too`, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock, registry } = await managedProject(t, manager, FIXTURES);
    await lock(FILES, ...LOCK);
    const cold = machine('cold');
    const where = await cold.alone('pnpm', 'store', 'path');
    await cold.cached('pnpm', 'install');
    const record = JSON.parse(readFileSync(join(cold.folder, 'node_modules/.modules.yaml'), 'utf8'));
    t.equal(record.storeDir, where.stdout.trim());

    await registry.close();
    const other = machine('other');
    const built = await other.cached('pnpm', 'run', 'build');
    t.match(built, { status: 0, hit: 'exact', stdout: /the tool runs/ }, built.stdout + built.stderr);
    const restored = JSON.parse(readFileSync(join(other.folder, 'node_modules/.modules.yaml'), 'utf8'));
    t.equal(restored.storeDir, (await other.alone('pnpm', 'store', 'path')).stdout.trim());
  });

  test(`pnpm ${version}: a lockfile out of step is pnpm's own error, and production is another tree`, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock } = await managedProject(t, manager, FIXTURES);
    await lock(FILES, ...LOCK);
    await machine('cold').cached('pnpm', 'install');
    const production = machine('production');
    const narrow = await production.cached('pnpm', 'install', '--prod');
    t.match(narrow, { status: 0, hit: 'near' }, narrow.stderr);
    t.notOk(existsSync(join(production.folder, 'node_modules/@own/tool')));
    const again = await machine('again').cached('pnpm', 'install', '-P');
    t.match(again, { status: 0, hit: 'exact' }, again.stderr);
    const broken = { ...PACKAGE, dependencies: { extra: '1.0.0' } };
    const failed = await machine('broken', { 'package.json': broken }).cached(
      'pnpm',
      'install',
      '--frozen-lockfile',
    );
    t.match(failed.stdout + failed.stderr, /ERR_PNPM_OUTDATED_LOCKFILE/);
    t.not(failed.status, 0);
  });
}
