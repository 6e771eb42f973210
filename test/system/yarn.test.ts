/** yarn's own verdict on a restored tree: nothing to link, nothing asked for, its scripts run, and `yarn run` works after it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import {
  FIXTURES,
  type Files,
  type Machine,
  type ManagedProject,
  managedProject,
  needManager,
} from './managers.ts';
import { contentsBelow } from './stored-contents.ts';

const PACKAGE = {
  name: 'web',
  version: '1.0.0',
  private: true,
  workspaces: ['packages/*'],
  dependencies: { right: '1.0.0' },
  devDependencies: { '@own/tool': '1.0.0' },
  scripts: { build: 'tool', postinstall: 'echo generated > generated.txt' },
};

const MEMBER = { name: 'a', version: '1.0.0', bin: { acli: 'cli.js' }, dependencies: { left: '1.1.0' } };

const FILES: Files = {
  'package.json': PACKAGE,
  'packages/a/package.json': MEMBER,
  'packages/a/cli.js': '#!/usr/bin/env node\nconsole.log("a runs");\n',
};

interface Flavour {
  name: string;
  manager: { name: 'yarn1' | 'yarn4'; version: string };
  files: Files;
  /** Beside the registry's address. */
  env?: Record<string, string>;
  install: string[];
  lock: string[];
  /** What it says when there was nothing to do. */
  verdict: RegExp;
  cache: (machine: Machine) => string;
}

const inHome = ({ home }: Machine) => join(home, '.yarn/berry/cache');

const FLAVOURS: Flavour[] = [
  {
    name: 'yarn 1.22.22',
    manager: { name: 'yarn1', version: '1.22.22' },
    files: FILES,
    install: ['yarn', 'install', '--frozen-lockfile'],
    lock: ['yarn', 'install'],
    verdict: /Already up-to-date/,
    cache: ({ home }) => join(home, '.cache/yarn/v6'),
  },
  {
    name: 'yarn 4.18.1 with node_modules',
    manager: { name: 'yarn4', version: '4.18.1' },
    files: {
      ...FILES,
      '.yarnrc.yml': 'nodeLinker: node-modules\n',
      'yarn.lock': '',
      // A workspace's script runs with yarn 4 on a restored tree too.
      'packages/a/package.json': { ...MEMBER, scripts: { postinstall: 'echo built > built.txt' } },
    },
    install: ['yarn', 'install', '--immutable'],
    lock: ['yarn', 'install', '--no-immutable'],
    verdict: /YN0000: · Done/,
    cache: inHome,
  },
  {
    name: 'yarn 4.18.1 with PnP, the cache in the home folder',
    manager: { name: 'yarn4', version: '4.18.1' },
    files: { ...FILES, 'yarn.lock': '' },
    install: ['yarn', 'install', '--immutable'],
    lock: ['yarn', 'install', '--no-immutable'],
    verdict: /YN0000: · Done/,
    cache: inHome,
  },
  {
    name: 'yarn 4.18.1 with PnP, the cache in the project',
    manager: { name: 'yarn4', version: '4.18.1' },
    files: { ...FILES, '.yarnrc.yml': 'enableGlobalCache: false\n', 'yarn.lock': '' },
    install: ['yarn', 'install', '--immutable'],
    lock: ['yarn', 'install', '--no-immutable'],
    verdict: /YN0000: · Done/,
    cache: ({ folder }) => join(folder, '.yarn/cache'),
  },
];

async function setUp(t: Test, { manager, files, lock }: Flavour): Promise<ManagedProject> {
  const project = await managedProject(t, manager, FIXTURES);
  await project.lock(files, ...lock);
  return project;
}

for (const flavour of FLAVOURS) {
  const { name, install, verdict } = flavour;
  const isFour = flavour.manager.name === 'yarn4';

  test(`${name}: cold, then on another machine without a network`, async (t) => {
    if (!needManager(t, flavour.manager)) return;
    const { machine, registry } = await setUp(t, flavour);
    const cold = await machine('cold').cached(...install);
    t.match(cold, { status: 0, hit: 'none' }, cold.stdout + cold.stderr);
    t.ok(cold.requests.length > 0, 'the registry counts');

    await registry.close();
    const other = machine('other');
    const warm = await other.cached(...install);
    t.match(warm, { status: 0, hit: 'exact', skipped: false, warnings: [] }, warm.stdout + warm.stderr);
    t.match(warm.stdout, verdict, "yarn's own verdict");
    t.notMatch(warm.stdout, /YN0013|YN0019|Fetching packages|Linking dependencies/, 'nothing fetched');
    t.same(warm.requests, []);
    t.ok(existsSync(join(other.folder, 'generated.txt')), "the project's script ran");
    const built = await other.alone('yarn', 'run', 'build');
    t.match(built, { status: 0, stdout: /the tool runs/ }, built.stdout + built.stderr);
    if (isFour) {
      const again = await other.alone('yarn', 'install', '--immutable');
      t.equal(again.status, 0, again.stdout);
    } else {
      t.match(await other.alone('node_modules/.bin/acli'), { status: 0, stdout: /a runs/ });
      const checked = await other.alone('yarn', 'check', '--integrity');
      t.match(checked, { status: 0 }, checked.stdout + checked.stderr);
    }
    if (flavour.files === FLAVOURS[1]?.files)
      t.ok(existsSync(join(other.folder, 'packages/a/built.txt')), "a workspace's script ran");
  });

  test(`${name}: after a bump only what changed is asked for, and of the cache only what is named comes and goes`, async (t) => {
    if (!needManager(t, flavour.manager)) return;
    const needing = (more: Record<string, string>): Files => ({
      'package.json': { ...PACKAGE, dependencies: { ...PACKAGE.dependencies, ...more } },
    });
    const files = { ...flavour.files, ...needing({ moving: '1.0.0', leaving: '1.0.0' }) };
    const { machine, lock } = await setUp(t, { ...flavour, files });
    await machine('cold').cached(...install);
    await lock(needing({ moving: '1.1.0' }), ...flavour.lock);
    const one = machine('near');
    const near = await one.cached(...install);
    t.match(near, { status: 0, hit: 'near', warnings: [] }, near.stdout + near.stderr);
    t.match(near.reason, /moving 1\.0\.0 -> 1\.1\.0/);
    t.same(near.requests, ['/moving/-/moving-1.1.0.tgz']);
    const cached = contentsBelow(flavour.cache(one)).join('\n');
    for (const there of [/moving-(npm-)?1\.1\.0/, /right-(npm-)?1\.0\.0/]) t.match(cached, there);
    for (const gone of [/moving-(npm-)?1\.0\.0/, 'leaving']) t.notMatch(cached, gone);

    // What that machine has saved is the newest, and has nothing of what went.
    await lock(needing({ moving: '1.1.0', leaving: '1.0.0' }), ...flavour.lock);
    const back = await machine('back').cached(...install);
    t.match(back, { status: 0, hit: 'near', warnings: [] }, back.stdout + back.stderr);
    t.same(back.requests, ['/leaving/-/leaving-1.0.0.tgz']);
  });
}

