/** `--verify-sample`: hits are judged by what the real install makes, and a wrong one is said, counted and gone. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { place, readReport } from './cachalot.ts';
import { startFixtureRegistry } from './fixture-registry.ts';

test('a hit that the install would make as well is right, another is wrong and its entry removed', async (t) => {
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
  t.match(wrong.report.warnings, [{ code: 'HIT_WRONG', message: /workspace:node_modules/ }], wrong.stderr);
  t.same(await verified(), { right: 1, wrong: 1 });
  t.not((await job('other')).report.hit, 'exact', 'its entry is gone');

  await registry.close();
  const cut = await job('other', '--verify-sample', '1');
  t.equal(cut.status, 0, cut.stderr);
  t.match(cut.stderr, /the hit was right|not verified/, 'without the registry the hit stands all the same');

  const bad = await set.cachalot(['run', '--verify-sample', '2', '--', 'true'], { env });
  t.equal(bad.status, 64);
});
