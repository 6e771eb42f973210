/** Places that are not as a developer's: who owns them, what may be written there, what may be started there, how much fits. */
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import { need, permits, programPath } from '../needs.ts';
import { mount } from '../runner-plugin/archive/unpack/mounts.ts';
import { place } from './cachalot.ts';
import type { FixturePackage } from './fixture-registry.ts';
import { type Files, type NpmProject, npmProject } from './npm-project.ts';
import { NPMS } from './npm-tools.ts';

const PACKAGES: FixturePackage[] = [
  { name: 'plain', version: '1.0.0' },
  {
    name: 'tool',
    version: '1.0.0',
    fields: { bin: { tool: 'cli.js' }, scripts: { postinstall: 'node make.js' } },
    files: {
      'cli.js': '#!/usr/bin/env node\nconsole.log("the tool runs");\n',
      'make.js': 'require("node:fs").writeFileSync("made.txt", "made");\n',
    },
  },
];

const FILES: Files = {
  'package.json': {
    name: 'placed',
    version: '1.0.0',
    private: true,
    dependencies: { plain: '1.0.0', tool: '1.0.0' },
    scripts: { postinstall: 'node "$RECORDER" && echo more >> node_modules/plain/index.js' },
    allowScripts: { tool: true },
  },
};

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';

async function set(t: Test): Promise<NpmProject | undefined> {
  if (!need(t, 'npm', 'mount') || !permits(t, isRoot, 'only root can mount')) return undefined;
  return npmProject(t, NPMS[1], PACKAGES, FILES);
}

/** True where that is mounted; else the test is skipped and must return at once. */
function mounted(t: Test, ...args: string[]): boolean {
  mkdirSync(args.at(-1) ?? '', { recursive: true });
  return permits(t, mount(t, ...args), `mount ${args.join(' ')} is not permitted here`);
}

/** What an install leaves, hit or not: the tree, and the project's script run once on it. */
function isInstalled(t: Test, folder: string): void {
  const modules = join(folder, 'node_modules');
  t.equal(readFileSync(join(modules, 'tool/made.txt'), 'utf8'), 'made');
  t.equal(readFileSync(join(modules, 'plain/index.js'), 'utf8').split('more').length, 2, 'one line more');
  t.ok(existsSync(join(modules, '.bin/tool')));
}

test('a temporary folder in which nothing may be started', async (t) => {
  const project = await set(t);
  if (project === undefined) return;
  const TMPDIR = join(dirname(project.home), 'noexec');
  if (!mounted(t, '-t', 'tmpfs', '-o', 'noexec,mode=1777', 'none', TMPDIR)) return;
  const [cold, warm] = [await project.checkOut('cold'), await project.checkOut('warm')];
  // A checkout has a place for what must not be seen; a folder without one is as good.
  mkdirSync(join(warm, '.git'));
  for (const [folder, hit] of [
    [cold, 'none'],
    [warm, 'exact'],
  ] as const) {
    const done = await project.install(folder, { env: { TMPDIR } });
    t.match(done, { status: 0, hit, skipped: hit === 'exact', warnings: [] }, done.stderr);
    t.same(
      done.seen.map(({ event }) => event),
      ['postinstall'],
    );
    isInstalled(t, folder);
    t.same(
      readdirSync(TMPDIR).filter((name) => name.includes('cachalot-scripts')),
      [],
    );
    t.same(readdirSync(folder).sort(), [
      ...(hit === 'exact' ? ['.git'] : []),
      'node_modules',
      'package-lock.json',
      'package.json',
    ]);
    if (hit === 'exact') t.same(readdirSync(join(folder, '.git')), []);
  }
});

