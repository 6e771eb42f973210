/** Which edits change a pnpm project's key, and which do not. */
import { test } from 'tap';
import { type Change, keysOf, type Row } from '../node-project/fixture.ts';
import { LOCK, MADE, MEMBER, PACKAGE, pnpmProject } from './fixture.ts';

const lock = (from: string | RegExp, to: string): Change => ({
  files: { 'pnpm-lock.yaml': LOCK.replaceAll(from, to) },
});
const command = (...flags: string[]): Change => ({ command: ['pnpm', 'install', ...flags] });
const workspace = (more: string): Change => ({
  files: { 'pnpm-workspace.yaml': `packages:\n  - packages/*\n${more}` },
});
const packageJson = (more: object): Change => ({ files: { 'package.json': { ...PACKAGE, ...more } } });

const WITH_FOLDER = lock(
  'left@1.2.0:\n    resolution: {integrity: sha512-AAAA}',
  'left@file:local:\n    resolution: {directory: local, type: directory}',
);
const WITH_SHARP = lock(/tool/g, 'sharp');

const CHANGES: Row[] = [
  ['a package of another version', {}, lock(/1\.2\.0/g, '1.3.0')],
  ['a package with other content', {}, lock('AAAA', 'DDDD')],
  ['a package more', {}, lock('snapshots:\n', 'snapshots:\n\n  right@1.0.0: {}\n')],
  [
    'other peers of a package',
    {},
    lock('  tool@2.0.0:\n    dependencies:', '  tool@2.0.0(left@1.2.0):\n    dependencies:'),
  ],
  ['a dependency that a package no longer has', {}, lock('      left: 1.2.0\n', '      right: 1.2.0\n')],
  [
    'a git dependency at another commit',
    lock('{integrity: sha512-AAAA}', '{commit: aaaa, repo: r, type: git}'),
    lock('{integrity: sha512-AAAA}', '{commit: bbbb, repo: r, type: git}'),
  ],
  [
    'a dependency in package.json that the lockfile lacks',
    {},
    packageJson({ dependencies: { left: '^1.0.0', right: '1.0.0' } }),
  ],
  ['overrides in package.json', {}, packageJson({ pnpm: { overrides: { left: '1.2.0' } } })],
  ['overrides in pnpm-workspace.yaml', {}, workspace('overrides:\n  left: 1.2.0\n')],
  [
    'a bin of a workspace',
    {},
    { files: { 'packages/a/package.json': { ...MEMBER, bin: { other: 'cli.js' } } } },
  ],
  ['another pnpm', {}, { version: '10.20.0' }],
  ['the pnpm that packageManager names', {}, packageJson({ packageManager: 'pnpm@10.20.0' })],
  ['--prod', {}, command('--prod')],
  ['--dev', {}, command('-D')],
  ['--no-optional', {}, command('--no-optional')],
  ['--ignore-scripts', {}, command('--ignore-scripts')],
  ['--filter', {}, command('--filter', 'a')],
  ['--node-linker=hoisted', {}, command('--node-linker=hoisted')],
  ['node-linker in .npmrc', {}, { files: { '.npmrc': 'node-linker=hoisted\n' } }],
  ['nodeLinker in pnpm-workspace.yaml', {}, workspace('nodeLinker: hoisted\n')],
  ['npm_config_node_linker', {}, { env: { npm_config_node_linker: 'hoisted' } }],
  ['pnpm_config_node_linker', {}, { env: { pnpm_config_node_linker: 'hoisted' } }],
  ['hoist-pattern', {}, { files: { '.npmrc': 'hoist-pattern[]=*eslint*\n' } }],
  [
    'one more hoist-pattern',
    { files: { '.npmrc': 'hoist-pattern[]=a\n' } },
    { files: { '.npmrc': 'hoist-pattern[]=a\nhoist-pattern[]=b\n' } },
  ],
  ['shamefully-hoist', {}, { files: { '.npmrc': 'shamefully-hoist=true\n' } }],
  ['a package that may run its scripts', {}, workspace('allowBuilds:\n  left: true\n')],
  ['a setting that nobody knows', {}, command('--from-the-future=1')],
  ['a patch', {}, { files: { 'patches/left@1.2.0.patch': '+line\n' } }],
  [
    'a patch elsewhere that the lockfile names',
    {
      files: {
        'pnpm-lock.yaml': `${LOCK}\npatchedDependencies:\n  left@1.2.0:\n    hash: aaaa\n    path: fixes/left.patch\n`,
        'fixes/left.patch': 'one',
      },
    },
    { files: { 'fixes/left.patch': 'two' } },
  ],
  ['.pnpmfile.cjs', {}, { files: { '.pnpmfile.cjs': 'module.exports = {};\n' } }],
  [
    'a copied local folder with other content',
    { files: { ...WITH_FOLDER.files, 'local/index.js': 'one' } },
    { files: { 'local/index.js': 'two' } },
  ],
  ['a variable that install scripts read', WITH_SHARP, { env: { SHARP_IGNORE_GLOBAL_LIBVIPS: '1' } }],
  ['the salt', {}, { salt: 'again' }],
];

