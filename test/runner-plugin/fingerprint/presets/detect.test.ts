/** Presets: which project is found, what its key is made of, and where the tool keeps what is saved. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import { KINDS } from '#runner-plugin/fingerprint/kinds.ts';
import type { Detection, Plan } from '#runner-plugin/fingerprint/plan.ts';
import { PRESETS } from '#runner-plugin/fingerprint/presets/table.ts';

function projectOf(t: Test, files: Record<string, string>): string {
  const folder = t.testdir({ '.git': {} });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

async function planOf(
  kind: string,
  folder: string,
  more: Partial<Detection> = {},
): Promise<Plan | undefined> {
  const detector = await KINDS[kind]?.();
  const plans = await detector?.detect({
    folder,
    // By this Composer knows that folders are XDG's, wherever the test runs.
    env: { XDG_SESSION_ID: '1' },
    home: '/home/me',
    skipInstall: 'understood',
    ...more,
  });
  return plans?.[0];
}

/** For each preset: a project, its name, its roots, and what of it counts and what does not. */
const ROWS: Record<
  string,
  { files: Record<string, string>; name: string; roots: string[]; counts: string[]; not: string[] }
> = {
  gradle: {
    files: {
      'settings.gradle': "rootProject.name = 'shop'\n",
      'app/build.gradle.kts': 'dependencies {}\n',
      'gradle/libs.versions.toml': '[versions]\n',
      'gradle/wrapper/gradle-wrapper.properties': 'distributionUrl=x\n',
    },
    name: 'shop',
    roots: ['home:.gradle/caches', 'home:.gradle/wrapper'],
    counts: ['app/build.gradle.kts', 'gradle/libs.versions.toml', 'gradle/wrapper/gradle-wrapper.properties'],
    not: ['app/src/Main.java', 'app/build/x.gradle', 'README.md'],
  },
  go: {
    files: {
      'go.mod': 'module example.com/shop\n',
      'go.sum': 'a v1 h1:x=\n',
      'tools/go.sum': 'b v1 h1:x=\n',
    },
    name: 'example.com/shop',
    roots: ['home:.cache/go-build', 'home:go/pkg/mod'],
    counts: ['go.sum', 'go.mod', 'tools/go.sum'],
    not: ['main.go', 'vendor/x/go.sum'],
  },
  cargo: {
    files: { 'Cargo.lock': 'version = 4\n', 'Cargo.toml': '[package]\nname = "shop"\n' },
    name: 'shop',
    roots: ['home:.cargo/git/db', 'home:.cargo/registry/cache', 'home:.cargo/registry/index'],
    counts: ['Cargo.lock', 'rust-toolchain.toml', '.cargo/config.toml'],
    not: ['src/main.rs', 'target/Cargo.lock'],
  },
  pip: {
    files: { 'requirements.txt': 'six==1.16.0\n', 'pyproject.toml': '[project]\nname = "shop"\n' },
    name: 'shop',
    roots: ['home:.cache/pip'],
    counts: ['requirements.txt', 'pyproject.toml', 'requirements-dev.txt', 'requirements/test.txt'],
    not: ['shop/main.py', 'venv/requirements.txt'],
  },
  uv: {
    files: { 'uv.lock': 'version = 1\n', 'pyproject.toml': '[project]\nname = "shop"\n' },
    name: 'shop',
    roots: ['home:.cache/uv'],
    counts: ['uv.lock', '.python-version'],
    not: ['main.py', 'sub/uv.lock'],
  },
  composer: {
    files: { 'composer.lock': '{}\n', 'composer.json': '{ "name": "me/shop" }\n' },
    name: 'me/shop',
    roots: ['home:.cache/composer'],
    counts: ['composer.lock'],
    not: ['src/index.php'],
  },
  bundler: {
    files: { 'Gemfile.lock': 'GEM\n' },
    name: '_',
    roots: ['workspace:vendor/bundle'],
    counts: ['Gemfile.lock', '.ruby-version'],
    not: ['Gemfile', 'app.rb'],
  },
};

test('every preset has a row here and a kind', (t) => {
  t.same(Object.keys(ROWS).sort(), Object.keys(PRESETS).sort());
  t.same(
    Object.keys(PRESETS).filter((kind) => KINDS[kind] === undefined),
    [],
  );
  t.end();
});