test('a home folder that cannot be written', async (t) => {
  const project = await set(t);
  if (project === undefined) return;
  const HOME = join(dirname(project.home), 'read-only-home');
  if (!mounted(t, '-t', 'tmpfs', '-o', 'ro', 'none', HOME)) return;
  const TMPDIR = join(dirname(project.home), 'temporary');
  mkdirSync(TMPDIR);
  const env = { HOME, TMPDIR, CACHALOT_HOME: '', XDG_STATE_HOME: '' };
  for (const [name, hit] of [
    ['cold', 'none'],
    ['warm', 'exact'],
  ] as const) {
    const folder = await project.checkOut(name);
    const done = await project.install(folder, { env });
    t.match(done, { status: 0, hit, skipped: hit === 'exact', warnings: [] }, done.stderr);
    isInstalled(t, folder);
  }
});

test('node_modules is a volume in a project that cannot be written', async (t) => {
  const project = await set(t);
  if (project === undefined) return;
  const ordinary = await project.install(await project.checkOut('ordinary'));
  t.match(ordinary, { status: 0, hit: 'none' }, ordinary.stderr);
  const folder = await project.checkOut('read-only');
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  if (!mounted(t, '--bind', folder, folder)) return;
  if (!mounted(t, '-t', 'tmpfs', 'none', modules)) return;
  if (!mounted(t, '-o', 'remount,bind,ro', folder)) return;
  t.throws(() => writeFileSync(join(folder, 'file'), ''), { code: 'EROFS' });
  for (const what of ['empty', 'filled']) {
    const done = await project.install(folder);
    t.match(done, { status: 0, hit: 'exact', skipped: true, warnings: [], requests: [] }, done.stderr);
    isInstalled(t, folder);
    t.equal(statSync(modules).dev === statSync(folder).dev, false, `${what}: it is still mounted`);
  }
});

test('root installs in a workspace of uid 1000: what is restored is that user’s', async (t) => {
  const project = await set(t);
  if (project === undefined || !need(t, 'setpriv')) return;
  const cold = await project.install(await project.checkOut('cold'));
  t.match(cold, { status: 0, hit: 'none' }, cold.stderr);
  const folder = await project.checkOut('theirs');
  start('chown', '-R', '1000:1000', folder);
  chownSync(dirname(folder), 1000, 1000);
  const warm = await project.install(folder);
  t.match(warm, { status: 0, hit: 'exact', skipped: true, warnings: [] }, warm.stderr);
  const foreign = await project.run(folder, 'find', ['node_modules', '!', '-uid', '1000']);
  t.equal(foreign.stdout, '', 'each file, folder and link');
  const script = 'echo more > node_modules/plain/new && rm -r node_modules/tool && rm -r node_modules';
  const theirs = await project.run(folder, 'setpriv', [
    '--reuid',
    '1000',
    '--regid',
    '1000',
    '--clear-groups',
    'sh',
    '-c',
    script,
  ]);
  t.equal(theirs.status, 0, theirs.stderr);

  const kept = await project.checkOut('kept');
  start('chown', '-R', '1000:1000', kept);
  await project.install(kept, { flags: ['--owner', 'keep'] });
  t.equal(statSync(join(kept, 'node_modules/plain')).uid, 0, '--owner keep');
});

test('a disk that is full midway: one line, what stood there stands, and the build goes on', async (t) => {
  if (!need(t, 'mount', 'mkfs.ext4', 'npm') || !permits(t, isRoot, 'only root can mount')) return;
  const { cachalot, folder, serve } = place(t);
  await serve();
  const content = Buffer.alloc(30 * 1024 * 1024);
  for (let at = 0; at < content.length; at += 4) content.writeUInt32LE((at * 2654435761) >>> 0, at);
  mkdirSync(join(folder, 'out'));
  for (let n = 0; n < 30; n++)
    writeFileSync(join(folder, 'out', `file-${n}`), content.subarray(n * 1024 * 1024, (n + 1) * 1024 * 1024));
  t.match(await cachalot(['save', '--key', 'big', '--path', 'out']), { status: 0, stderr: /saved 30 files/ });

  const image = join(folder, 'image');
  sparse(image, 20);
  start('mkfs.ext4', '-q', '-F', image);
  const small = join(folder, 'small');
  if (!mounted(t, '-o', 'loop', image, small)) return;
  mkdirSync(join(small, 'work/out'), { recursive: true });
  writeFileSync(join(small, 'work/out/old'), 'old');
  const full = await cachalot(
    ['restore', '--key', 'big', '--path', 'out', '--report', join(folder, 'report.json')],
    {
      folder: join(small, 'work'),
    },
  );
  t.equal(full.status, 0, full.stderr);
  t.match(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), {
    hit: 'none',
    warnings: [{ code: 'DISK_FULL' }],
  });
  t.same(readdirSync(join(small, 'work')), ['out'], 'nothing lies beside it');
  t.same(readdirSync(join(small, 'work/out')), ['old']);
  const run = await cachalot(
    [
      'run',
      '--key',
      'big',
      '--path',
      'out',
      '--',
      'sh',
      '-c',
      'cat out/old; dd if=/dev/zero of=out/new bs=1M count=10 2>&1 || echo failed',
    ],
    {
      folder: join(small, 'work'),
    },
  );
  t.match(run, { status: 0, stdout: /^old/ }, run.stderr);
  t.notMatch(run.stdout, /failed/, 'there is room again');
  t.equal(
    (
      await cachalot(['restore', '--key', 'big', '--path', 'out', '--strict'], {
        folder: join(small, 'work'),
      })
    ).status,
    74,
  );
});

