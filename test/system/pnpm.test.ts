/** pnpm's own verdict on a restored tree: nothing to do, nothing asked for, its scripts run, and `pnpm run` works after it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { FIXTURES, type Files, managedProject, needManager } from './managers.ts';
import { contentsBelow } from './stored-contents.ts';

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

const tarballs = ({ requests }: { requests: string[] }) => requests.filter((path) => path.endsWith('.tgz'));

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

  test(`pnpm ${version}: after a bump only what changed is downloaded, and of the store only what is named comes and goes`, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock } = await managedProject(t, manager, FIXTURES);
    const needing = (more: Record<string, string>): Files => ({
      ...FILES,
      'package.json': { ...PACKAGE, dependencies: { ...PACKAGE.dependencies, ...more } },
    });
    await lock(needing({ moving: '1.0.0', leaving: '1.0.0' }), ...LOCK);
    await machine('cold').cached('pnpm', 'install');
    await lock(needing({ moving: '1.1.0' }), ...LOCK);
    const one = machine('near');
    const near = await one.cached('pnpm', 'install');
    t.match(near, { status: 0, hit: 'near', warnings: [] }, near.stdout + near.stderr);
    t.same(tarballs(near), ['/moving/-/moving-1.1.0.tgz']);
    t.match(near.reason, /moving 1\.0\.0 -> 1\.1\.0/);
    const store = contentsBelow(join(one.home, '.local/share/pnpm/store')).join('\n');
    for (const there of ['moving 1.1.0', 'right 1.0.0', 'left 1.0.0']) t.match(store, there);
    for (const gone of ['moving 1.0.0', 'leaving']) t.notMatch(store, gone);

    // What that machine has saved is the newest, and has nothing of what went.
    await lock(needing({ moving: '1.1.0', leaving: '1.0.0' }), ...LOCK);
    const back = await machine('back').cached('pnpm', 'install');
    t.match(back, { status: 0, hit: 'near', warnings: [] }, back.stdout + back.stderr);
    t.same(tarballs(back), ['/leaving/-/leaving-1.0.0.tgz']);
  });

  test(`pnpm ${version}: what another project has put into the store is not saved, and what is restored is added to it`, async (t) => {
    if (!needManager(t, manager)) return;
    const { machine, lock, data } = await managedProject(t, manager, FIXTURES);
    await lock({ 'package.json': { ...PACKAGE, dependencies: { 'not-ours': '1.0.0' } } }, ...LOCK);
    const other = machine('other');
    t.equal((await other.alone('pnpm', 'install')).status, 0);
    t.match(contentsBelow(join(other.home, '.local/share/pnpm/store')).join('\n'), 'not-ours');
    await lock(FILES, ...LOCK);
    const ours = await machine('ours', {}, other).cached('pnpm', 'install');
    t.match(ours, { status: 0, hit: 'none', warnings: [] }, ours.stdout + ours.stderr);
    const stored = contentsBelow(data).join('\n');
    t.match(stored, 'right 1.0.0', 'what is stored can be found');
    t.notMatch(stored, 'not-ours');

    // On another machine that has a store of its own.
    await lock({ 'package.json': { ...PACKAGE, dependencies: { 'not-ours': '1.0.0' } } }, ...LOCK);
    const third = machine('third');
    await third.alone('pnpm', 'install');
    await lock({ ...FILES, 'package.json': { ...PACKAGE, devDependencies: {} } }, ...LOCK);
    const near = await machine('beside', {}, third).cached('pnpm', 'install');
    t.match(near, { status: 0, hit: 'near', warnings: [] }, near.stdout + near.stderr);
    t.same(tarballs(near), []);
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