for (const [kind, { files, name, roots, counts, not }] of Object.entries(ROWS)) {
  test(`${kind}: what counts changes the key, what does not leaves it`, async (t) => {
    const folder = projectOf(t, files);
    const plan = await planOf(kind, folder);
    t.equal(plan?.fingerprint.name, name);
    t.same(plan?.roots.map(({ root }) => root).sort(), roots);
    t.ok(
      plan?.roots.every(({ restore }) => restore === 'merge'),
      'what stands there stays',
    );
    const key = plan?.fingerprint.key;
    t.same(plan?.nearKeys, [key?.slice(0, key.lastIndexOf('/') + 1)]);
    for (const path of not) {
      const other = await planOf(kind, projectOf(t, { ...files, [path]: 'anything' }));
      t.equal(other?.fingerprint.key, key, `${path} does not count`);
    }
    for (const path of counts) {
      const other = await planOf(kind, projectOf(t, { ...files, [path]: `${files[path] ?? ''}# more\n` }));
      t.not(other?.fingerprint.key, key, `${path} counts`);
      t.ok(
        other?.fingerprint.inputs.some((input) => input.name === `file ${path}`),
        `${path} is named`,
      );
    }
    const elsewhere = await planOf(kind, projectOf(t, files), { home: '/home/other' });
    t.equal(elsewhere?.fingerprint.key, key, 'another folder and another home');
    t.not((await planOf(kind, folder, { salt: 's' }))?.fingerprint.key, key, 'a salt');
    const windows = Object.entries(files).map(([path, text]) => [path, text.replaceAll('\n', '\r\n')]);
    t.equal(
      (await planOf(kind, projectOf(t, Object.fromEntries(windows))))?.fingerprint.key,
      key,
      'line ends',
    );
  });
}

test('the project is found from a folder in it, and not above its repository', async (t) => {
  const folder = projectOf(t, { 'go.mod': 'module m\n', 'cmd/tool/main.go': '', 'inner/.git/HEAD': '' });
  t.equal((await planOf('go', join(folder, 'cmd/tool')))?.folder, folder);
  t.equal(await planOf('go', join(folder, 'inner')), undefined);
});

test('where the tool was told to keep its downloads, they are found', async (t) => {
  const folder = projectOf(t, {
    'go.mod': 'module m\n',
    'Gemfile.lock': '',
    'requirements.txt': '',
    'composer.lock': '',
    'build.gradle': '',
  });
  const roots = async (kind: string, env: Record<string, string>) =>
    (await planOf(kind, folder, { env }))?.roots.map(({ root }) => root);
  t.same(await roots('go', { GOMODCACHE: '/cache/mod', GOCACHE: '/cache/build' }), [
    'abs:cache/mod',
    'abs:cache/build',
  ]);
  t.same(await roots('go', { GOPATH: '/home/me/a:/b', XDG_CACHE_HOME: '/x' }), [
    'home:a/pkg/mod',
    'abs:x/go-build',
  ]);
  t.same(await roots('pip', { PIP_CACHE_DIR: '/p' }), ['abs:p']);
  t.same(await roots('bundler', { BUNDLE_PATH: 'gems' }), ['workspace:gems']);
  t.same(
    (await planOf('gradle', folder))?.roots.map((root) => root.place),
    ['caches', 'wrapper'].map((part) => join(userInfo().homedir, '.gradle', part)),
    "Java's home folder is not HOME",
  );
  t.same(await roots('composer', { COMPOSER_CACHE_DIR: '/c', COMPOSER_HOME: '/h' }), ['abs:c']);
  t.same(await roots('composer', { COMPOSER_HOME: '/h' }), ['abs:h/cache']);
  t.same(await roots('composer', { XDG_CACHE_HOME: '/x' }), ['abs:x/composer']);
  mkdirSync(join(folder, '.bundle'));
  writeFileSync(join(folder, '.bundle/config'), '---\nBUNDLE_PATH: "own gems"\nBUNDLE_JOBS: "4"\n');
  t.same(await roots('bundler', {}), ['workspace:own gems'], 'as bundle config wrote it');
  t.same(await roots('bundler', { BUNDLE_PATH: 'gems' }), ['workspace:gems'], 'the environment first');
});

test('whose command it is', async (t) => {
  const owns = async (kind: string, ...command: string[]) => (await KINDS[kind]?.())?.owns(command);
  t.ok(await owns('gradle', './gradlew', 'build'));
  t.ok(await owns('pip', 'python3.11', '-m', 'pip', 'install'));
  t.ok(await owns('go', '/usr/local/go/bin/go', 'test', './...'));
  t.notOk(await owns('pip', 'python3', 'setup.py'));
  t.notOk(await owns('go', 'make'));
});

test('nothing is saved after a failure, nor where there is nothing', async (t) => {
  const folder = projectOf(t, { 'Gemfile.lock': 'GEM\n' });
  const plan = await planOf('bundler', folder);
  t.match(await plan?.refuseSave?.(1), /failed/);
  t.match(await plan?.refuseSave?.(0), /nothing is in .*vendor\/bundle/);
  mkdirSync(join(folder, 'vendor/bundle'), { recursive: true });
  t.equal(await plan?.refuseSave?.(0), undefined);
});
