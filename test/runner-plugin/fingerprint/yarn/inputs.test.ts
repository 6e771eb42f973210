/** Which edits change a yarn project's key, and which do not: yarn 1 and yarn 4. */
import { test } from 'tap';
import { type Change, keysOf, type Made, type Row } from '../node-project/fixture.ts';
import { BERRY, CLASSIC, FOUR, MEMBER, ONE, PACKAGE, yarnProject } from './fixture.ts';

const command = (...flags: string[]): Change => ({ command: ['yarn', 'install', ...flags] });
const packageJson = (more: object): Change => ({ files: { 'package.json': { ...PACKAGE, ...more } } });
const member = (more: object): Change => ({ files: { 'packages/a/package.json': { ...MEMBER, ...more } } });
const file = (path: string, content: string): Change => ({ files: { [path]: content } });

const classic = (from: string | RegExp, to: string) => file('yarn.lock', CLASSIC.replaceAll(from, to));
const berry = (from: string | RegExp, to: string) => file('yarn.lock', BERRY.replaceAll(from, to));
const rc = (text: string) => file('.yarnrc.yml', `nodeLinker: node-modules\n${text}`);

const BOTH_CHANGE: Row[] = [
  [
    'a dependency in package.json that the lockfile lacks',
    {},
    packageJson({ dependencies: { right: '1.0.0' } }),
  ],
  ['resolutions', {}, packageJson({ resolutions: { left: '1.2.0' } })],
  ['a bin of a workspace', {}, member({ bin: { other: 'cli.js' } })],
  ['a dependency of a workspace', {}, member({ dependencies: { left: '^1.0.0' } })],
  ['the yarn that packageManager names', {}, packageJson({ packageManager: 'yarn@4.1.0' })],
  ['a setting that nobody knows', {}, command('--from-the-future=1')],
  ['a patch', {}, file('patches/left.patch', '+line\n')],
  ['a variable that any install script may read', {}, { env: { npm_config_sharp_binary_host: 'x' } }],
  ['the salt', {}, { salt: 'again' }],
];

const BOTH_STAY: Row[] = [
  ["the project's own version", {}, packageJson({ version: '2.0.0' })],
  ["a workspace's own version", {}, member({ version: '2.0.0' })],
  [
    'description, files and scripts',
    {},
    packageJson({ description: 'x', files: ['y'], scripts: { build: 'x', postinstall: 'y' } }),
  ],
  ['yarn without a word', {}, { command: ['yarn'] }],
  ['CI=true', {}, { env: { CI: 'true' } }],
  ['a variable that no script reads', {}, { env: { BUILD_NUMBER: '7', CYPRESS_INSTALL_BINARY: '0' } }],
  ['another home', {}, { home: '/somewhere/else' }],
  ['a source file', {}, file('src/index.js', 'x')],
  [
    "a script's own flags",
    { command: ['yarn', 'run', 'build'] },
    { command: ['yarn', 'run', 'build', '--production'] },
  ],
  ['another folder', {}, {}],
];

const ONE_CHANGES: Row[] = [
  ['a package of another version', {}, classic('"1.2.0"', '"1.3.0"')],
  ['a package with other content', {}, classic('sha512-AAAA', 'sha512-DDDD')],
  ['a package more', {}, file('yarn.lock', `${CLASSIC}\nright@1.0.0:\n  version "1.0.0"\n`)],
  ['another range for the same package', {}, classic('left@^1.0.0:', 'left@^1.0.0, left@^1.1.0:')],
  ['where a package came from, which yarn 1 compares', {}, classic('registry.invalid', 'mirror.invalid')],
  ['another yarn', {}, { version: '1.22.19' }],
  ['--production', {}, command('--production')],
  ['what yarn deletes of each package', {}, file('.yarnclean', '*.md\n')],
  ['--ignore-scripts', {}, command('--ignore-scripts')],
  ['--ignore-optional', {}, command('--ignore-optional')],
  ['--ignore-platform', {}, command('--ignore-platform')],
  ['--no-bin-links', {}, command('--no-bin-links')],
  ['--flat', {}, command('--flat')],
  ['ignore-optional in .yarnrc', {}, file('.yarnrc', 'ignore-optional true\n')],
  ['a flag in .yarnrc', {}, file('.yarnrc', '--install.ignore-optional true\n')],
  ['ignore-scripts in .npmrc', {}, file('.npmrc', 'ignore-scripts=true\n')],
  ['YARN_IGNORE_SCRIPTS', {}, { env: { YARN_IGNORE_SCRIPTS: 'true' } }],
  [
    'a copied local folder with other content',
    {
      files: { 'yarn.lock': `${CLASSIC}\n"own@file:./local":\n  version "1.0.0"\n`, 'local/index.js': 'one' },
    },
    file('local/index.js', 'two'),
  ],
  [
    'a variable that install scripts read',
    classic('tool', 'cypress'),
    { env: { CYPRESS_INSTALL_BINARY: '0' } },
  ],
];

