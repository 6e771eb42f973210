/** The environment that npm gives to scripts, made for another package, and held against what npm gave. */
import { test } from 'tap';
import {
  packageVariables,
  scriptEnvironment,
  unlike,
} from '#runner-plugin/fingerprint/npm/scripts/environment.ts';

const FIELDS = {
  name: '@own/tool',
  version: '1.0.1',
  description: 'not among them',
  bin: './cli.js',
  config: { port: 8080, flags: ['a', 'b'], deep: { off: false, none: null } },
  engines: { node: '>=22' },
};
const OF = { folder: '/work/packages/tool', fields: FIELDS };

/** What npm said that it gives to the project. */
const GIVEN = {
  HOME: '/home/me',
  INIT_CWD: '/work',
  PATH: '/work/node_modules/.bin:/node_modules/.bin:/npm/node-gyp-bin:/usr/bin:/own/node_modules/.bin',
  npm_config_cache: '/cache',
  npm_command: 'run',
  npm_lifecycle_event: 'env',
  npm_package_name: 'project',
  npm_package_config_only: 'the project’s',
};

test('fields of package.json are variables, flat', async (t) => {
  t.same(packageVariables(OF), {
    npm_package_json: '/work/packages/tool/package.json',
    npm_package_name: '@own/tool',
    npm_package_version: '1.0.1',
    npm_package_config_port: '8080',
    npm_package_config_flags_0: 'a',
    npm_package_config_flags_1: 'b',
    npm_package_config_deep_off: '',
    npm_package_config_deep_none: '',
    npm_package_engines_node: '>=22',
    npm_package_bin_tool: 'cli.js',
  });
});

const SCRIPT = { event: 'prepare', text: 'tsc', command: 'ci', place: { npm_package_dev: '' } };

test('settings are npm’s answer, the package is the script’s own, and PATH begins in its folder', async (t) => {
  const env = scriptEnvironment(GIVEN, OF, SCRIPT);
  t.match(env, {
    HOME: '/home/me',
    INIT_CWD: '/work',
    npm_config_cache: '/cache',
    npm_command: 'ci',
    npm_lifecycle_event: 'prepare',
    npm_lifecycle_script: 'tsc',
    npm_package_name: '@own/tool',
    npm_package_dev: '',
    npm_package_config_only: undefined,
    PATH: [
      '/work/packages/tool/node_modules/.bin:/work/packages/node_modules/.bin:/work/node_modules/.bin:/node_modules/.bin',
      '/npm/node-gyp-bin:/usr/bin:/own/node_modules/.bin',
    ].join(':'),
  });
});

test('a variable that npm gives and we would not, or otherwise, is named', async (t) => {
  const env = scriptEnvironment(GIVEN, OF, SCRIPT) as Record<string, string>;
  t.equal(unlike(env, OF, 'tsc'), undefined);
  t.equal(unlike({ ...env, npm_package_new: 'x' }, OF, 'tsc'), 'npm_package_new');
  t.equal(unlike({ ...env, npm_package_version: '2.0.0' }, OF, 'tsc'), 'npm_package_version');
  const { npm_package_name: _gone, ...less } = env;
  t.equal(unlike(less, OF, 'tsc'), 'npm_package_name');
  t.equal(unlike(env, OF, 'tsc -b'), 'npm_lifecycle_script');
  t.equal(unlike({ ...env, PATH: '/usr/bin' }, OF, 'tsc'), 'PATH');
});

test('a shell drops variables of names that it cannot set: that says nothing', async (t) => {
  const fields = { ...FIELDS, bin: { 'my-tool': 'cli.js' } };
  const of = { ...OF, fields };
  const { 'npm_package_bin_my-tool': dropped, ...env } = scriptEnvironment(GIVEN, of, SCRIPT) as Record<
    string,
    string
  >;
  t.equal(dropped, 'cli.js');
  t.equal(unlike(env, of, 'tsc'), undefined);
});
