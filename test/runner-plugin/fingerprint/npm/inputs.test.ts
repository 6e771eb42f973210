/** Which edits change an npm project's key, and which do not (design section 4; tried tool by tool). */
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

const SCRIPTED = {
  'node_modules/addon': { version: '1.0.0', integrity: 'sha512-CCCC', hasInstallScript: true },
};
const withAddon: Change = { files: { 'package-lock.json': lockWith(SCRIPTED) } };

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
