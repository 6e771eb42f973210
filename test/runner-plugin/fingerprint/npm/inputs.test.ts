/** Which edits change an npm project's key, and which do not (design section 4; tried tool by tool). */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { Detection } from '#runner-plugin/fingerprint/plan.ts';
import { type Files, LOCK, lockWith, PACKAGE, project } from './fixture.ts';

type Change = Partial<Detection> & { npm?: string; files?: Files };

async function keys(t: Test, before: Change, after: Change): Promise<[string, string]> {
  const one = project(t, before.files);
  const other = project(t, { ...before.files, ...after.files });
  const { files: _b, ...optionsBefore } = before;
  const { files: _a, ...optionsAfter } = after;
  const first = await one.plan(optionsBefore);
  const second = await other.plan({ ...optionsBefore, ...optionsAfter });
  return [first.fingerprint.key, second.fingerprint.key];
}

/** PATH with a Node that says so of itself, and an npm. */
function nodeOf(t: Test, name: string, facts: string, version: string): string {
  const node = `#!/bin/sh\n[ "$1" = --version ] && echo v${version} || echo ${facts}\n`;
  const folder = join(t.testdir({ [name]: { node, npm: '#!/bin/sh\necho 11.0.0\n' } }), name);
  for (const program of ['node', 'npm']) chmodSync(join(folder, program), 0o755);
  return folder;
}

const SCRIPTED = {
  'node_modules/addon': { version: '1.0.0', integrity: 'sha512-CCCC', hasInstallScript: true },
};
const withAddon: Change = { files: { 'package-lock.json': lockWith(SCRIPTED) } };

/** A workspace with a script, a bin and a dependency. */
const LINK = { name: 'a', version: '1.0.0', bin: { a: 'cli.js' }, dependencies: { left: '^1.0.0' } };
const LINK_PLACES = {
  'packages/a': LINK,
  'node_modules/a': { resolved: 'packages/a', link: true },
};
const WITH_LINK: Change = {
  files: {
    'package-lock.json': lockWith(LINK_PLACES),
    'packages/a/package.json': { ...LINK, scripts: { prepare: 'tsc' } },
  },
};
const linkWith = (fields: object): Change => ({
  files: { 'packages/a/package.json': { ...LINK, scripts: { prepare: 'tsc' }, ...fields } },
});