const ONE_STAYS: Row[] = [
  [
    'comments, white space and the order of entries',
    {},
    file('yarn.lock', `# hello\n\n${CLASSIC.split('\n\n').reverse().join('\n\n\n')}`),
  ],
  [
    '--frozen-lockfile --silent --network-timeout',
    {},
    command('--frozen-lockfile', '--silent', '--network-timeout', '1000'),
  ],
  ['--offline and another cache', {}, command('--prefer-offline', '--cache-folder', '/elsewhere')],
  [
    'a registry and a mutex in .yarnrc',
    {},
    file('.yarnrc', '# there\nregistry "http://registry.invalid"\nnetwork-timeout 7\n'),
  ],
  ['a token in .npmrc', {}, file('.npmrc', '//registry.invalid/:_authToken=s3cret\n_auth=s3cret\n')],
  ['a setting written out at its default', {}, command('--ignore-scripts=false', '--production=false')],
  ['another way to say production', { env: { NODE_ENV: 'production' } }, command('--prod')],
  [
    'NODE_ENV=production that the command overrules',
    {},
    { ...command('--production=false'), env: { NODE_ENV: 'production' } },
  ],
];

const FOUR_CHANGES: Row[] = [
  ['a package of another version', {}, berry(/1\.2\.0/g, '1.3.0')],
  ['a package with other content', {}, berry('10c0/aaaa', '10c0/dddd')],
  [
    'a package more',
    {},
    file('yarn.lock', `${BERRY}\n"right@npm:1.0.0":\n  version: 1.0.0\n  resolution: "right@npm:1.0.0"\n`),
  ],
  [
    'another range for the same package',
    {},
    berry('"left@npm:^1.0.0":', '"left@npm:^1.0.0, left@npm:^1.1.0":'),
  ],
  ['another form of the cache', {}, berry('cacheKey: 10c0', 'cacheKey: 10')],
  ['another yarn', {}, { version: '4.1.0' }],
  ['the yarn that the project carries', {}, rc('yarnPath: .yarn/releases/yarn-4.1.0.cjs\n')],
  [
    'a yarn of the project without a version in its name',
    { files: { '.yarnrc.yml': 'yarnPath: y.cjs\n', 'y.cjs': 'one' } },
    file('y.cjs', 'two'),
  ],
  ['another linker', {}, file('.yarnrc.yml', 'nodeLinker: pnp\n')],
  ['nmHoistingLimits', {}, rc('nmHoistingLimits: workspaces\n')],
  ['YARN_NM_MODE', {}, { env: { YARN_NM_MODE: 'hardlinks-local' } }],
  ['enableScripts', {}, rc('enableScripts: true\n')],
  ['supportedArchitectures', {}, rc('supportedArchitectures:\n  os: [linux]\n')],
  ['packageExtensions', {}, rc('packageExtensions:\n  left@*:\n    dependencies: {}\n')],
  ['--mode=skip-build', {}, command('--mode=skip-build')],
  ['a plugin', file('.yarn/plugins/p.cjs', 'one'), file('.yarn/plugins/p.cjs', 'two')],
  ['a patch of yarn', {}, file('.yarn/patches/left.patch', '+line\n')],
  ['a package that may run its scripts', {}, packageJson({ dependenciesMeta: { left: { built: true } } })],
];

const FOUR_STAYS: Row[] = [
  [
    'comments and the order of entries',
    {},
    file('yarn.lock', `# hello\n${BERRY.replace(/("left[\s\S]*?\n\n)("tool[\s\S]*?\n\n)/, '$2$1')}`),
  ],
  ['--immutable --inline-builds', {}, command('--immutable', '--inline-builds')],
  [
    'a registry and a token',
    {},
    rc(
      '# there\nnpmRegistryServer: http://registry.invalid\nnpmAuthToken: s3cret\nnpmScopes:\n  own:\n    npmAuthToken: s3cret\n',
    ),
  ],
  [
    'telemetry, progress, log filters',
    {},
    rc('enableTelemetry: false\nenableProgressBars: false\nlogFilters: []\n'),
  ],
  [
    'YARN_NPM_AUTH_TOKEN and YARN_HTTP_TIMEOUT',
    {},
    { env: { YARN_NPM_AUTH_TOKEN: 's3cret', YARN_HTTP_TIMEOUT: '1' } },
  ],
  ['another place of the cache, with node_modules', {}, rc('enableGlobalCache: false\n')],
  ['a setting written out at its default', {}, rc('nmMode: classic\n')],
];

