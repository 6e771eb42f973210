// What is published, as somebody gets it: packed, installed into an empty place without a network, and run.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { bundle } from '../../toolchain/bundle.mjs';
import { needThat } from '../needs.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const execute = promisify(execFile);
const MIB = 1024 * 1024;
const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));

interface Ended {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, whatever its exit status. */
async function run(program: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const ended: Ended = await execute(program, args, { ...options, maxBuffer: 64 * MIB }).then(
    ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
    ({ code, stdout = '', stderr = '' }) => ({ status: Number(code), stdout, stderr }),
  );
  return ended;
}

/** The environment of a user with nothing of ours, and `node` in front of PATH. */
function plainEnvironment(home: string, node = process.execPath): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { HOME: home, PATH: [dirname(node), process.env.PATH].join(delimiter) };
  for (const name of [
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'NO_PROXY',
    'npm_config_userconfig',
    'npm_config_registry',
  ])
    if (process.env[name] !== undefined) env[name] = process.env[name];
  return env;
}

const OLDEST = '22.15.0';
let oldest: Promise<string | undefined> | undefined;
/** The oldest Node that is promised; installed once. */
function oldestNode(): Promise<string | undefined> {
  oldest ??= nodeOfVersion(OLDEST, join(t.testdirName, 'oldest-node'));
  return oldest;
}

/** Installs one version of Node from its npm package; undefined where it cannot be had. */
async function nodeOfVersion(version: string, folder: string): Promise<string | undefined> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, allowScripts: { node: true } }),
  );
  await run(
    'npm',
    ['install', '--no-save', '--prefer-offline', '--no-audit', '--no-fund', `node@${version}`],
    {
      cwd: folder,
    },
  );
  const node = join(folder, 'node_modules/node/bin/node');
  return existsSync(node) ? node : undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