const CHANGES: [what: string, before: Change, after: Change][] = [
  [
    'a package of another version',
    {},
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/left': { version: '1.3.0', integrity: 'sha512-DDDD' },
        }),
      },
    },
  ],
  [
    'a package with other content',
    {},
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/left': { version: '1.2.0', integrity: 'sha512-DDDD' },
        }),
      },
    },
  ],
  [
    'a package more',
    {},
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/right': { version: '1.0.0', integrity: 'sha512-EEEE' },
        }),
      },
    },
  ],
  [
    'a git dependency at another commit',
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/g': { version: '1.0.0', resolved: 'git+ssh://git@host.invalid/g.git#aaaa' },
        }),
      },
    },
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/g': { version: '1.0.0', resolved: 'git+ssh://git@host.invalid/g.git#bbbb' },
        }),
      },
    },
  ],
  [
    'a dependency in package.json that the lockfile lacks',
    {},
    { files: { 'package.json': { ...PACKAGE, dependencies: { left: '^1.0.0', right: '1.0.0' } } } },
  ],
  ['overrides', {}, { files: { 'package.json': { ...PACKAGE, overrides: { left: '1.2.0' } } } }],
  [
    "the project's postinstall",
    {},
    { files: { 'package.json': { ...PACKAGE, scripts: { postinstall: 'node x.js' } } } },
  ],
  ['another npm', {}, { npm: '10.9.0' }],
  ['--omit=dev', {}, { command: ['npm', 'ci', '--omit=dev'] }],
  ['--ignore-scripts', {}, { command: ['npm', 'ci', '--ignore-scripts'] }],
  ['npm_config_ignore_scripts', {}, { env: { npm_config_ignore_scripts: 'true' } }],
  ['ignore-scripts in .npmrc', {}, { files: { '.npmrc': 'ignore-scripts=true\n' } }],
  ['--legacy-peer-deps', {}, { command: ['npm', 'ci', '--legacy-peer-deps'] }],
  ['--install-strategy=linked', {}, { command: ['npm', 'ci', '--install-strategy=linked'] }],
  ['--install-links', {}, { command: ['npm', 'ci', '--install-links'] }],
  ['--no-bin-links', {}, { command: ['npm', 'ci', '--no-bin-links'] }],
  ['--force, with which npm installs what it would refuse', {}, { command: ['npm', 'ci', '--force'] }],
  ['--strict-peer-deps, with which it refuses more', {}, { command: ['npm', 'ci', '--strict-peer-deps'] }],
  ['a setting behind which a comment stands', {}, { files: { '.npmrc': 'omit=dev ; as in production\n' } }],
  [
    "the npmrc of npm's own folder",
    {},
    { files: { '../npm-11.0.0/lib/node_modules/npm/npmrc': 'omit=dev\n' } },
  ],
  [
    'the global npmrc below the prefix that the user has set',
    { files: { '../home/.npmrc': 'prefix=~/here\n' } },
    { files: { '../home/here/etc/npmrc': 'omit=dev\n' } },
  ],
  [
    'what the project is to be developed with',
    {},
    { files: { 'package.json': { ...PACKAGE, devEngines: { packageManager: { name: 'npm' } } } } },
  ],
  ['--os of another system', {}, { command: ['npm', 'ci', '--os=darwin'] }],
  ['--cpu', {}, { command: ['npm', 'ci', '--cpu', 'arm64'] }],
  ['--libc', {}, { command: ['npm', 'ci', '--libc=musl'] }],
  ['one workspace only', {}, { command: ['npm', 'ci', '-w', 'a'] }],
  ['no workspaces', {}, { command: ['npm', 'ci', '--no-workspaces'] }],
  ['a setting that nobody knows', {}, { command: ['npm', 'ci', '--from-the-future=1'] }],
  ['a patch', {}, { files: { 'patches/left+1.2.0.patch': '+line\n' } }],
  [
    'a local tarball with other content',
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/l': { version: '1.0.0', resolved: 'file:l.tgz', integrity: 'sha512-FFFF' },
        }),
        'l.tgz': 'one',
      },
    },
    { files: { 'l.tgz': 'two' } },
  ],
  [
    'a copied local folder with other content',
    {
      files: {
        'package-lock.json': lockWith({ 'node_modules/l': { version: '1.0.0', resolved: 'file:local' } }),
        'local/index.js': 'one',
      },
    },
    { files: { 'local/index.js': 'two' } },
  ],
  [
    "Prisma's schema, where its client is used",
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/@prisma/client': {
            version: '5.0.0',
            integrity: 'sha512-GGGG',
            hasInstallScript: true,
          },
        }),
        'prisma/schema.prisma': 'one',
      },
    },
    { files: { 'prisma/schema.prisma': 'two' } },
  ],
  ['a variable that install scripts read', withAddon, { env: { CYPRESS_INSTALL_BINARY: '0' } }],
  ['the salt', {}, { salt: 'again' }],
  ['a dependency of a workspace', WITH_LINK, linkWith({ dependencies: { left: '2.0.0' } })],
  ['a bin of a workspace', WITH_LINK, linkWith({ bin: { a: 'other.js' } })],
  ["a workspace's prepare", WITH_LINK, linkWith({ scripts: { prepare: 'tsc -b' } })],
  ["a workspace's name", WITH_LINK, linkWith({ name: 'b' })],
  [
    'a workspace more',
    WITH_LINK,
    {
      files: {
        'package-lock.json': lockWith({
          ...LINK_PLACES,
          'packages/b': { name: 'b', version: '1.0.0' },
          'node_modules/b': { resolved: 'packages/b', link: true },
        }),
      },
    },
  ],
  ['workspaces', {}, { files: { 'package.json': { ...PACKAGE, workspaces: ['packages/*'] } } }],
  [
    'a dependency that becomes optional',
    {},
    { files: { 'package.json': { ...PACKAGE, dependencies: {}, optionalDependencies: { left: '^1.0.0' } } } },
  ],
  ['allowScripts', {}, { files: { 'package.json': { ...PACKAGE, allowScripts: { left: true } } } }],
  ['bundled dependencies', {}, { files: { 'package.json': { ...PACKAGE, bundleDependencies: ['left'] } } }],
  ['the version of the lockfile', {}, { files: { 'package-lock.json': { ...LOCK, lockfileVersion: 2 } } }],
  [
    'a nested package in place of a hoisted one',
    {},
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/tool/node_modules/left': { version: '1.2.0', integrity: 'sha512-AAAA' },
        }),
      },
    },
  ],
  ['--omit=optional', {}, { command: ['npm', 'ci', '--omit=optional'] }],
  ['--omit=peer', {}, { command: ['npm', 'ci', '--omit=peer'] }],
  ['--umask, which is npm’s own', {}, { command: ['npm', 'ci', '--umask=027'] }],
  ['--build-from-source', {}, { command: ['npm', 'ci', '--build-from-source'] }],
  ['--include-workspace-root', {}, { command: ['npm', 'ci', '-w', 'a', '--include-workspace-root'] }],
  [
    'a setting in the user’s own .npmrc, by whatever name',
    {},
    { files: { 'mine.npmrc': 'omit=dev\n' }, env: { npm_config_userconfig: 'mine.npmrc' } },
  ],
  [
    'a setting in an .npmrc that a flag names',
    {},
    { files: { 'mine.npmrc': 'omit=dev\n' }, command: ['npm', 'ci', '--userconfig', 'mine.npmrc'] },
  ],
  [
    'a setting that a variable gives',
    { files: { '.npmrc': `omit=$${'{WHAT}'}\n` }, env: { WHAT: 'dev' } },
    { env: { WHAT: 'optional' } },
  ],
  ['a mirror that install scripts fetch from', withAddon, { env: { npm_config_sharp_binary_host: 'x' } }],
  [
    'the place of Prisma’s schema, as package.json has it',
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/@prisma/client': { version: '5.0.0', integrity: 'sha512-G' },
        }),
        'package.json': { ...PACKAGE, prisma: { schema: 'db/schema.prisma' } },
        'db/schema.prisma': 'one',
      },
    },
    { files: { 'db/schema.prisma': 'two' } },
  ],
  [
    "Puppeteer's settings, where it is used",
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/puppeteer': { version: '23.0.0', integrity: 'sha512-G' },
        }),
      },
    },
    { files: { '.puppeteerrc.cjs': 'module.exports = {}' } },
  ],
  [
    'engines, with engine-strict',
    { command: ['npm', 'ci', '--engine-strict'] },
    { files: { 'package.json': { ...PACKAGE, engines: { node: '>=99' } } } },
  ],
];

