/** Projects in which a restored npm tree could be wrong, each judged by what npm itself would have left. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { need } from '../needs.ts';
import type { FixturePackage } from './fixture-registry.ts';
import { type Files, type NpmProject, npmProject } from './npm-project.ts';
import { NPM_JUDGES, NPMS, writeFiles } from './npm-tools.ts';

const PLAIN: FixturePackage = { name: 'plain', version: '1.0.0', files: { 'index.js': 'one\n' } };

/** An npm project with one package, `plain`, and what is said here. */
async function plainProject(
  t: Test,
  fields: object,
  files: Files = {},
  version: string = NPMS[1],
): Promise<NpmProject> {
  const packageJson = {
    name: 'trap',
    version: '1.0.0',
    private: true,
    dependencies: { plain: '1.0.0' },
    ...fields,
  };
  return npmProject(t, version, [PLAIN], { 'package.json': packageJson, ...files });
}

const APPEND = `node -e "require('fs').appendFileSync('node_modules/plain/index.js', 'patched\\n')"`;

for (const version of NPM_JUDGES) {
  test(`npm ${version}: a script that adds lines to a package adds them once`, async (t) => {
    if (!need(t, 'npm')) return;
    const { checkOut, install } = await plainProject(t, { scripts: { postinstall: APPEND } }, {}, version);
    const hits: string[] = [];
    for (let n = 0; n < 4; n++) {
      const { hit, status, folder, stderr } = await install(await checkOut(`checkout-${n}`));
      hits.push(hit);
      t.equal(status, 0, stderr);
      t.equal(readFileSync(join(folder, 'node_modules/plain/index.js'), 'utf8'), 'one\npatched\n');
    }
    t.same(hits, ['none', 'exact', 'exact', 'exact']);
  });

  test(`npm ${version}: a script that fails ends the command with its status`, async (t) => {
    if (!need(t, 'npm')) return;
    const scripts = { postinstall: 'test -z "$WANTED" || exit $WANTED', prepare: 'echo prepared > prepared' };
    const { checkOut, install } = await plainProject(t, { scripts }, {}, version);
    await install(await checkOut('cold'));
    const env = { WANTED: '7' };
    const alone = await install(await checkOut('alone'), { alone: true, env });
    const warm = await install(await checkOut('warm'), { env });
    t.match(warm, { hit: 'exact', skipped: true, status: alone.status });
    t.equal(warm.status, 7);
    t.notOk(existsSync(join(warm.folder, 'prepared')), 'what comes after it does not run');
    const failed = await install(await checkOut('failed', { 'package.json': other(scripts) }), { env });
    t.match(failed, { hit: 'near', status: 7 });
    t.match(await install(await checkOut('again', { 'package.json': other(scripts) })), { hit: 'near' });
  });
}

const other = (scripts: object) => ({
  name: 'trap',
  version: '1.0.0',
  private: true,
  dependencies: { plain: '^1.0.0' },
  scripts,
});

test('a tree that a workspace’s script changed is not saved, and says why', async (t) => {
  if (!need(t, 'npm')) return;
  const generate = `node -e "require('fs').writeFileSync('../../node_modules/generated', 'x')"`;
  const { checkOut, install } = await plainProject(
    t,
    { workspaces: ['packages/*'] },
    { 'packages/a/package.json': { name: 'a', version: '1.0.0', scripts: { postinstall: generate } } },
  );
  const cold = await install(await checkOut('cold'));
  t.match(cold, { status: 0, hit: 'none' });
  t.match(cold.stderr, /not saved: scripts of packages\/a changed node_modules\/generated/);
  t.match(
    await install(await checkOut('next')),
    { hit: 'near', skipped: false },
    'its packages are there all the same',
  );
});

test('a workspace’s script that leaves the tree alone runs after each hit', async (t) => {
  if (!need(t, 'npm')) return;
  const build = { prepare: `node -e "require('fs').writeFileSync('built.js', 'x')"` };
  const { checkOut, install } = await plainProject(
    t,
    { workspaces: ['packages/*'] },
    { 'packages/a/package.json': { name: 'a', version: '1.0.0', scripts: build, bin: 'built.js' } },
  );
  const cold = await install(await checkOut('cold'));
  const warm = await install(await checkOut('warm'));
  t.match(warm, { status: 0, hit: 'exact', skipped: true });
  const modes = [cold, warm].map(({ folder }) => statSync(join(folder, 'packages/a/built.js')).mode & 0o777);
  t.equal(modes[0], modes[1], 'a bin that a script built is executable');
  t.equal(0o100, (modes[0] ?? 0) & 0o100);
  t.ok(existsSync(join(warm.folder, 'node_modules/.bin/a')), 'npm linked its bin after the script');
});