t.test('the bundles', async (t) => {
  const out = t.testdir();
  const made = await bundle(out);
  const runner = made.find(({ file }) => file === 'cachalot.mjs');
  const text = readFileSync(join(out, 'cachalot.mjs'), 'utf8');

  t.test("the runner's part is one file under 2 MB", async (t) => {
    t.ok(runner && runner.bytes < 2_000_000, `${runner?.bytes} bytes`);
  });

  t.test("the runner's part holds no code of the server, nor the server's of the runner", async (t) => {
    t.strictSame(
      runner?.modules.filter((module) => module.startsWith('server/')),
      [],
    );
    const server = made.find(({ file }) => file === 'server.mjs');
    t.ok(server, 'the server is bundled');
    t.strictSame(
      server?.modules.filter((module) => /^(runner-plugin|cli)\//.test(module)),
      [],
    );
  });

  t.test('nothing in them names the place where they were made', async (t) => {
    for (const { file } of made) t.notOk(readFileSync(join(out, file), 'utf8').includes(project), file);
  });

  t.test('no name is imported that an older Node would fail to link', async (t) => {
    t.strictSame(text.match(/^import\s*\{[^}]*\}\s*from\s*"node:(?!module"|url")[^"]*"/gm), null);
  });

  t.test('made again, they are left as they are', async (t) => {
    const before = made.map(({ file }) => statSync(join(out, file)).ino);
    await bundle(out);
    t.strictSame(
      made.map(({ file }) => statSync(join(out, file)).ino),
      before,
    );
  });

  t.test('on an older one they say so, and the build goes on', async (t) => {
    const node = await nodeOfVersion('20.11.0', t.testdir());
    if (!needThat(t, node !== undefined, 'Node 20.11.0 could not be installed') || node === undefined) return;
    const program = join(out, 'cachalot.mjs');
    const tooOld = /^cachalot: Node 20\.11\.0 is too old: 22\.15 or later is needed, or 23\.8 or later\.\n$/;
    t.match(await run(node, [program, '--version']), { status: 69, stdout: '', stderr: tooOld });
    t.match(await run(node, [program, 'run', '--', 'sh', '-c', 'echo built; exit 7']), {
      status: 7,
      stdout: 'built\n',
      stderr: tooOld,
    });
    t.match(await run(node, [program, 'run', '--', 'sh', '-c', 'kill -9 $$']), { status: 137 });
    t.match(await run(node, [program, 'run', '--', join(out, 'no-such-program')]), { status: 127 });
    t.match(await run(node, [program, 'run', '--strict', '--', 'sh', '-c', 'echo built']), {
      status: 69,
      stdout: '',
    });
  });
});

t.test('the package', async (t) => {
  // Outside the project, whose node_modules would be found from anywhere inside it.
  const place = mkdtempSync(join(tmpdir(), 'cachalot-package-'));
  t.teardown(() => rmSync(place, { recursive: true, force: true }));
  for (const folder of ['home', 'prefix', 'cache', 'work']) mkdirSync(join(place, folder));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', place], { cwd: project });
  t.equal(packed.status, 0, packed.stderr);
  const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[')));
  const archive = join(place, filename);
  const program = join(place, 'prefix/bin/cachalot');

  t.test('holds the bundles and what belongs to them, and no source', async (t) => {
    const names: string[] = files.map(({ path }: { path: string }) => path);
    t.strictSame(
      names.filter((name) => !/^dist\/(docs-ui|bull-board)\//.test(name)).sort(),
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'cli/launcher.mjs',
        'dist/cachalot.mjs',
        'dist/server.mjs',
        'dist/third-party-licenses.txt',
        'package.json',
        // Named by package.json; there it finds nothing to do.
        'toolchain/prepare.mjs',
      ].sort(),
    );
  });

  t.test('is installed into an empty place without a network', async (t) => {
    const args = [
      'install',
      '--global',
      '--offline',
      '--prefix',
      join(place, 'prefix'),
      '--cache',
      join(place, 'cache'),
    ];
    const { status, stderr } = await run('npm', [...args, archive], { cwd: join(place, 'work') });
    t.equal(status, 0, stderr);
    t.notOk(
      existsSync(join(place, 'prefix/lib/node_modules/cachalot/node_modules')),
      'it depends on nothing',
    );
  });

  t.test('has nothing to prepare once it is installed', async (t) => {
    const cwd = join(place, 'prefix/lib/node_modules/cachalot');
    t.match(await run(process.execPath, ['toolchain/prepare.mjs'], { cwd }), {
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  t.test('runs', async (t) => {
    const env = plainEnvironment(join(place, 'home'));
    t.match(await run(program, ['--version'], { env, cwd: join(place, 'work') }), {
      status: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
    const nowhere = { ...env, HOME: '/dev/null' };
    t.match(
      await run(program, ['--version'], { env: nowhere }),
      { status: 0, stderr: '' },
      'where nothing can be kept',
    );
  });

  t.test('a server that cannot start says so in one line', async (t) => {
    const env = plainEnvironment(join(place, 'home'));
    const data = ['--data', join(t.testdir(), 'data')];
    t.match(await run(program, ['serve', '--host', '0.0.0.0', ...data], { env }), {
      status: 77,
      stdout: '',
      stderr: /^cachalot: The server would answer anybody[^\n]*\n$/,
    });
    t.match(await run(program, ['serve', '--port', 'many', ...data], { env }), {
      status: 64,
      stderr: /^cachalot: The setting --port[^\n]*\n$/,
    });
  });

  t.test('runs on the oldest Node that is promised', async (t) => {
    const node = await oldestNode();
    if (!needThat(t, node !== undefined, `Node ${OLDEST} could not be installed`)) return;
    t.match(await run(program, ['--version'], { env: plainEnvironment(join(place, 'home'), node) }), {
      status: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  for (const which of ['this Node', 'the oldest Node that is promised']) {
    t.test(`serves, documents itself, keeps a tree, and ends when told to, on ${which}`, async (t) => {
      const node = which === 'this Node' ? process.execPath : await oldestNode();
      if (!needThat(t, node !== undefined, `Node ${OLDEST} could not be installed`)) return;
      const port = await freePort();
      const base = `http://127.0.0.1:${port}`;
      const env: NodeJS.ProcessEnv = { ...plainEnvironment(join(place, 'home'), node), CACHALOT_URL: base };
      const work = t.testdir({ tree: { 'a.txt': 'alpha', sub: { 'b.txt': 'beta' } } });

      const server = spawn(program, ['serve', '--port', String(port), '--data', join(work, 'data')], {
        env,
        cwd: work,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      t.teardown(() => server.kill('SIGKILL'));
      let said = '';
      for (const stream of [server.stdout, server.stderr])
        stream.on('data', (data) => {
          said += data;
        });
      const ended = once(server, 'exit');
      let health: Response | undefined;
      for (const until = Date.now() + 15_000; Date.now() < until && server.exitCode === null; ) {
        health = await fetch(`${base}/healthz`).catch(() => undefined);
        if (health?.ok) break;
        await sleep(50);
      }
      t.equal(health?.status, 200, said);
      if (!health?.ok) return;

      const page = await fetch(`${base}/docs`);
      t.equal(page.status, 200);
      t.match(await page.text(), /swagger-ui/);
      const script = await fetch(`${base}/docs/static/swagger-ui-bundle.js`);
      t.equal(script.status, 200, 'the page finds its files');
      await script.body?.cancel();
      const description = await fetch(`${base}/docs/json`);
      t.match(await description.json(), { openapi: /^3\./ });

      const key = ['--key', 'package-test', '--path', 'tree', '--strict'];
      t.match(await run(program, ['save', ...key], { env, cwd: work }), { status: 0 });
      rmSync(join(work, 'tree'), { recursive: true });
      t.match(await run(program, ['restore', ...key, '--fail-on-miss'], { env, cwd: work }), { status: 0 });
      t.equal(readFileSync(join(work, 'tree/a.txt'), 'utf8'), 'alpha');
      t.equal(readFileSync(join(work, 'tree/sub/b.txt'), 'utf8'), 'beta');

      server.kill('SIGTERM');
      const [status] = await ended;
      t.equal(status, 0, said);
    });
  }
});

t.test('the lockfile names no registry', async (t) => {
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  const resolved = Object.entries<{ resolved?: string }>(lock.packages).filter(
    ([, each]) => each.resolved !== undefined,
  );
  t.strictSame(
    resolved.map(([name]) => name),
    [],
  );
});
