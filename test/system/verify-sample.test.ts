/** `--verify-sample`: hits are judged by what the real command makes, and a wrong one is said, counted and gone. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'tap';
import { place, readReport } from './cachalot.ts';
import { startFixtureRegistry } from './fixture-registry.ts';
import { FIXTURES, type Files, type Machine, managedProject, needManager } from './managers.ts';
import { setUpBuilds } from './maven-build.ts';
import { SHOP } from './maven-lifecycle.ts';
import { centralUrl, mavenHome, needMaven } from './maven-tools.ts';

test('npm: a hit that the install would make as well is right, another is wrong and its entry removed', async (t) => {
  const set = place(t);
  await set.serve();
  // What its script writes depends on a variable that no key knows of.
  const script = "require('node:fs').writeFileSync('made', process.env.FLAVOUR ?? '')";
  const registry = await startFixtureRegistry([
    {
      name: 'maker',
      version: '1.0.0',
      fields: { scripts: { install: 'node make.js' } },
      files: { 'make.js': script },
    },
  ]);
  t.teardown(() => registry.close());
  const checkout = join(set.folder, 'checkout');
  mkdirSync(join(checkout, 'src'), { recursive: true });
  const fields = {
    name: 'shop',
    version: '1.0.0',
    dependencies: { maker: '1.0.0' },
    allowScripts: { maker: true },
  };
  writeFileSync(join(checkout, 'package.json'), JSON.stringify(fields));
  const env = {
    HOME: join(set.folder, 'home'),
    npm_config_registry: registry.url,
    npm_config_cache: join(set.folder, 'npm-cache'),
    npm_config_update_notifier: 'false',
  };
  const locked = await set.run('npm', ['install', '--package-lock-only', '--no-audit'], {
    folder: checkout,
    env,
  });
  t.equal(locked.status, 0, locked.stderr);
  let jobs = 0;
  const job = async (flavour: string, ...flags: string[]) => {
    const folder = join(set.folder, `job-${jobs++}`);
    cpSync(checkout, folder, { recursive: true });
    const report = `${folder}.json`;
    const command = ['run', ...flags, '--report', report, '--', 'npm', 'ci', '--no-audit'];
    const done = await set.cachalot(command, { folder, env: { ...env, FLAVOUR: flavour } });
    return { ...done, report: readReport(report, done) };
  };
  const verified = async () => JSON.parse((await set.cachalot(['stats', '--json'], { env })).stdout).verified;

  t.equal((await job('plain')).report.hit, 'none');
  const unlooked = await job('plain');
  t.equal(unlooked.report.hit, 'exact', unlooked.stderr);
  t.notMatch(unlooked.stderr, /verified/);
  t.same(await verified(), { right: 0, wrong: 0 });

  const right = await job('plain', '--verify-sample', '1');
  t.equal(right.status, 0, right.stderr);
  t.match(right.stderr, /the hit was right/);
  t.same(await verified(), { right: 1, wrong: 0 });

  const wrong = await job('other', '--verify-sample', '100%');
  t.equal(wrong.status, 0, 'a fault of the cache fails no build');
  t.match(
    wrong.report.warnings,
    [{ code: 'HIT_WRONG', message: /workspace:node_modules\/maker\/made is not/ }],
    wrong.stderr,
  );
  t.same(await verified(), { right: 1, wrong: 1 });
  t.not((await job('other')).report.hit, 'exact', 'its entry is gone');

  await registry.close();
  const cut = await job('other', '--verify-sample', '1');
  t.equal(cut.status, 0, cut.stderr);
  t.match(cut.stderr, /the hit was right|not verified/, 'without the registry the hit stands all the same');

  const bad = await set.cachalot(['run', '--verify-sample', '2', '--', 'true'], { env });
  t.equal(bad.status, 64);
});

const PACKAGE = {
  name: 'web',
  version: '1.0.0',
  private: true,
  workspaces: ['packages/*'],
  dependencies: { right: '1.0.0' },
  devDependencies: { '@own/tool': '1.0.0' },
};

const FILES: Files = {
  'package.json': PACKAGE,
  'packages/a/package.json': { name: 'a', version: '1.0.0', dependencies: { left: '1.1.0' } },
};

interface Flavour {
  name: string;
  manager: Parameters<typeof needManager>[1];
  files: Files;
  lock: string[];
  install: string[];
  /** A file that the manager put into the tree. */
  file: string;
}

const ALL: Flavour[] = [
  ...(['10.34.9', '11.28.11'] as const).map(
    (version): Flavour => ({
      name: `pnpm ${version}`,
      manager: { name: 'pnpm', version },
      files: {
        ...FILES,
        'pnpm-workspace.yaml': 'packages:\n  - packages/*\n',
        // A script that changes the tree does not make a hit wrong.
        'package.json': {
          ...PACKAGE,
          scripts: { postinstall: '[ -n "$QUIET" ] || echo more >> node_modules/right/index.js' },
        },
      },
      lock: ['pnpm', 'install', '--lockfile-only', '--no-frozen-lockfile'],
      install: ['pnpm', 'install', '--package-import-method=copy'],
      file: 'node_modules/.pnpm/left@1.0.0/node_modules/left/index.js',
    }),
  ),
  {
    name: 'yarn 1.22.22',
    manager: { name: 'yarn1', version: '1.22.22' },
    files: FILES,
    lock: ['yarn', 'install'],
    install: ['yarn', 'install', '--frozen-lockfile'],
    file: 'node_modules/right/index.js',
  },
  ...[
    ['node_modules', 'nodeLinker: node-modules\n', 'node_modules/right/index.js'] as const,
    ['PnP, the cache in the project', 'enableGlobalCache: false\n', '.pnp.cjs'] as const,
  ].map(
    ([what, settings, file]): Flavour => ({
      name: `yarn 4.18.1 with ${what}`,
      manager: { name: 'yarn4', version: '4.18.1' },
      files: { ...FILES, '.yarnrc.yml': settings, 'yarn.lock': '' },
      lock: ['yarn', 'install', '--no-immutable'],
      install: ['yarn', 'install', '--immutable'],
      file,
    }),
  ),
];