test('a file system that takes two names for one: refused, and what stood there stands', async (t) => {
  if (!permits(t, isRoot, 'only root can mount')) return;
  const { cachalot, folder, serve } = place(t);
  await serve();
  const folding = join(folder, 'folding');
  if (!permits(t, foldingAt(t, folding, folder), 'no file system that folds case can be mounted here'))
    return;
  mkdirSync(join(folder, 'out'));
  writeFileSync(join(folder, 'out/README'), 'one');
  writeFileSync(join(folder, 'out/other'), 'x');
  t.equal((await cachalot(['save', '--key', 'plain', '--path', 'out'])).status, 0);
  writeFileSync(join(folder, 'out/readme'), 'two');
  t.equal((await cachalot(['save', '--key', 'both', '--path', 'out'])).status, 0);

  const plain = await cachalot(['restore', '--key', 'plain', '--path', 'out', '--fail-on-miss'], {
    folder: folding,
  });
  t.equal(plain.status, 0, plain.stderr);
  const both = await cachalot(['restore', '--key', 'both', '--path', 'out', '--fail-on-miss'], {
    folder: folding,
  });
  t.match(both, { status: 3, stderr: /readme/i }, both.stderr);
  t.same(readdirSync(join(folding, 'out')).sort(), ['README', 'other']);
  t.equal(readFileSync(join(folding, 'out/README'), 'utf8'), 'one');
});

/** A file of so many MiB, none of them written. */
function sparse(path: string, mib: number): void {
  writeFileSync(path, '');
  truncateSync(path, mib * 1024 * 1024);
}

/** Whether it was there and succeeded. */
function start(program: string, ...args: readonly string[]): boolean {
  return spawnSync(programPath(program) ?? program, args).status === 0;
}

/** By the kernel where it can, else by FUSE. */
function foldingAt(t: Test, target: string, scratch: string): boolean {
  mkdirSync(target);
  if (mount(t, '-t', 'tmpfs', '-o', 'casefold', 'none', target)) {
    if (start('chattr', '+F', target)) return true;
  }
  const image = join(scratch, 'folding-image');
  for (const [size, make, options] of [
    [30, ['mkfs.ext4', '-q', '-F', '-O', 'casefold', image], ['-o', 'loop']],
    [400, ['mkfs.xfs', '-q', '-f', '-n', 'version=ci', image], ['-o', 'loop']],
    [30, ['mkfs.vfat', image], ['-o', 'loop']],
    [30, ['mkfs.exfat', image], ['-t', 'exfat-fuse', '-o', 'loop']],
  ] as const) {
    sparse(image, size);
    const [program, ...args] = make;
    if (!start(program, ...args) || !mount(t, ...options, image, target)) continue;
    start('chattr', '+F', target);
    writeFileSync(join(target, 'x'), '');
    if (existsSync(join(target, 'X'))) return true;
  }
  return false;
}