const NO_CHANGES: [what: string, before: Change, after: Change][] = [
  [
    'the order of keys and white space of the lockfile',
    {},
    {
      files: {
        'package-lock.json': JSON.stringify({ packages: LOCK.packages, lockfileVersion: 3, name: 'web' }),
      },
    },
  ],
  [
    "the project's own version, in both files",
    {},
    {
      files: {
        'package.json': { ...PACKAGE, version: '1.0.1' },
        'package-lock.json': { ...lockWith({}, { version: '1.0.1' }), version: '1.0.1' },
      },
    },
  ],
  [
    'a registry mirror in resolved',
    {},
    {
      files: {
        'package-lock.json': lockWith({
          'node_modules/left': {
            version: '1.2.0',
            resolved: 'https://mirror.invalid/left-1.2.0.tgz',
            integrity: 'sha512-AAAA',
          },
        }),
      },
    },
  ],
  [
    'description, files and a test script',
    {},
    {
      files: {
        'package.json': {
          ...PACKAGE,
          description: 'x',
          files: ['y'],
          scripts: { test: 'node --test', build: 'x' },
        },
      },
    },
  ],
  [
    'engines without engine-strict',
    {},
    { files: { 'package.json': { ...PACKAGE, engines: { node: '>=99' } } } },
  ],
  [
    '--no-audit --no-fund --loglevel',
    {},
    { command: ['npm', 'ci', '--no-audit', '--no-fund', '--loglevel', 'silly'] },
  ],
  ['--prefer-offline', {}, { command: ['npm', 'ci', '--prefer-offline'] }],
  ['--install-strategy=nested', {}, { command: ['npm', 'ci', '--install-strategy=nested'] }],
  ['an alias of ci', {}, { command: ['npm', 'clean-install'] }],
  ['npm install', {}, { command: ['npm', 'install'] }],
  [
    'a token in .npmrc',
    {},
    {
      files: {
        '.npmrc':
          '//registry.invalid/:_authToken=s3cret\nregistry=http://registry.invalid/\n@own:registry=http://own.invalid/\n',
      },
    },
  ],
  ['a comment in .npmrc', {}, { files: { '.npmrc': '; hello\n# there\n' } }],
  [
    'a setting written out at its default',
    {},
    { command: ['npm', 'ci', '--legacy-peer-deps=false', '--bin-links'] },
  ],
  ['CI=true', {}, { env: { CI: 'true' } }],
  ['another home', {}, { home: '/somewhere/else' }],
  ['a variable that no script reads', withAddon, { env: { BUILD_NUMBER: '7' } }],
  ['a variable of scripts where no package has one', {}, { env: { CYPRESS_INSTALL_BINARY: '0' } }],
  ['a source file', {}, { files: { 'src/index.js': 'x' } }],
  [
    'line ends and a byte order mark',
    {},
    {
      files: {
        'package.json': `\uFEFF${JSON.stringify(PACKAGE, null, 2).replaceAll('\n', '\r\n')}\r\n`,
        'package-lock.json': JSON.stringify(LOCK, null, 4).replaceAll('\n', '\r\n'),
      },
    },
  ],
  [
    'the order of keys in package.json',
    {},
    { files: { 'package.json': Object.fromEntries(Object.entries(PACKAGE).reverse()) } },
  ],
  [
    "a workspace's own version, as npm version writes it in both files",
    WITH_LINK,
    {
      files: {
        'packages/a/package.json': { ...LINK, version: '2.0.0', scripts: { prepare: 'tsc' } },
        'package-lock.json': lockWith({ ...LINK_PLACES, 'packages/a': { ...LINK, version: '2.0.0' } }),
      },
    },
  ],
  ["a workspace's test script", WITH_LINK, linkWith({ scripts: { prepare: 'tsc', test: 'x' } })],
  [
    'a registry, a proxy and their credentials, as flags and variables',
    {},
    {
      command: ['npm', 'ci', '--registry=http://other.invalid', '--proxy', 'http://me:s3cret@proxy.invalid'],
      env: { 'npm_config_//registry.invalid/:_authToken': 's3cret', HTTPS_PROXY: 'x', NPM_TOKEN: 's3cret' },
    },
  ],
  [
    '--maxsockets, --foreground-scripts',
    {},
    { command: ['npm', 'ci', '--maxsockets', '3', '--foreground-scripts'] },
  ],
  [
    'settings of a [section], which npm does not look at',
    {},
    { files: { '.npmrc': '[production]\nomit=dev\n' } },
  ],
  [
    'a comment behind a setting',
    { files: { '.npmrc': 'ignore-scripts=true\n' } },
    { files: { '.npmrc': 'ignore-scripts=true # for now\n' } },
  ],
  [
    'a variable that need not be set',
    {},
    // biome-ignore lint/suspicious/noTemplateCurlyInString: npm fills it in
    { files: { '.npmrc': 'install-links=${NOBODY_SETS_IT?}\nomit=${NOBODY_SETS_IT?}\n' } },
  ],
  ['--install-strategy=shallow', {}, { command: ['npm', 'ci', '--install-strategy=shallow'] }],
  ['a script shell', {}, { files: { '.npmrc': 'script-shell=/bin/bash\n' } }],
  ["npm's cache folder", {}, { env: { npm_config_cache: '/elsewhere' } }],
  [
    'GITHUB_ACTIONS and other variables of a runner',
    {},
    { env: { GITHUB_ACTIONS: 'true', RUNNER_TEMP: '/x' } },
  ],
  ['skipping installs or not', {}, { skipInstall: 'never' }],
  ['another folder', {}, {}],
];

