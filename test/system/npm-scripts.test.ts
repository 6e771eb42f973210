/**
 * What a skipped `npm ci` would have done besides filling node_modules, judged by npm itself: the same scripts in the same order
 * with the same environment, after a hit as after a real install (docs/package-managers.md).
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { need } from '../needs.ts';
import type { FixturePackage } from './fixture-registry.ts';
import { type Files, npmProject, type Seen } from './npm-project.ts';
import { NPMS } from './npm-tools.ts';

const script = (events: readonly string[]) =>
  Object.fromEntries(events.map((event) => [event, 'node "$RECORDER"']));

const DEPENDENCIES: FixturePackage[] = [
  { name: 'plain', version: '1.0.0' },
  { name: 'plain', version: '2.0.0' },
  { name: 'core-js', version: '3.0.0', fields: { scripts: script(['postinstall']) } },
];

/** Scripts everywhere: the project, two workspaces, one with a package of its own below it, and a directory outside of them. */
const EVERYWHERE: Files = {
  'package.json': {
    name: 'everywhere',
    version: '1.2.3',
    private: true,
    workspaces: ['packages/*'],
    config: { port: '8080' },
    engines: { node: '>=1' },
    bin: './run.js',
    dependencies: { plain: '2.0.0', 'core-js': '3.0.0', local: 'file:tools/local' },
    scripts: script([
      'predependencies',
      'dependencies',
      'postdependencies',
      'preinstall',
      'install',
      'postinstall',
      'prepublish',
      'preprepare',
      'prepare',
      'postprepare',
      'test',
    ]),
    allowScripts: { 'core-js': true, local: true, 'file:tools/local': true },
  },
  'packages/a/package.json': {
    name: 'a',
    version: '1.0.0',
    bin: { abin: './cli.js' },
    dependencies: { b: '1.0.0' },
    scripts: script(['preinstall', 'prepare', 'install', 'postinstall']),
  },
  'packages/a/cli.js': '#!/usr/bin/env node\nconsole.log("a runs");\n',
  'packages/b/package.json': {
    name: 'b',
    version: '1.0.0',
    dependencies: { plain: '1.0.0' },
    scripts: script(['preinstall', 'prepare', 'install', 'postinstall']),
  },
  'tools/local/package.json': {
    name: 'local',
    version: '1.0.0',
    scripts: script(['preinstall', 'prepare', 'install', 'postinstall']),
  },
};

for (const version of NPMS) {
  test(`npm ${version}: scripts run after a hit as after an install`, { timeout: 300_000 }, async (t) => {
    if (!need(t, 'npm')) return;
    const { checkOut, install, run } = await npmProject(t, version, DEPENDENCIES, EVERYWHERE);
    const alone = await install(await checkOut('alone'), { alone: true });
    t.equal(alone.status, 0, alone.stderr);
    const cold = await install(await checkOut('cold'));
    t.match(cold, { status: 0, hit: 'none', skipped: false, warnings: [] }, cold.stderr);
    t.same(inOrder(cold.seen), inOrder(alone.seen), 'that npm is watched changes nothing');
    t.match(cold.stderr, /: saved /);

    const warm = await install(await checkOut('warm'));
    t.match(warm, { status: 0, hit: 'exact', skipped: true, warnings: [], requests: [] }, warm.stderr);
    t.ok(warm.seen.length > 10);
    t.same(inOrder(warm.seen), inOrder(alone.seen), 'the same scripts, in an order that npm has too');
    t.same(warm.seen.map(comparable).sort(byName), alone.seen.map(comparable).sort(byName));

    const differences = await run(warm.folder, 'diff', [
      '-r',
      '--no-dereference',
      join(alone.folder, 'node_modules'),
      join(warm.folder, 'node_modules'),
    ]);
    t.equal(differences.status, 0, differences.stdout);
    t.same(
      JSON.parse(readFileSync(join(warm.folder, 'packages/b/node_modules/plain/package.json'), 'utf8'))
        .version,
      '1.0.0',
    );
    t.ok(statSync(join(warm.folder, 'packages/a/cli.js')).mode & 0o100, 'the link’s bin is executable');
    t.match(await run(warm.folder, join(warm.folder, 'node_modules/.bin/abin'), []), { stdout: 'a runs\n' });
    const listed = await run(warm.folder, 'npm', ['ls', '--all']);
    t.equal(listed.status, 0, listed.stderr);
  });
}

test('no value of a setting is in what is recorded of scripts, nor in what is said', async (t) => {
  if (!need(t, 'npm')) return;
  const { checkOut, install, state } = await npmProject(t, NPMS[1], DEPENDENCIES, {
    ...EVERYWHERE,
    '.npmrc': '//127.0.0.1/:_authToken=s3cret-in-npmrc\n',
  });
  const env = {
    npm_config_otp: 's3cret-otp',
    npm_config_init_author_name: 's3cret-name',
    TOKEN: 's3cret-token',
  };
  const told: string[] = [];
  for (const name of ['cold', 'warm']) {
    const { stderr, stdout, seen, status, ...report } = await install(await checkOut(name), { env });
    t.equal(status, 0, stderr);
    t.ok(seen.every((one) => one.env.TOKEN === 's3cret-token' && one.env.npm_config_otp === 's3cret-otp'));
    told.push(stdout, stderr, JSON.stringify(report));
  }
  const records = readdirSync(join(state, 'npm-scripts')).map((file) =>
    readFileSync(join(state, 'npm-scripts', file), 'utf8'),
  );
  t.equal(records.length, 2);
  t.match(records.join(), /postinstall/);
  t.notMatch([...records, ...told].join(), 's3cret');
});

/** Events of one package stay in order; packages within one event may swap, as they do in npm. */
function inOrder(seen: readonly Seen[]): string[] {
  const groups: { event: string; folders: string[] }[] = [];
  for (const { event, folder } of seen) {
    const last = groups.at(-1);
    if (last?.event === event && folder !== '<project>') last.folders.push(folder);
    else groups.push({ event, folders: [folder] });
  }
  return groups.map(({ event, folders }) => `${event}: ${folders.sort().join(' ')}`);
}

function comparable({ event, folder, env }: Seen): object {
  // A shell counts its own depth, and names what it started last.
  const { SHLVL: _depth, _: _last, ...rest } = env;
  return { event, folder, env: rest };
}

function byName(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
