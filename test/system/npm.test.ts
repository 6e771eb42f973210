/** The main job on a real npm project with real packages: cold, warm, bumped, judged by npm itself. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { need } from '../needs.ts';
import { type Place, place, type Report, readReport } from './cachalot.ts';
import { startCountingProxy } from './counting-proxy.ts';
import { writeFiles } from './npm-tools.ts';

const PACKAGE = {
  name: 'main-job',
  version: '1.0.0',
  private: true,
  dependencies: { semver: '7.6.0', 'is-number': '7.0.0', glob: '10.4.5' },
  devDependencies: { esbuild: '0.25.0' },
};

interface Npm {
  place: Place;
  /** A clean checkout, and nothing in npm's cache. */
  checkOut(name: string, packageJson?: object, files?: Record<string, string>): Promise<string>;
  /** `cachalot run -- npm ci`, and what it wrote and asked for. */
  install(
    folder: string,
    ...flags: string[]
  ): Promise<Report & { status: number | null; stderr: string; requests: number }>;
}

async function setUp(t: Test): Promise<Npm> {
  const here = place(t);
  await here.serve();
  const proxy = await startCountingProxy();
  t.teardown(() => proxy.close());
  const locked = join(here.folder, 'locked');
  mkdirSync(locked);
  const proxied = {
    HTTP_PROXY: proxy.url,
    HTTPS_PROXY: proxy.url,
    NO_PROXY: '127.0.0.1',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  };
  return {
    place: here,
    async checkOut(name, packageJson = PACKAGE, files = {}) {
      const folder = join(here.folder, name);
      writeFiles(folder, { 'package.json': packageJson, ...files });
      if (existsSync(join(locked, 'package-lock.json')))
        cpSync(join(locked, 'package-lock.json'), join(folder, 'package-lock.json'));
      const { status, stderr } = await here.run(
        'npm',
        ['install', '--package-lock-only', '--ignore-scripts'],
        { folder, env: proxied },
      );
      if (status !== 0) throw new Error(`npm wrote no lockfile: ${stderr}`);
      cpSync(join(folder, 'package-lock.json'), join(locked, 'package-lock.json'));
      return folder;
    },
    async install(folder, ...flags) {
      const cache = join(here.folder, 'npm-cache');
      rmSync(cache, { recursive: true, force: true });
      proxy.taken();
      const report = join(here.folder, 'report.json');
      const { status, stderr } = await here.cachalot(
        ['run', '--report', report, '--', 'npm', 'ci', ...flags],
        { folder, env: { ...proxied, npm_config_cache: cache } },
      );
      return { ...readReport(report, { stderr }), status, stderr, requests: proxy.taken() };
    },
  };
}

test('an npm project: cold, warm, bumped', { timeout: 300_000 }, async (t) => {
  if (!need(t, 'npm')) return;
  const { place: here, checkOut, install } = await setUp(t);

  const first = await checkOut('first');
  const cold = await install(first);
  t.equal(cold.status, 0, cold.stderr);
  t.match(cold, { hit: 'none', skipped: false });
  t.ok(cold.requests > 0, 'the proxy counts what npm asks for');

  const second = await checkOut('second');
  const warm = await install(second);
  t.equal(warm.status, 0, warm.stderr);
  t.match(warm, { hit: 'exact', skipped: true });
  t.equal(warm.requests, 0, 'a hit asks no registry for anything');
  const { stdout: difference, status: different } = await here.run('diff', [
    '-r',
    '--no-dereference',
    join(first, 'node_modules'),
    join(second, 'node_modules'),
  ]);
  t.equal(different, 0, difference);
  const listed = await here.run('npm', ['ls', '--all'], { folder: second });
  t.equal(listed.status, 0, listed.stderr);
  const lockfile = readFileSync(join(second, 'package-lock.json'), 'utf8');
  const again = await here.run('npm', ['install', '--offline', '--no-audit', '--no-fund'], {
    folder: second,
  });
  t.match(again.stdout, /up to date/, "npm's own verdict");
  t.equal(readFileSync(join(second, 'package-lock.json'), 'utf8'), lockfile);
  t.match((await here.run(join(second, 'node_modules/.bin/esbuild'), ['--version'])).stdout, '0.25.0');

  const bumped = await checkOut('bumped', {
    ...PACKAGE,
    dependencies: { ...PACKAGE.dependencies, semver: '7.6.1' },
  });
  const why = await here.cachalot(['why', '--', 'npm', 'ci'], { folder: bumped });
  t.match(why.stdout, /node_modules\/semver: 7\.6\.0\b.* -> 7\.6\.1\b/, 'the miss has a reason');
  const missed = await install(bumped);
  t.match(missed, { status: 0, hit: 'near', skipped: false, reason: /semver 7\.6\.0 -> 7\.6\.1/ });
  t.ok(missed.requests < cold.requests, 'only what changed is asked for');
  t.ok(missed.bytes.up < cold.bytes.up / 2, 'what was there is not sent again');
});

test('a tree that npm would not have made is never restored', { timeout: 300_000 }, async (t) => {
  if (!need(t, 'npm')) return;
  const { checkOut, install } = await setUp(t);
  await install(await checkOut('first'));
  const production = await install(await checkOut('production'), '--omit=dev');
  t.match(
    production,
    { status: 0, hit: 'near', skipped: false, requests: 0 },
    'the packages are there, the tree is not',
  );

  const broken = await checkOut('broken');
  const path = join(broken, 'package.json');
  writeFileSync(
    path,
    JSON.stringify({ ...PACKAGE, dependencies: { ...PACKAGE.dependencies, semver: '7.5.0' } }),
  );
  const failed = await install(broken);
  t.equal(failed.status, 1, 'npm ci refuses a lockfile that is out of step, and so do we');
  t.match(failed, { hit: 'near', skipped: false });
});

/** Only adds a line: applied to a tree that has it, it would add it again. */
const PATCH = `diff --git a/node_modules/is-number/index.js b/node_modules/is-number/index.js
--- a/node_modules/is-number/index.js
+++ b/node_modules/is-number/index.js
@@ -7,2 +7,3 @@
 
 'use strict';
+// patched
`;

test('husky and patch-package, as projects have them', { timeout: 300_000 }, async (t) => {
  if (!need(t, 'npm', 'git')) return;
  const { place: here, checkOut, install } = await setUp(t);
  const packageJson = {
    name: 'hooks',
    version: '1.0.0',
    private: true,
    scripts: { postinstall: 'patch-package', prepare: 'husky' },
    dependencies: { 'is-number': '7.0.0' },
    devDependencies: { husky: '9.1.6', 'patch-package': '8.0.0' },
  };
  const files = { 'patches/is-number+7.0.0.patch': PATCH };
  for (const [n, hit] of ['none', 'exact', 'exact', 'exact'].entries()) {
    const folder = await checkOut(`checkout-${n}`, packageJson, files);
    // The last one is an export without a repository: husky says so, and that is all.
    if (n < 3) await here.run('git', ['init', '-q'], { folder });
    const outcome = await install(folder);
    t.match(outcome, { status: 0, hit, skipped: hit === 'exact', warnings: [] }, outcome.stderr);
    if (hit === 'exact') t.equal(outcome.requests, 0);
    const patched = readFileSync(join(folder, 'node_modules/is-number/index.js'), 'utf8');
    t.equal(patched.split('// patched').length - 1, 1, 'one copy');
    const { stdout } = await here.run('git', ['config', 'core.hooksPath'], { folder });
    t.equal(stdout, n < 3 ? '.husky/_\n' : '');
  }
});