for (const [what, before, after] of CHANGES) {
  test(`the key changes with ${what}`, async (t) => {
    const [one, other] = await keys(t, before, after);
    t.not(one, other);
  });
}

for (const [what, before, after] of NO_CHANGES) {
  test(`the key stays with ${what}`, async (t) => {
    const [one, other] = await keys(t, before, after);
    t.equal(one, other);
  });
}

test('all ways of leaving out development dependencies are one', async (t) => {
  const { plan } = project(t);
  const ways: Change[] = [
    { command: ['npm', 'ci', '--omit=dev'] },
    { command: ['npm', 'ci', '--omit', 'dev'] },
    { command: ['npm', 'ci', '--production'] },
    { command: ['npm', 'ci', '--only=prod'] },
    { env: { NODE_ENV: 'production' } },
    { env: { npm_config_omit: 'dev' } },
    { env: { npm_config_production: 'true' } },
  ];
  const found = new Set(await Promise.all(ways.map(async (way) => (await plan(way)).fingerprint.key)));
  t.equal(found.size, 1);
  t.not((await plan()).fingerprint.key, [...found][0]);
  t.equal(
    (await plan({ env: { NODE_ENV: 'production' }, command: ['npm', 'ci', '--include=dev'] })).fingerprint
      .key,
    (await plan()).fingerprint.key,
  );
});