// In each test run those two that are least alike.
const ALL_JUDGES = process.env.CACHALOT_TEST_JUDGES === 'all';
const FLAVOURS = ALL_JUDGES ? ALL : ALL.filter(({ name }) => /^pnpm 11|^yarn 1/.test(name));

for (const { name, manager, files, lock, install, file } of FLAVOURS) {
  test(`${name}: a tree that the manager takes for up to date is found to be wrong, and a right one right`, async (t) => {
    if (!needManager(t, manager)) return;
    const project = await managedProject(t, manager, FIXTURES);
    await project.lock(files, ...lock);
    let jobs = 0;
    const job = async (command: string[], ...flags: string[]) => {
      const one: Machine = project.machine(`job-${jobs++}`);
      const report = `${one.folder}.json`;
      const kind = ['--kind', manager.name.slice(0, 'yarn'.length)];
      const done = await one.cachalot('run', ...kind, ...flags, '--report', report, '--', ...command);
      return { ...done, ...readReport(report, done) };
    };
    const verified = async () =>
      JSON.parse((await project.machine('figures').cachalot('stats', '--json')).stdout).verified;
    // An install after which somebody changed a file, so that neither the key nor any record of the manager tells.
    const spoilt = `QUIET=1 ${install.join(' ')} && echo '// changed' >> ${file} && touch -d 2001-01-01 ${file}`;
    const saved = await job(['sh', '-c', spoilt]);
    t.match(saved, { status: 0, hit: 'none', stderr: / web: saved \d+ files/ }, saved.stdout + saved.stderr);

    const wrong = await job(install, '--verify-sample', '1');
    t.match(
      wrong,
      {
        status: 0,
        hit: 'exact',
        warnings: [{ code: 'HIT_WRONG', message: `workspace:${file} is not` }],
      },
      wrong.stdout + wrong.stderr,
    );
    t.same(await verified(), { right: 0, wrong: 1 });

    const again = await job(install);
    t.not(again.hit, 'exact', 'the wrong entry is gone');
    const right = await job(install, '--verify-sample', '1');
    t.match(
      right,
      { status: 0, hit: 'exact', warnings: [], stderr: /the hit was right/ },
      right.stdout + right.stderr,
    );
    t.same(await verified(), { right: 1, wrong: 1 });
  });
}

// Half a minute of builds.
if (ALL_JUDGES)
  test('maven-target: a class that its source does not make is found, and right ones are right', {
    timeout: 400_000,
  }, async (t) => {
    if (!(await needMaven(t, 'system'))) return;
    const { build, place: here } = await setUpBuilds(t, 'system', await centralUrl());
    // Maven as it is, but that a class is another one when it is done: what no key can tell.
    const home = await mavenHome('system');
    const spoiling = join(here.folder, 'maven');
    mkdirSync(join(spoiling, 'bin'), { recursive: true });
    for (const part of ['lib', 'boot', 'conf']) symlinkSync(join(home, part), join(spoiling, part));
    const spoil = 'for class in core/target/classes/me/core/*.class; do printf x >> "$class"; done';
    writeFileSync(
      join(spoiling, 'bin/mvn'),
      `#!/bin/sh\n'${home}/bin/mvn' "$@" || exit\n[ -z "$SPOIL" ] || ${spoil}\n`,
      { mode: 0o755 },
    );
    const env = { PATH: [join(spoiling, 'bin'), here.env.PATH].join(delimiter) };
    const job = async (spoils: boolean, ...flags: string[]) => {
      const done = await build(SHOP, {
        flags: ['--kind', 'maven-target', ...flags],
        words: ['compile'],
        env: { ...env, ...(spoils ? { SPOIL: '1' } : {}) },
      });
      const { verified } = JSON.parse((await here.cachalot(['stats', '--json'])).stdout);
      return { ...done, verified };
    };
    t.match(await job(true), { status: 0 });
    const wrong = await job(false, '--verify-sample', '1');
    t.match(
      wrong,
      {
        status: 0,
        warnings: [{ code: 'HIT_WRONG', message: 'workspace:core/target/classes/me/core/Name.class is not' }],
        verified: { right: 0, wrong: 1 },
      },
      wrong.output,
    );
    t.notMatch((await job(false)).output, /maven-target me:shop: hit/, 'the wrong entry is gone');
    const right = await job(false, '--verify-sample', '1');
    t.match(right, { status: 0, warnings: [], verified: { right: 1, wrong: 1 } }, right.output);
  });
