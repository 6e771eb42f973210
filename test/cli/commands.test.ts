/** The commands as scripts meet them: what goes to stdout, what is said on stderr, and the exit status. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { place } from '../system/cachalot.ts';

const LOCKFILE = JSON.stringify({
  lockfileVersion: 3,
  packages: { '': { name: 'web' }, 'node_modules/left': { version: '1.0.0', integrity: 'sha512-AAAA' } },
});

test('a word that cannot be meant is a usage error, with the way to the help', async (t) => {
  const { cachalot } = place(t);
  const rows: [args: string[], says: RegExp][] = [
    [['frobnicate'], /unknown command/],
    [['save', '--key', 'k'], /--path/],
    [['run', '--save', 'sometimes', '--', 'true'], /sometimes/],
    [['run'], /command/],
    [['run', '--key', 'k', '--', 'true'], /--key and --path belong together/],
    [['save', '--key', 'a,b', '--path', 'x'], /comma/],
    [['save', '--key', '../up', '--path', 'x'], /key/],
    [['save', '--key', 'k', '--path', '/etc'], /may not be cached/],
    [['rm'], /never removes everything/],
    [['fingerprint', '--kind', 'cobol'], /no kind cobol/],
    [['completion', 'tcsh'], /tcsh/],
    [['admin', 'frobnicate'], /unknown command/],
    [['admin', 'sweep'], /admin-token/],
  ];
  for (const [args, says] of rows) {
    const { status, stderr, stdout } = await cachalot(args);
    t.equal(status, 64, `${args.join(' ')}: ${stderr}`);
    t.match(stderr, says);
    t.equal(stdout, '');
  }
});

test('help and version are no errors', async (t) => {
  const { cachalot } = place(t);
  t.match(await cachalot(['--version']), { status: 0, stdout: /^\d+\.\d+\.\d+\n$/ });
  t.match(await cachalot(['--help']), { status: 0, stdout: /Usage: cachalot/ });
  t.match(await cachalot(['run', '--help']), { status: 0, stdout: /--skip-install/ });
});

test('without a server a build goes on: one line, and its own exit status', async (t) => {
  const { cachalot } = place(t);
  const built = await cachalot([
    'run',
    '--key',
    'k',
    '--path',
    'out',
    '--',
    'sh',
    '-c',
    'echo built; exit 7',
  ]);
  t.match(built, { status: 7, stdout: 'built\n' });
  t.equal(built.stderr.trimEnd().split('\n').length, 1, built.stderr);
  t.equal((await cachalot(['run', '--key', 'k', '--path', 'out', '--', 'no-such-program'])).status, 127);
  t.equal(
    (await cachalot(['run', '--key', 'k', '--path', 'out', '--', 'sh', '-c', 'kill -TERM $$'])).status,
    128 + 15,
  );
  t.equal((await cachalot(['restore', '--key', 'k', '--path', 'out'])).status, 0);
  t.equal((await cachalot(['run', '--strict', '--key', 'k', '--path', 'out', '--', 'true'])).status, 69);
  const off = await cachalot(['run', '--key', 'k', '--path', 'out', '--', 'echo', 'built'], {
    env: { CACHALOT_OFF: '1' },
  });
  t.match(off, { status: 0, stdout: 'built\n', stderr: '' });
});

test('a bad value in the environment is a fault of the cache', async (t) => {
  const { cachalot } = place(t);
  const env = { CACHALOT_BUDGET_LOOKUP: 'soon' };
  const built = await cachalot(['run', '--key', 'k', '--path', 'out', '--', 'echo', 'built'], { env });
  t.match(built, { status: 0, stdout: 'built\n', stderr: /CACHALOT_BUDGET_LOOKUP/ });
  t.equal(
    (await cachalot(['run', '--strict', '--key', 'k', '--path', 'out', '--', 'true'], { env })).status,
    64,
  );
});

test('fingerprint names what it cannot read, and exits with 65', async (t) => {
  const { cachalot, folder } = place(t);
  writeFileSync(join(folder, 'package.json'), '{"name": "web"}');
  writeFileSync(join(folder, 'package-lock.json'), '{');
  t.match(await cachalot(['fingerprint']), { status: 65, stderr: /package-lock\.json/, stdout: '' });
  const built = await cachalot(['run', '--', 'npm', '--version']);
  t.match(built, { status: 0, stderr: /package-lock\.json/ }, 'the build runs all the same');
  rmSync(join(folder, 'package-lock.json'));
  t.match(await cachalot(['fingerprint']), { status: 65, stderr: /Nothing at/ });
});

test('fingerprint --json has the documented form', async (t) => {
  const { cachalot, folder } = place(t);
  writeFileSync(join(folder, 'package.json'), '{"name": "web"}');
  writeFileSync(join(folder, 'package-lock.json'), LOCKFILE);
  const { status, stdout } = await cachalot(['fingerprint', '--json', '.', '--', 'npm', 'ci']);
  t.equal(status, 0);
  const fingerprint = JSON.parse(stdout);
  t.match(fingerprint, { kind: 'npm', name: 'web', key: /^npm\/web\/[0-9a-f]{64}$/ });
  for (const input of fingerprint.inputs) t.match(input, { name: String, digest: /^[0-9a-f]{64}$/ });
  t.match(fingerprint.inputs.find((input: { name: string }) => input.name === 'lockfile').detail[1], [
    'node_modules/left',
    /^1\.0\.0 /,
  ]);
});

test("an entry of one's own: saved, listed, restored, shown, counted, removed", async (t) => {
  const { cachalot, folder, serve, run } = place(t);
  await serve();
  mkdirSync(join(folder, 'out'));
  writeFileSync(join(folder, 'out/file'), 'content');

  t.match(
    await cachalot(['restore', '--key', 'v2', '--restore-key', 'v', '--path', 'out', '--fail-on-miss']),
    { status: 3 },
  );
  t.match(await cachalot(['save', '--key', 'v1', '--path', 'out']), {
    status: 0,
    stdout: '',
    stderr: /saved 1 file/,
  });
  writeFileSync(join(folder, 'out/file'), 'other');
  t.match(await cachalot(['save', '--key', 'v1', '--path', 'out']), { status: 0 }, 'the first save wins');
  rmSync(join(folder, 'out'), { recursive: true });
  t.match(
    await cachalot(['restore', '--key', 'v2', '--restore-key', 'v', '--path', 'out', '--report', 'r.json']),
    { status: 0 },
  );
  t.equal(readFileSync(join(folder, 'out/file'), 'utf8'), 'content');
  t.match(JSON.parse(readFileSync(join(folder, 'r.json'), 'utf8')), {
    command: 'restore',
    kind: 'generic',
    hit: 'near',
    matchedKey: /v1$/,
    skipped: false,
    warnings: [],
  });

  t.match(await cachalot(['ls']), { stdout: /generic\/_\/v1/ });
  const [entry] = JSON.parse((await cachalot(['ls', '--json', '--prefix', 'v'])).stdout);
  t.match(entry, { key: 'generic/_/v1', kind: 'generic', roots: ['workspace:out'] });
  t.match(await cachalot(['inspect', 'v1']), { stdout: /workspace:out/ });
  t.match(await cachalot(['inspect', 'gone']), { status: 74, stderr: /There is no entry gone/ });
  const { stdout: lines } = await cachalot(['inspect', 'v1', '--curl']);
  mkdirSync(join(folder, 'plain'));
  const plain = await run('bash', ['-c', lines], { folder: join(folder, 'plain') });
  t.equal(plain.status, 0, plain.stderr);
  t.equal(readFileSync(join(folder, 'plain/out/file'), 'utf8'), 'content');

  const stats = JSON.parse((await cachalot(['stats', '--json'])).stdout);
  t.match(stats, { hits: { near: 1 }, entries: 1 });
  t.match(await cachalot(['stats', '--csv']), {
    stdout: /^kind,runs,exact,near,none,seconds_saved\ngeneric,/,
  });
  t.match(await cachalot(['stats', '--markdown']), { stdout: /\| hits \|/ });
  t.match(await cachalot(['doctor']), { status: 0, stdout: /trusted in domain local/ });

  t.match(await cachalot(['rm', '--key', 'v1', '--dry-run']), {
    status: 0,
    stdout: 'would remove generic/_/v1\n',
  });
  t.match(await cachalot(['rm', '--key', 'v1']), { status: 0, stdout: 'removed generic/_/v1\n' });
  t.match(await cachalot(['rm', '--key', 'v1']), { status: 65 });
  t.match(await cachalot(['ls']), { stdout: 'No entries.\n' });
});

test('doctor says what is wrong', async (t) => {
  const { cachalot } = place(t);
  t.match(await cachalot(['doctor']), { status: 1, stdout: /BAD {3}server/ });
});

test('a server beyond the loopback is refused with the cure', async (t) => {
  const { cachalot, folder } = place(t);
  t.match(await cachalot(['serve', '--host', '0.0.0.0', '--port', '0', '--data', join(folder, 'data')]), {
    status: 77,
    stderr: /auth\.required is not set.*--host.*admin token create.*admin-token/s,
  });
  t.match(await cachalot(['serve', '--port', 'many']), { status: 64, stderr: /--port/ });
});