test('a lockfile of an unknown version counts by its bytes', async (t) => {
  const { plan } = project(t, { 'package-lock.json': { lockfileVersion: 9 } });
  t.same((await plan()).fingerprint.inputs[0]?.name, 'lockfile bytes');
});

test('no tree is kept for a lockfile that does not say what lies where, and the reason says how to come by another', async (t) => {
  const { plan } = project(t, { 'package-lock.json': { lockfileVersion: 1, dependencies: {} } });
  t.match((await plan()).refused, /package-lock\.json .*--lockfile-version=3/);
});

test('an optional package that another patch of Node would leave out', async (t) => {
  const { plan } = project(t, {
    'package-lock.json': lockWith({
      'node_modules/o': { version: '1.0.0', optional: true, engines: { node: '>=24.10' } },
      'node_modules/p': { version: '1.0.0', engines: { node: '>=24.11' } },
    }),
  });
  const keyOn = async (version: string) =>
    (await plan({ env: { PATH: nodeOf(t, version, '137,linux,x64', version) } })).fingerprint.key;
  t.not(await keyOn('24.9.0'), await keyOn('24.10.0'));
  t.equal(await keyOn('24.10.0'), await keyOn('24.21.0'), 'where the same packages suit it is the same tree');
});

test('what is unreadable is named', async (t) => {
  const { plans, write } = project(t, { 'package-lock.json': '{"lockfileVersion": 3,' });
  await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE', message: /package-lock\.json/ });
  write({ 'package-lock.json': '{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> other\n}' });
  await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE', message: /merge conflict/ });
  write({ 'package-lock.json': LOCK, 'package.json': '[]' });
  await t.rejects(plans(), { code: 'INPUT_UNREADABLE', message: /package\.json/ });
});

test('no credential stands in an input, its details or the recorded command', async (t) => {
  const secret = 's3cret-t0ken';
  const { plan } = project(t, {
    '.npmrc': `//registry.invalid/:_authToken=${secret}\n_password=${secret}\n`,
    ...(withAddon.files ?? {}),
  });
  const { fingerprint, recorded } = await plan({
    command: ['npm', 'ci', `--//registry.invalid/:_authToken=${secret}`, `--otp=${secret}`],
    env: { CYPRESS_RECORD_KEY: secret, NPM_TOKEN: secret },
  });
  t.notMatch(JSON.stringify([fingerprint, recorded]), secret);
});

test('another Node, platform or processor is another key', async (t) => {
  const { plan } = project(t);
  const found = new Set<string>();
  for (const [i, facts] of [
    '137,linux,x64',
    '127,linux,x64',
    '127,darwin,x64',
    '127,linux,arm64',
  ].entries()) {
    found.add((await plan({ env: { PATH: nodeOf(t, `node-${i}`, facts, '24.0.0') } })).fingerprint.key);
  }
  t.equal(found.size, 4);
});

test('the umask is no input: what is restored follows the one that holds then', async (t) => {
  const { plan } = project(t);
  const { key } = (await plan()).fingerprint;
  const before = process.umask(0o077);
  try {
    t.equal((await plan()).fingerprint.key, key);
  } finally {
    process.umask(before);
  }
});

test('where in the project an npm is started narrows what it installs', async (t) => {
  const { folder, plan, plans } = project(t, WITH_LINK.files);
  const [inside] = await plans({ folder: join(folder, 'packages/a') });
  t.not(inside?.fingerprint.key, (await plan()).fingerprint.key);
});
