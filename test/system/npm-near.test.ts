/** A near hit of npm: what it has cached of the packages that did not change is there, and only the rest is asked for. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { need } from '../needs.ts';
import type { FixturePackage } from './fixture-registry.ts';
import { npmProject } from './npm-project.ts';
import { NPM_JUDGES, NPMS } from './npm-tools.ts';

const NAMES = ['one', 'two', '@scope/three', 'four'];
const PACKAGES: FixturePackage[] = NAMES.flatMap((name) => [
  { name, version: '1.0.0' },
  { name, version: '1.1.0' },
]);

const packageJson = (dependencies: Record<string, string>) => ({
  'package.json': { name: 'near', version: '1.0.0', private: true, dependencies },
});
const AS_IT_WAS = { one: '1.0.0', two: '1.0.0', '@scope/three': '1.0.0' };
const BUMPED = { ...AS_IT_WAS, two: '1.1.0' };

for (const version of NPM_JUDGES) {
  for (const form of ['with', 'without']) {
    test(`npm ${version}, a lockfile ${form} resolved: one changed package`, {
      timeout: 300_000,
    }, async (t) => {
      if (!need(t, 'npm')) return;
      const flags = form === 'with' ? [] : ['--omit-lockfile-registry-resolved'];
      const { cache, checkOut, install, registry, run } = await npmProject(
        t,
        version,
        PACKAGES.filter(({ version: published }) => published === '1.0.0'),
        packageJson(AS_IT_WAS),
        ...flags,
      );
      const cold = await install(await checkOut('cold'));
      t.match(cold, { status: 0, hit: 'none' }, cold.stderr);
      const answered = cold.requests.filter((path) => path.startsWith('/'));
      t.equal(answered.length, (form === 'with' ? 1 : 2) * Object.keys(AS_IT_WAS).length, 'but an audit');

      // Of what npm has cached of that package, its answer about versions is old now.
      await registry.publish([{ name: 'two', version: '1.1.0' }]);
      const near = await install(await checkOut('near', packageJson(BUMPED)));
      t.match(near, { status: 0, hit: 'near', skipped: false, warnings: [] }, near.stderr);
      t.match(near.reason, /two 1\.0\.0 -> 1\.1\.0/);
      const asked = [...(form === 'with' ? [] : ['/two']), '/two/-/two-1.1.0.tgz'];
      t.same(near.requests, asked, 'nothing else is asked for');
      const { packages } = JSON.parse(readFileSync(join(near.folder, 'package-lock.json'), 'utf8'));
      t.equal('resolved' in packages['node_modules/one'], form === 'with');
      t.match(await run(near.folder, 'npm', ['ls', '--all']), { status: 0, stdout: /two@1\.1\.0/ });
      const alone = await install(await checkOut('alone', packageJson(BUMPED)), { alone: true });
      const trees = [near, alone].map(({ folder }) => join(folder, 'node_modules'));
      t.match(await run(near.folder, 'diff', ['-r', ...trees]), { status: 0, stdout: '' });

      const warm = await install(await checkOut('warm', packageJson(BUMPED)));
      t.match(warm, { status: 0, hit: 'exact', skipped: true, requests: [] }, warm.stderr);
      t.same(filesIn(cache), [], 'a hit leaves the cache alone');
    });
  }
}

test('what is saved of the cache is what the lockfile names', { timeout: 300_000 }, async (t) => {
  if (!need(t, 'npm')) return;
  const { cache, checkOut, install } = await npmProject(t, NPMS[1], PACKAGES, packageJson(AS_IT_WAS));
  await install(await checkOut('cold'));
  const before = await install(await checkOut('near', packageJson({ ...AS_IT_WAS, four: '1.0.0' })));
  t.equal(before.hit, 'near');
  const other = await install(await checkOut('other', packageJson({ four: '1.0.0' })), {
    args: ['ci', '--no-fund', '--no-bin-links'],
  });
  t.match(other, { hit: 'near', requests: [] });
  const last = await install(await checkOut('last', packageJson({ four: '1.0.0', one: '1.1.0' })));
  t.match(last, { hit: 'near' });
  t.same(
    last.requests.map((path) => path.split('/-/')[0]),
    ['/one'],
  );
  t.equal(filesIn(join(cache, '_cacache', 'content-v2')).length, 2, 'nothing that an older lockfile named');
});

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}