test('prepare without .git does not fail a hit', async (t) => {
  if (!need(t, 'npm', 'git')) return;
  const hooks = 'git rev-parse --git-dir >/dev/null 2>&1 && echo hooks > hooks || echo no .git';
  const { checkOut, install } = await plainProject(t, { scripts: { prepare: hooks } });
  const cloned = await checkOut('cloned');
  execFileSync('git', ['init', '-q'], { cwd: cloned });
  t.match(await install(cloned), { status: 0, hit: 'none' });
  t.ok(existsSync(join(cloned, 'hooks')));
  const exported = await install(await checkOut('exported'));
  t.match(exported, { status: 0, hit: 'exact', skipped: true });
  t.notOk(existsSync(join(exported.folder, 'hooks')));
});

test('a script shell of the user’s runs scripts, also those that a script starts; ours is not to be seen', async (t) => {
  if (!need(t, 'npm', 'bash')) return;
  const shown = 'echo "$BASH $npm_config_script_shell" >> shells';
  const scripts = { postinstall: `${shown} && npm run -s inner`, inner: shown };
  for (const shell of ['', 'script-shell=/bin/bash\n']) {
    await t.test(shell === '' ? 'none' : 'bash', async (t) => {
      const { checkOut, install } = await plainProject(t, { scripts }, { '.npmrc': shell });
      const shells: string[] = [];
      for (const name of ['alone', 'cold', 'warm']) {
        const { folder, status, stderr } = await install(await checkOut(name), { alone: name === 'alone' });
        t.equal(status, 0, stderr);
        shells.push(readFileSync(join(folder, 'shells'), 'utf8'));
      }
      t.match(shells[0], shell === '' ? /^/ : /^\/bin\/bash \/bin\/bash\n\/bin\/bash \/bin\/bash\n$/);
      t.same(shells, [shells[0], shells[0], shells[0]]);
    });
  }
  const { checkOut, install } = await plainProject(t, { scripts });
  const told = await install(await checkOut('told'), { args: ['ci', '--script-shell=/bin/bash'] });
  t.match(told, { status: 0, hit: 'none', reason: /script shell/ });
});

test('npm install is as good as npm ci, but not over a tree that was there', async (t) => {
  if (!need(t, 'npm')) return;
  const { checkOut, install } = await plainProject(t, { scripts: { postinstall: 'echo x >> ran' } });
  const folder = await checkOut('cold');
  const first = await install(folder, { args: ['install'] });
  t.match(first, { status: 0, hit: 'none' });
  t.match(first.stderr, /: saved /);
  t.match(await install(await checkOut('warm')), { hit: 'exact', skipped: true });

  const changed = await plainProject(t, { scripts: { postinstall: 'echo x >> ran' } });
  const standing = await changed.checkOut('standing');
  await changed.install(standing, { alone: true });
  const over = await changed.install(standing, { args: ['install'] });
  t.match(over.stderr, /not saved: node_modules was there before it/);
});

test('an npm install that writes the lockfile is saved under what it wrote', async (t) => {
  if (!need(t, 'npm')) return;
  const scripts = { postinstall: APPEND };
  const { checkOut, install } = await plainProject(t, { scripts });
  const folder = await checkOut('changing');
  writeFiles(folder, { 'package.json': other(scripts) });
  const wrote = await install(folder, { args: ['install'] });
  t.match(wrote.stderr, /npm trap: saved /);
  const next = await checkOut('next');
  for (const file of ['package.json', 'package-lock.json'])
    writeFiles(next, { [file]: readFileSync(join(folder, file), 'utf8') });
  const warm = await install(next);
  t.match(warm, { status: 0, hit: 'exact', skipped: true });
  t.equal(readFileSync(join(warm.folder, 'node_modules/plain/index.js'), 'utf8'), 'one\npatched\n');
});

test('--ignore-scripts runs none, and is an entry of its own', async (t) => {
  if (!need(t, 'npm')) return;
  const { checkOut, install } = await plainProject(t, { scripts: { postinstall: 'echo x >> ran' } });
  await install(await checkOut('with'));
  const args = ['ci', '--ignore-scripts'];
  t.match(await install(await checkOut('cold'), { args }), { hit: 'near' });
  const warm = await install(await checkOut('warm'), { args });
  t.match(warm, { hit: 'exact', skipped: true });
  t.notOk(existsSync(join(warm.folder, 'ran')));
});

test('what Cypress and Puppeteer keep outside of the project comes back too', async (t) => {
  if (!need(t, 'npm')) return;
  const fetches = (path: string) => ({
    scripts: {
      postinstall: `node -e "const p=process.env.HOME+'/.cache/${path}';require('fs').mkdirSync(p,{recursive:true});require('fs').writeFileSync(p+'/program','x')"`,
    },
  });
  const { checkOut, install, home } = await npmProject(
    t,
    NPMS[1],
    [
      { name: 'cypress', version: '13.0.0', fields: fetches('Cypress/13.0.0') },
      { name: 'puppeteer', version: '23.0.0', fields: fetches('puppeteer/chrome/linux-1') },
    ],
    {
      'package.json': {
        name: 'browsers',
        version: '1.0.0',
        dependencies: { cypress: '13.0.0', puppeteer: '23.0.0' },
      },
    },
  );
  await install(await checkOut('cold'));
  const programs = ['.cache/Cypress/13.0.0/program', '.cache/puppeteer/chrome/linux-1/program'];
  t.same(
    programs.map((path) => existsSync(join(home, path))),
    [true, true],
  );
  rmSync(join(home, '.cache'), { recursive: true });
  mkdirSync(join(home, '.cache/puppeteer/own'), { recursive: true });
  const warm = await install(await checkOut('warm'));
  t.match(warm, { status: 0, hit: 'exact', skipped: true, requests: [] }, warm.stderr);
  t.same(
    programs.map((path) => existsSync(join(home, path))),
    [true, true],
  );
  t.ok(existsSync(join(home, '.cache/puppeteer/own')), 'what was there stays');
});