for (const flavour of FLAVOURS.slice(0, 2)) {
  test(`${flavour.name}: what another project has put into the cache is not saved`, async (t) => {
    if (!needManager(t, flavour.manager)) return;
    const { install, lock: locking } = flavour;
    const foreign = { ...PACKAGE, dependencies: { 'not-ours': '1.0.0' } };
    const { machine, lock, data } = await setUp(t, {
      ...flavour,
      files: { ...flavour.files, 'package.json': foreign },
    });
    const other = machine('other');
    t.equal((await other.alone(...install)).status, 0);
    t.match(contentsBelow(flavour.cache(other)).join('\n'), 'not-ours');
    await lock({ 'package.json': PACKAGE }, ...locking);
    const ours = await machine('ours', {}, other).cached(...install);
    t.match(ours, { status: 0, hit: 'none', warnings: [] }, ours.stdout + ours.stderr);
    const stored = contentsBelow(data).join('\n');
    t.match(stored, 'right 1.0.0', 'what is stored can be found');
    t.notMatch(stored, 'not-ours');
  });
}

const [ONE, FOUR] = FLAVOURS as [Flavour, Flavour];

for (const flavour of [ONE, FOUR]) {
  test(`${flavour.name}: a tree that a script changed is not saved, and comes out right each time`, async (t) => {
    if (!needManager(t, flavour.manager)) return;
    const scripts = { postinstall: 'echo patched >> node_modules/right/index.js' };
    const patching = { ...flavour, files: { ...flavour.files, 'package.json': { ...PACKAGE, scripts } } };
    const { machine } = await setUp(t, patching);
    for (const name of ['one', 'two', 'three']) {
      const one = machine(name);
      const ran = await one.cached(...flavour.install);
      t.match(ran, { status: 0, hit: name === 'one' ? 'none' : 'near' }, ran.stderr);
      if (name !== 'one') t.same(ran.requests, [], 'the cache stands in');
      const patched = readFileSync(join(one.folder, 'node_modules/right/index.js'), 'utf8');
      t.equal(patched.split('patched').length, 2, 'one copy of the line');
      t.match(ran.stderr, /not saved: .* was changed after yarn had filled it/);
    }
  });
}

test('yarn 1: what it would not do on a restored tree keeps the tree from being cached', async (t) => {
  if (!needManager(t, ONE.manager)) return;
  const scripted = { ...PACKAGE, dependencies: { addon: '1.0.0' } };
  const { machine, lock } = await setUp(t, { ...ONE, files: { ...FILES, 'package.json': scripted } });
  const cold = await machine('cold').cached(...ONE.install);
  t.match(cold.stderr, /not saved: addon has the script postinstall/);
  const member = { ...MEMBER, scripts: { postinstall: 'echo built > built.txt' } };
  await lock({ 'package.json': PACKAGE, 'packages/a/package.json': member }, ...ONE.lock);
  for (const name of ['one', 'two']) {
    const one = machine(name);
    const ran = await one.cached(...ONE.install);
    t.match(ran, { status: 0, hit: 'near', reason: /packages\/a\/package.json has the script postinstall/ });
    t.ok(existsSync(join(one.folder, 'packages/a/built.txt')));
  }
});

test('yarn 1: a lockfile out of step is its own error, and production is another tree', async (t) => {
  if (!needManager(t, ONE.manager)) return;
  const { machine } = await setUp(t, ONE);
  await machine('cold').cached(...ONE.install);
  const production = machine('production');
  const narrow = await production.cached(...ONE.install, '--production');
  t.match(narrow, { status: 0, hit: 'near' }, narrow.stderr);
  t.notOk(existsSync(join(production.folder, 'node_modules/@own/tool')));
  const broken = { ...PACKAGE, dependencies: { extra: '1.0.0' } };
  const failed = await machine('broken', { 'package.json': broken }).cached(...ONE.install);
  t.match(failed.stdout + failed.stderr, /needs to be updated/);
  t.equal(failed.status, 1);
});
