/** What no archive of ours can hold stops a save before anything is sent, with an error that names it. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { parseRoot } from '#protocol/format/root.ts';
import type { ErrorCode } from '#protocol/wire/errors.ts';
import { nodeFiles } from '#runner-plugin/archive/file-access.ts';
import { type PackOptions, type PackRoot, pack } from '#runner-plugin/archive/pack.ts';
import { PackThreads } from '#runner-plugin/archive/pack-threads.ts';
import { need, permits } from '../../../needs.ts';
import { MemoryStore } from './memory-store.ts';
import { filesWith, optionsFor, rootAt, scratchFolder } from './setting.ts';
import { contentOf, writeTree } from './tree.ts';

async function refuses(
  t: Test,
  roots: PackRoot[],
  code: ErrorCode,
  message: RegExp,
  more: Partial<PackOptions> = {},
): Promise<void> {
  const store = new MemoryStore();
  await t.rejects(pack(optionsFor(store, roots, more)), { code, message });
  t.same(store.sent, [], 'nothing was sent');
}

test('a root that is not there', async (t) => {
  const folder = scratchFolder(t);
  await refuses(t, [rootAt(join(folder, 'none'))], 'ROOT_MISSING', /none/);
  await refuses(t, [rootAt(join(folder, 'none/none'))], 'ROOT_MISSING', /none/);
});

test('roots that lie in each other, by name or behind a link above them', async (t) => {
  const folder = scratchFolder(t);
  writeTree(folder, [{ path: 'a' }, { path: 'a/b' }, { path: 'a-b' }, { path: 'link', symlink: 'a' }]);
  const root = (path: string) => rootAt(join(folder, path), { text: `workspace:${path}` });
  await refuses(t, [root('a/b'), root('a')], 'ROOTS_NESTED', /a\/b/);
  await refuses(t, [root('a'), root('a')], 'ROOTS_NESTED', /a/);
  await refuses(t, [root('link/b'), root('a')], 'ROOTS_NESTED', /link\/b/);
  await pack(optionsFor(new MemoryStore(), [root('a'), root('a-b'), root('link')]));
  t.pass('names that begin alike do not nest, and a link that is a root is where it is');
});

test('sockets, FIFOs and devices (E16)', async (t) => {
  if (!need(t, 'mkfifo')) return;
  const folder = scratchFolder(t);
  fs.mkdirSync(join(folder, 'tree'));
  execFileSync('mkfifo', [join(folder, 'tree/fifo')]);
  await refuses(
    t,
    [rootAt(join(folder, 'tree'))],
    'ARCHIVE_MEMBER_REFUSED',
    /tree\/fifo is refused: it is a FIFO/,
  );
  await refuses(t, [rootAt('/dev/null', { text: 'abs:x' })], 'ARCHIVE_MEMBER_REFUSED', /character device/);
});

test('names that are not UTF-8, of files and of what links say', async (t) => {
  if (!permits(t, process.platform === 'linux', 'a file system that takes any bytes for a name')) return;
  const folder = scratchFolder(t);
  fs.mkdirSync(join(folder, 'names'));
  fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/names/x`), Buffer.from([0xff, 0x41])]), '');
  await refuses(t, [rootAt(join(folder, 'names'))], 'ARCHIVE_NAME_NOT_UTF8', /names\/x/);
  // As Node shows the name above, so that a look at the decoded text finds something.
  fs.writeFileSync(join(folder, 'names/x\ufffdA'), '');
  await refuses(t, [rootAt(join(folder, 'names'))], 'ARCHIVE_NAME_NOT_UTF8', /names\/x/);
  fs.mkdirSync(join(folder, 'links'));
  fs.symlinkSync(Buffer.from([0xff, 0x41]), join(folder, 'links/l'));
  await refuses(t, [rootAt(join(folder, 'links'))], 'ARCHIVE_NAME_NOT_UTF8', /A/);
});

test('paths of more than 4,096 bytes, names of more than 255, more than 512 levels (E11)', async (t) => {
  const folder = scratchFolder(t);
  const place = join(folder, 'tree');
  fs.mkdirSync(place);
  // Deeper than one path can say: folder by folder.
  const script =
    'for i in $(seq 40); do mkdir $(printf "%0110d" 0) && cd -P $(printf "%0110d" 0) || exit 1; done';
  execFileSync('bash', ['-c', script], { cwd: place });
  await refuses(t, [rootAt(place)], 'ARCHIVE_NAME_TOO_LONG', /000/);
  execFileSync('rm', ['-rf', place]);

  fs.mkdirSync(place);
  // As file systems that count characters give them, and folders that hold themselves.
  const files = filesWith({ list: () => ['é'.repeat(128)] });
  await refuses(t, [rootAt(place)], 'ARCHIVE_NAME_TOO_LONG', /éé/, { files });
  const endless = filesWith({ list: () => ['d'], stat: () => nodeFiles.stat(place) });
  await refuses(t, [rootAt(place)], 'ARCHIVE_LIMIT', /512/, { files: endless });
});

test('a name that other systems take for an absolute one, at save too (E2)', async (t) => {
  const folder = scratchFolder(t);
  for (const [index, name] of ['\\x', 'c:x'].entries()) {
    const place = join(folder, `${index}`);
    fs.mkdirSync(join(place, name), { recursive: true });
    await refuses(t, [rootAt(place, { text: 'workspace:.' })], 'ARCHIVE_PATH_REFUSED', /x/);
    await pack(optionsFor(new MemoryStore(), [rootAt(place)]));
    t.pass('in a folder of its own it is ordinary');
  }
});

test('what may not be read is named', async (t) => {
  const folder = scratchFolder(t);
  writeTree(join(folder, 'tree'), [{ path: 'open' }, { path: 'open/secret', content: Buffer.from('x') }]);
  const denied = Object.assign(new Error('denied'), { code: 'EACCES' });
  const throwing = (path: string) => (given: string) => {
    if (given.endsWith(path)) throw denied;
  };
  const files = filesWith({
    open: (path) => {
      throwing('secret')(path);
      return nodeFiles.open(path);
    },
  });
  await refuses(t, [rootAt(join(folder, 'tree'))], 'INPUT_UNREADABLE', /open\/secret.*EACCES/, { files });
  const listing = filesWith({
    list: (path) => {
      throwing('open')(path);
      return nodeFiles.list(path);
    },
  });
  await refuses(t, [rootAt(join(folder, 'tree'))], 'INPUT_UNREADABLE', /tree\/open.*EACCES/, {
    files: listing,
  });
});

test('a file that the kernel denies', async (t) => {
  const isRoot = process.getuid?.() === 0;
  const folder = scratchFolder(t);
  fs.chmodSync(folder, 0o755);
  writeTree(join(folder, 'tree'), [{ path: 'secret', content: Buffer.from('x'), mode: 0o000 }]);
  if (isRoot) process.seteuid?.(65534);
  try {
    await refuses(t, [rootAt(join(folder, 'tree'))], 'INPUT_UNREADABLE', /tree\/secret.*EACCES/);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

test('errors of a walk come out of threads as they are', async (t) => {
  if (!need(t, 'mkfifo')) return;
  const folder = scratchFolder(t);
  writeTree(folder, [{ path: 'a' }, { path: 'b' }, { path: 'a/x', content: Buffer.from('x') }]);
  execFileSync('mkfifo', [join(folder, 'b/fifo')]);
  const order = { root: parseRoot('workspace:tree'), place: folder, exclude: [] };
  const walk = async (units: string[]) => {
    const threads = new PackThreads(3, nodeFiles);
    try {
      return await threads.walk({ order, units, next: new Int32Array(new SharedArrayBuffer(4)) });
    } finally {
      await threads.end();
    }
  };
  const shares = await walk(['a']);
  t.same(
    shares.map(({ units, paths }) => [units.length, Buffer.from(paths).toString()]).sort(),
    [
      [0, ''],
      [1, 'a/x\0'],
    ],
    'two threads, one unit',
  );
  await t.rejects(walk(['a', 'b']), { code: 'ARCHIVE_MEMBER_REFUSED', message: /b\/fifo/ });
});

test('what the sink throws, and an abort, end a save; with threads and without', async (t) => {
  const folder = scratchFolder(t);
  const large = Array.from({ length: 20 }, (_, index) => ({
    path: `${index}`,
    content: contentOf(1 << 20, index),
  }));
  writeTree(join(folder, 'tree'), large);
  for (const workers of [0, 2]) {
    const roots = [rootAt(join(folder, 'tree'))];
    const store = new MemoryStore();
    const lack = async () => {
      throw new Error('lack failed');
    };
    await t.rejects(pack({ ...optionsFor(store, roots), workers, sink: { lack, send: async () => {} } }), {
      message: 'lack failed',
    });
    const send = async () => {
      throw new Error('send failed');
    };
    const sink = { lack: (identities: string[]) => store.lack(identities), send };
    await t.rejects(pack({ ...optionsFor(store, roots), workers, sink }), { message: 'send failed' });

    const stop = new AbortController();
    const never = { lack: () => new Promise<Set<string>>(() => stop.abort(new Error('stopped'))), send };
    const options = { ...optionsFor(store, roots), workers, sink: never, signal: stop.signal };
    await t.rejects(pack(options), { message: 'stopped' });
    await t.rejects(pack(options), { message: 'stopped' }, 'at once, if it was before');
  }
});