for (const version of NPM_JUDGES) {
  test(`npm ${version}: a package whose install script nobody knows is built again after a hit`, async (t) => {
    if (!need(t, 'npm')) return;
    const { checkOut, install } = await npmProject(
      t,
      version,
      [
        {
          name: 'addon',
          version: '1.0.0',
          fields: {
            scripts: { install: `node -e "require('fs').writeFileSync('built', process.env.INIT_CWD)"` },
          },
        },
      ],
      { 'package.json': { name: 'built', version: '1.0.0', dependencies: { addon: '1.0.0' } } },
    );
    const built = (folder: string) => {
      const path = join(folder, 'node_modules/addon/built');
      return existsSync(path) ? readFileSync(path, 'utf8').replace(folder, '<project>') : undefined;
    };
    const alone = await install(await checkOut('alone'), { alone: true });
    await install(await checkOut('cold'));
    const warm = await install(await checkOut('warm'));
    t.match(warm, { status: 0, hit: 'exact', skipped: true, requests: [] });
    // npm 12 runs no script that the project has not allowed, neither then nor now.
    t.equal(built(alone.folder), version.startsWith('12.') ? undefined : '<project>');
    t.equal(built(warm.folder), built(alone.folder));
  });
}

test('bundled, nested and local packages, and one from git, come back as npm left them', async (t) => {
  if (!need(t, 'npm', 'git')) return;
  const folder = t.testdir({ repository: { 'package.json': '{"name":"from-git","version":"1.0.0"}' } });
  const repository = join(folder, 'repository');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@x.invalid', ...args], { cwd: repository });
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'one');
  const inner = JSON.stringify({ name: 'inner', version: '9.0.0' });
  const { checkOut, install, run } = await npmProject(
    t,
    NPMS[1],
    [
      PLAIN,
      { ...PLAIN, version: '2.0.0' },
      { name: 'outer', version: '1.0.0', fields: { dependencies: { plain: '2.0.0' } } },
      {
        name: 'bundling',
        version: '1.0.0',
        fields: { dependencies: { inner: '9.0.0' }, bundleDependencies: ['inner'] },
        files: { 'node_modules/inner/package.json': inner },
      },
    ],
    {
      'package.json': {
        name: 'layout',
        version: '1.0.0',
        dependencies: {
          plain: '1.0.0',
          outer: '1.0.0',
          bundling: '1.0.0',
          local: 'file:local',
          'from-git': `git+file://${repository}`,
        },
      },
      'local/package.json': { name: 'local', version: '1.0.0', bin: 'run.js' },
      'local/run.js': '#!/usr/bin/env node\n',
    },
  );
  const alone = await install(await checkOut('alone'), { alone: true });
  t.equal(alone.status, 0, alone.stderr);
  const cold = await install(await checkOut('cold'));
  t.match(cold.stderr, /: saved /);
  const warm = await install(await checkOut('warm'));
  t.match(warm, { status: 0, hit: 'exact', skipped: true, requests: [] });
  const trees = [alone, warm].map((one) => join(one.folder, 'node_modules'));
  t.match(await run(warm.folder, 'diff', ['-r', '--no-dereference', ...trees]), { status: 0, stdout: '' });
  t.match(await run(warm.folder, 'npm', ['ls', '--all']), {
    status: 0,
    stdout: /inner@9\.0\.0[\s\S]*plain@2\.0\.0/,
  });
  t.match(await run(warm.folder, join(warm.folder, 'node_modules/.bin/local'), []), { status: 0 });
  const lockfile = () => readFileSync(join(warm.folder, 'package-lock.json'), 'utf8');
  const before = lockfile();
  const finished = await run(warm.folder, 'npm', ['install', '--offline', '--no-audit', '--no-fund']);
  t.match(finished, { status: 0, stdout: /up to date/ });
  t.equal(lockfile(), before);
});

test('a lockfile out of step with package.json stays npm’s own error', async (t) => {
  if (!need(t, 'npm')) return;
  const { checkOut, install, registry } = await plainProject(t, {});
  await install(await checkOut('cold'));
  await registry.publish([{ ...PLAIN, version: '2.0.0' }]);
  const folder = await checkOut('broken');
  writeFiles(folder, {
    'package.json': { name: 'trap', version: '1.0.0', private: true, dependencies: { plain: '2.0.0' } },
  });
  const broken = await install(folder);
  t.match(broken, { status: 1, skipped: false });
  t.match(broken.stderr, /EUSAGE/);
});
