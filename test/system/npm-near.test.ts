/** A near hit of npm: what it has cached of the packages that did not change is there, and only the rest is asked for. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { need } from '../needs.ts';
import type { FixturePackage } from './fixture-registry.ts';
import { npmProject } from './npm-project.ts';
import { NPM_JUDGES, NPMS } from './npm-tools.ts';
import { contentsBelow, filesBelow } from './stored-contents.ts';

const NAMES = ['one', 'two', '@scope/three', 'four'];
const PACKAGES: FixturePackage[] = NAMES.flatMap((name) => [
  { name, version: '1.0.0' },
  { name, version: '1.1.0' },
]);

const packageJson = (dependencies: Record<string, string>) => ({
  'package.json': { name: 'near', version: '1.0.0', private: true, dependencies },
});
const AS_IT_WAS = { one: '1.0.0', two: '1.0.0', '@scope/three': '1.0.0' };
/** One has changed, one has gone. */
const BUMPED = { one: '1.0.0', two: '1.1.0' };

for (const version of NPM_JUDGES) {
  for (const form of ['with', 'without']) {
    test(`npm ${version}, a lockfile ${form} resolved: one changed package, one that is gone`, {
      timeout: 300_000,
    }, async (t) => {
      if (!need(t, 'npm')) return;
      const flags = form === 'with' ? [] : ['--omit-lockfile-registry-resolved'];
      const { cache, cachalot, checkOut, install, registry, run } = await npmProject(
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
      const bumped = await checkOut('near', packageJson(BUMPED));
      const why = await cachalot(bumped, 'why', '--', 'npm', 'ci', '--no-fund');
      t.match(why.stdout, /near hit .* would be restored before the command runs \(npm-contents: /);
      const near = await install(bumped);
      t.match(near, { status: 0, hit: 'near', skipped: false, warnings: [] }, near.stderr);
      t.match(near.reason, /two 1\.0\.0 -> 1\.1\.0/);
      const { packages } = JSON.parse(readFileSync(join(near.folder, 'package-lock.json'), 'utf8'));
      const asked = [...(form === 'with' ? [] : ['/two']), '/two/-/two-1.1.0.tgz'];
      t.same(near.requests, asked, 'nothing else is asked for');
      t.equal('resolved' in packages['node_modules/one'], form === 'with');
      // Of the packages that are named now the contents, and of answers about versions where they are asked for.
      const contents = filesBelow(join(cache, '_cacache/content-v2'));
      const tarballs = ['one', 'two'].map((name) => contentOf(integrityIn(near.folder, name)));
      for (const path of tarballs) t.ok(contents.includes(path), path);
      t.equal(contents.length, (form === 'with' ? 1 : 2) * tarballs.length, 'and nothing else came');
      t.notMatch(contentsBelow(join(cache, '_cacache/index-v5')).join('\n'), /three/);
      t.match(await run(near.folder, 'npm', ['ls', '--all']), { status: 0, stdout: /two@1\.1\.0/ });
      const alone = await install(await checkOut('alone', packageJson(BUMPED)), { alone: true });
      const trees = [near, alone].map(({ folder }) => join(folder, 'node_modules'));
      t.match(await run(near.folder, 'diff', ['-r', ...trees]), { status: 0, stdout: '' });

      const warm = await install(await checkOut('warm', packageJson(BUMPED)));
      t.match(warm, { status: 0, hit: 'exact', skipped: true, requests: [] }, warm.stderr);
      t.same(filesBelow(cache), [], 'a hit leaves the cache alone');

      // The newest entry holds what that lockfile names, and so not what has gone.
      const back = await install(await checkOut('back', packageJson({ ...BUMPED, '@scope/three': '1.0.0' })));
      t.match(back, { status: 0, hit: 'near', warnings: [] }, back.stderr);
      const again = [...(form === 'with' ? [] : ['/@scope/three']), '/@scope/three/-/three-1.0.0.tgz'];
      t.same(back.requests, again);
    });
  }
}

test('what another project has put into a kept cache is not saved', { timeout: 300_000 }, async (t) => {
  if (!need(t, 'npm')) return;
  for (const flags of [[], ['--omit-lockfile-registry-resolved']]) {
    const published: FixturePackage[] = [...PACKAGES, { name: 'not-ours', version: '1.0.0' }];
    const { checkOut, data, install } = await npmProject(
      t,
      NPMS[1],
      published,
      packageJson(AS_IT_WAS),
      ...flags,
    );
    const other = await checkOut('other', packageJson({ 'not-ours': '1.0.0', one: '1.0.0' }));
    await install(other, { alone: true });
    const ours = await install(await checkOut('ours'), { kept: true });
    t.match(ours, { status: 0, hit: 'none' }, ours.stderr);
    const stored = contentsBelow(data).join('\n');
    t.ok(stored.includes(contentOf(integrityIn(other, 'one'))), 'what is stored can be found');
    t.notOk(stored.includes(contentOf(integrityIn(other, 'not-ours'))));
    t.notMatch(stored, 'not-ours');
  }
});

/** Twenty with all judges; each install takes seconds. */
const BUMPS = process.env.CACHALOT_TEST_JUDGES === 'all' ? 20 : 8;

test(`${BUMPS} bumps do not make the entry grow`, { timeout: 300_000 }, async (t) => {
  if (!need(t, 'npm')) return;
  const versions = Array.from({ length: BUMPS + 1 }, (_, bump) => `1.0.${bump}`);
  // As large as what stays the same, so that a few of them would show.
  const filling = Array.from({ length: 200 }, (_, line) => `// ${line * 7919}\n`).join('');
  const published = versions.map((version) => ({
    name: 'one',
    version,
    files: { 'text.js': version + filling },
  }));
  const { cachalot, checkOut, install, registry } = await npmProject(
    t,
    NPMS[1],
    [...published, ...PACKAGES.filter(({ name }) => name !== 'one')],
    packageJson({ ...AS_IT_WAS, one: '*' }),
    '--omit-lockfile-registry-resolved',
  );
  const folder = await checkOut('project');
  const { versions: known } = (await (await fetch(`${registry.url}/one`)).json()) as {
    versions: Record<string, { dist: { integrity: string } }>;
  };
  const lockfile = join(folder, 'package-lock.json');
  for (const [bump, version] of versions.entries()) {
    const locked = JSON.parse(readFileSync(lockfile, 'utf8'));
    Object.assign(locked.packages['node_modules/one'], {
      version,
      integrity: known[version]?.dist.integrity,
    });
    writeFileSync(lockfile, JSON.stringify(locked));
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true });
    // A home that is kept, and sees them all.
    const { status, hit, stderr } = await install(folder, { kept: bump > 0 });
    t.match({ status, hit }, { status: 0, hit: bump === 0 ? 'none' : 'near' }, stderr);
  }
  const newest = async (): Promise<{ raw: number; stored: number }> =>
    JSON.parse((await cachalot(folder, 'ls', '--kind', 'npm-contents', '--limit', '1', '--json')).stdout)[0];
  const grown = await newest();
  rmSync(join(folder, 'node_modules'), { recursive: true });
  await install(folder, { flags: ['--refresh'] });
  const fresh = await newest();
  t.ok(grown.raw <= 1.1 * fresh.raw, `${grown.raw} and ${fresh.raw}`);
  t.ok(grown.stored <= 1.1 * fresh.stored, `${grown.stored} and ${fresh.stored}`);
});

function integrityIn(folder: string, name: string): string {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return packages[`node_modules/${name}`].integrity;
}

/** Where npm keeps a content, below `content-v2`. */
function contentOf(integrity: string): string {
  const hex = Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
  return join('sha512', hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
}