const NO_CHANGES: Row[] = [
  [
    'comments and white space of the lockfile',
    {},
    { files: { 'pnpm-lock.yaml': `# hello\n${LOCK.replaceAll('\n\n', '\n\n\n')}` } },
  ],
  [
    'the order of keys',
    {},
    lock(
      '    resolution: {integrity: sha512-BBBB}\n    hasBin: true',
      '    hasBin: true\n    resolution: {integrity: sha512-BBBB}',
    ),
  ],
  ["the project's own version", {}, packageJson({ version: '2.0.0' })],
  [
    "a workspace's own version",
    {},
    { files: { 'packages/a/package.json': { ...MEMBER, version: '2.0.0' } } },
  ],
  [
    'description, files and scripts',
    {},
    packageJson({ description: 'x', files: ['y'], scripts: { build: 'x', postinstall: 'y' } }),
  ],
  [
    'that a version is deprecated',
    {},
    lock('{integrity: sha512-AAAA}', '{integrity: sha512-AAAA}\n    deprecated: use another'),
  ],
  [
    'a mirror that serves the same bytes',
    {},
    lock('{integrity: sha512-AAAA}', '{integrity: sha512-AAAA, tarball: https://mirror.invalid/left.tgz}'),
  ],
  ['--frozen-lockfile', {}, command('--frozen-lockfile')],
  [
    '--prefer-offline --reporter --loglevel',
    {},
    command('--prefer-offline', '--reporter', 'silent', '--loglevel=debug'),
  ],
  ['another store', {}, command('--store-dir', '/elsewhere')],
  [
    'a setting written out at its default',
    {},
    { files: { '.npmrc': 'node-linker=isolated\nignore-scripts=false\n' } },
  ],
  ['another way to say production', command('--prod'), { command: ['pnpm', 'i', '-P'] }],
  [
    'a token and a registry in .npmrc',
    {},
    {
      files: {
        '.npmrc':
          '//registry.invalid/:_authToken=s3cret\nregistry=http://registry.invalid/\n@own:registry=http://own.invalid/\n',
      },
    },
  ],
  [
    "npm's own settings",
    {},
    { env: { npm_config_nodedir: '/here' }, files: { '.npmrc': 'install-links=true\n' } },
  ],
  ['a comment in .npmrc', {}, { files: { '.npmrc': '; hello\n# there\n' } }],
  ['CI=true and NODE_ENV=production', {}, { env: { CI: 'true', NODE_ENV: 'production' } }],
  ['another home', {}, { home: '/somewhere/else' }],
  [
    'a variable that no script reads',
    WITH_SHARP,
    { env: { BUILD_NUMBER: '7', CYPRESS_INSTALL_BINARY: '0' } },
  ],
  ['a source file', {}, { files: { 'src/index.js': 'x' } }],
  [
    "a script's own flags",
    { command: ['pnpm', 'run', 'build'] },
    { command: ['pnpm', 'run', 'build', '--prod'] },
  ],
  ['another folder', {}, {}],
];