for (const [name, made, changes, stays] of [
  ['yarn 1', ONE, [...BOTH_CHANGE, ...ONE_CHANGES], [...BOTH_STAY, ...ONE_STAYS]],
  ['yarn 4', FOUR, [...BOTH_CHANGE, ...FOUR_CHANGES], [...BOTH_STAY, ...FOUR_STAYS]],
] as [string, Made, Row[], Row[]][]) {
  for (const [what, before, after] of changes) {
    test(`${name}: the key changes with ${what}`, async (t) => {
      const [one, other] = await keysOf(t, made, before, after);
      t.not(one, other);
    });
  }
  for (const [what, before, after] of stays) {
    test(`${name}: the key stays with ${what}`, async (t) => {
      const [one, other] = await keysOf(t, made, before, after);
      t.equal(one, other);
    });
  }

  test(`${name}: another umask is no other key`, async (t) => {
    const umask = process.umask(0o077);
    t.teardown(() => process.umask(umask));
    const strict = (await yarnProject(t, made).plan()).fingerprint.key;
    process.umask(umask);
    t.equal((await yarnProject(t, made).plan()).fingerprint.key, strict);
  });

  test(`${name}: packages are named with their versions, so that a difference can be`, async (t) => {
    const { fingerprint } = await yarnProject(t, made).plan();
    const lockfile = fingerprint.inputs.find((input) => input.name === 'lockfile');
    t.match(
      lockfile?.detail?.filter(([name]) => name !== 'a' && name !== 'web'),
      [
        ['left', /^1\.2\.0 /],
        ['tool', /^2\.0\.0 /],
      ],
    );
  });

  test(`${name}: what is unreadable is named`, async (t) => {
    const { plans, write } = yarnProject(t, made);
    write({ 'yarn.lock': `<<<<<<< HEAD\n${String(made.files['yarn.lock'])}=======\n>>>>>>> other\n` });
    await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE', message: /merge conflict/ });
    write({ 'yarn.lock': 'what is this\n' });
    await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE', message: /yarn\.lock/ });
    write({ 'yarn.lock': '__metadata:\n  version: [\n' });
    await t.rejects(plans(), { code: 'LOCKFILE_UNREADABLE' });
  });

  test(`${name}: no credential stands in an input, its details or the recorded command`, async (t) => {
    const secret = 's3cret-t0ken';
    const { plan } = yarnProject(t, made, {
      '.npmrc': `//registry.invalid/:_authToken=${secret}\n_password=${secret}\n`,
      '.yarnrc': `"//registry.invalid/:_authToken" "${secret}"\n`,
      '.yarnrc.yml': `nodeLinker: node-modules\nnpmAuthToken: ${secret}\nnpmAuthIdent: ${secret}\n`,
    });
    const { fingerprint, recorded, standIn } = await plan({
      command: ['yarn', 'install', `--npm-auth-token=${secret}`],
      env: { YARN_NPM_AUTH_TOKEN: secret, npm_config__auth: secret, npm_config_electron_mirror: secret },
    });
    t.notMatch(JSON.stringify([fingerprint, recorded, standIn?.fingerprint]), secret);
  });
}

test('yarn 1: a tree of which every install script is trusted is for those who trust them', async (t) => {
  const { plan } = yarnProject(t, ONE);
  const { fingerprint } = await plan();
  t.not((await plan({ skipInstall: 'always' })).fingerprint.key, fingerprint.key);
});

test('PnP with a cache outside the project is bound to the way there', async (t) => {
  const { plan } = yarnProject(t, FOUR, { '.yarnrc.yml': '' });
  const { fingerprint } = await plan();
  t.not((await plan({ env: { YARN_GLOBAL_FOLDER: '/elsewhere' } })).fingerprint.key, fingerprint.key);
  const inside = yarnProject(t, FOUR, { '.yarnrc.yml': 'enableGlobalCache: false\n' });
  t.equal(
    (await inside.plan()).fingerprint.key,
    (await inside.plan({ env: { YARN_GLOBAL_FOLDER: '/elsewhere' } })).fingerprint.key,
  );
});