for (const [what, before, after] of CHANGES) {
  test(`the key changes with ${what}`, async (t) => {
    const [one, other] = await keysOf(t, MADE, before, after);
    t.not(one, other);
  });
}

for (const [what, before, after] of NO_CHANGES) {
  test(`the key stays with ${what}`, async (t) => {
    const [one, other] = await keysOf(t, MADE, before, after);
    t.equal(one, other);
  });
}

test('another umask is no other key', async (t) => {
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  const strict = (await pnpmProject(t).plan()).fingerprint.key;
  process.umask(umask);
  t.equal((await pnpmProject(t).plan()).fingerprint.key, strict);
});

test('packages are named with their versions, so that a difference can be', async (t) => {
  const { fingerprint } = await pnpmProject(t).plan();
  const lockfile = fingerprint.inputs.find(({ name }) => name === 'lockfile');
  t.match(lockfile?.detail, [
    ['left', /^1\.2\.0 /],
    ['tool', /^2\.0\.0 /],
  ]);
});

test('a lockfile of an unknown version counts by its bytes, and its tree is not cached', async (t) => {
  const plan = await pnpmProject(t, { 'pnpm-lock.yaml': "lockfileVersion: '12.0'\n" }).plan();
  t.equal(plan.fingerprint.inputs[0]?.name, 'lockfile bytes');
  t.match(plan.refused, /format/);
});

test('what is unreadable is named', async (t) => {
  const { plans, write } = pnpmProject(t, { 'pnpm-lock.yaml': 'importers: {' });
  await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE', message: /pnpm-lock\.yaml/ });
  write({ 'pnpm-lock.yaml': `<<<<<<< HEAD\n${LOCK}=======\n>>>>>>> other\n` });
  await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE', message: /merge conflict/ });
  write({ 'pnpm-lock.yaml': '- a list\n' });
  await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE' });
  write({ 'pnpm-lock.yaml': LOCK.replace('sha512-AAAA', '&a sha512-AAAA').replace('sha512-BBBB', '*a') });
  await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE', message: /alias/i });
  write({ 'pnpm-lock.yaml': LOCK, 'pnpm-workspace.yaml': 'packages: [' });
  await t.rejects(plans(), { code: 'INPUT_UNREADABLE', message: /pnpm-workspace\.yaml/ });
});

test('no credential stands in an input, its details or the recorded command', async (t) => {
  const secret = 's3cret-t0ken';
  const { plan } = pnpmProject(t, {
    ...WITH_SHARP.files,
    '.npmrc': `//registry.invalid/:_authToken=${secret}\n_password=${secret}\n_auth=${secret}\n`,
  });
  const { fingerprint, recorded, standIn } = await plan({
    command: ['pnpm', 'install', `--//registry.invalid/:_authToken=${secret}`, `--otp=${secret}`],
    env: { SHARP_TOKEN: secret, npm_config__authToken: secret, pnpm_config_otp: secret },
  });
  t.notMatch(JSON.stringify([fingerprint, recorded, standIn?.fingerprint]), secret);
});

test('another token is no other key', async (t) => {
  const npmrc = (token: string) => ({
    '.npmrc': `//registry.invalid/:_authToken=${token}\n_auth=${token}\n`,
  });
  const keys = await Promise.all(
    ['one', 'two'].map(async (token) => {
      const env = { npm_config__authToken: token, pnpm_config_otp: token };
      return (await pnpmProject(t, npmrc(token)).plan({ env })).fingerprint.key;
    }),
  );
  t.equal(keys[0], keys[1]);
});
