/** The promises of docs/design.md on a tree with everything odd that a file system allows, through the whole program. */
import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { need } from '../needs.ts';
import { type Place, place, readReport } from './cachalot.ts';

const LARGE_BYTES = 50 * 1024 * 1024;

/** Newlines, 255-byte names, long paths, both Unicode forms, links of all kinds, odd modes, empty and large. */
function makeOddTree(root: string): void {
  const file = (path: string, content: string | Buffer = path) => writeFileSync(join(root, path), content);
  mkdirSync(join(root, 'dir/empty'), { recursive: true });
  file('new\nline');
  file(' leading and trailing ');
  file('é composed'.normalize('NFC'));
  file('é composed'.normalize('NFD'));
  file('日本語 🐋');
  file('back\\slash');
  file('*?[x]$HOME`"\'');
  file('-rf');
  file('n'.repeat(255));
  const deep = Array.from({ length: 6 }, (_, i) => `${i}`.padEnd(120, 'd')).join('/');
  mkdirSync(join(root, deep), { recursive: true });
  file(`${deep}/leaf`);
  file('empty-file', '');
  const large = Buffer.alloc(LARGE_BYTES);
  for (let at = 0; at < large.length; at += 4)
    large.writeUInt32LE((Math.imul(at, 2_654_435_761) ^ at) >>> 0, at);
  file('large', large);
  file('executable');
  chmodSync(join(root, 'executable'), 0o755);
  file('secret');
  chmodSync(join(root, 'secret'), 0o600);
  symlinkSync('executable', join(root, 'link'));
  symlinkSync('nowhere/at all', join(root, 'dangling'));
  symlinkSync('dir', join(root, 'link-to-dir'));
  linkSync(join(root, 'executable'), join(root, 'hard'));
  mkdirSync(join(root, 'private'));
  file('private/x');
  chmodSync(join(root, 'private'), 0o700);
  mkdirSync(join(root, 'read-only'));
  file('read-only/x');
  // Half seconds are exact as doubles, which is what Node sets times with.
  for (const [i, name] of readdirSync(root, { recursive: true, encoding: 'utf8' }).entries())
    lutimesSync(join(root, name), 1_600_000_000 + i, 1_600_000_000.5 + i);
  chmodSync(join(root, 'read-only'), 0o555);
}

/** One line a member, by GNU find and sha256sum: type, mode, size, links, times, name, target, content. */
async function listing(here: Place, folder: string, times: boolean): Promise<string> {
  const format = `%P\\0%y %m %n ${times ? '%T@' : ''} %l\\0`;
  const found = await here.run('find', ['.', '-mindepth', '1', '-printf', format], { folder });
  if (found.status !== 0) throw new Error(found.stderr);
  const words = found.stdout.split('\0');
  const lines: string[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    // Node sets times as doubles: they come back to within a quarter of a microsecond.
    lines.push(`${JSON.stringify(words[i])} ${words[i + 1]?.replace(/(\.\d{6})\d+/, '$1')}`);
  }
  const sums = await here.run(
    'sh',
    ['-c', 'find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum -z'],
    { folder },
  );
  return `${lines.sort().join('\n')}\n${sums.stdout.replaceAll('\0', '\n')}`;
}

async function setUp(t: Test): Promise<{ here: Place; tree: string }> {
  const here = place(t);
  const tree = join(here.folder, 'tree');
  mkdirSync(tree);
  makeOddTree(tree);
  t.teardown(() => chmodSync(join(tree, 'read-only'), 0o755));
  return { here, tree };
}

const save = ['save', '--key', 'odd', '--path', 'tree'];
const restore = ['restore', '--key', 'odd', '--path', 'tree', '--strict'];

test('a hit is exactly what was saved: by us, by curl and tar, and after the server was killed', {
  timeout: 300_000,
}, async (t) => {
  if (!need(t, 'curl', 'zstd', 'tar', 'find')) return;
  const { here, tree } = await setUp(t);
  const server = await here.serve();
  const [wanted, wantedPlain] = [await listing(here, tree, true), await listing(here, tree, false)];
  t.match(await here.cachalot(save), { status: 0, stderr: /saved/ });

  const check = async (name: string) => {
    const folder = join(here.folder, name);
    mkdirSync(folder);
    const done = await here.cachalot(restore, { folder });
    t.equal(done.status, 0, done.stderr);
    t.equal(await listing(here, join(folder, 'tree'), true), wanted, name);
  };
  await check('restored');

  const plain = join(here.folder, 'plain');
  mkdirSync(plain);
  const { stdout: lines } = await here.cachalot(['inspect', 'odd', '--curl']);
  const piped = await here.run('bash', ['-c', `umask 0; ${lines.replace(' -x ', ' -xp ')}`], {
    folder: plain,
  });
  t.equal(piped.status, 0, piped.stderr);
  t.equal(await listing(here, join(plain, 'tree'), false), wantedPlain, 'curl | tar');

  await server.kill('SIGKILL');
  await here.serve();
  await check('restored after kill -9');
});

test('bytes move once: the same content under another key sends nothing', { timeout: 120_000 }, async (t) => {
  const { here } = await setUp(t);
  await here.serve();
  await here.cachalot(save);
  const report = join(here.folder, 'report.json');
  const again = await here.cachalot(['save', '--key', 'other', '--path', 'tree', '--report', report]);
  t.match(again, { status: 0 });
  const { bytes } = readReport(report, again);
  t.equal(bytes.up, 0);
  t.ok(bytes.reused >= LARGE_BYTES);
});

test('a damaged segment never reaches a target, and its key can be saved again with other content', {
  timeout: 120_000,
}, async (t) => {
  const { here, tree } = await setUp(t);
  await here.serve();
  await here.cachalot(save);
  for (const path of segmentFiles(join(here.folder, 'data'))) {
    const bytes = readFileSync(path);
    // In the middle of the frame, not in what says how long it is.
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 0xff, bytes.length >> 1);
    writeFileSync(path, bytes);
  }
  const target = join(here.folder, 'target');
  mkdirSync(join(target, 'tree'), { recursive: true });
  writeFileSync(join(target, 'tree/old'), 'stands');
  const open = await here.cachalot(
    restore.filter((word) => word !== '--strict'),
    { folder: target },
  );
  t.equal(open.status, 0, 'a fault of the cache fails nothing');
  t.equal(open.stderr.trimEnd().split('\n').length, 1, open.stderr);
  t.same(readdirSync(target), ['tree'], 'nothing is left behind');
  t.same(readdirSync(join(target, 'tree')), ['old'], 'the target is as it was');

  writeFileSync(join(tree, 'rebuilt'), 'other content than before');
  lutimesSync(join(tree, 'rebuilt'), 1_600_000_000, 1_600_000_000.5);
  t.match(await here.cachalot(save), { status: 0, stderr: /saved/ });
  const wanted = await listing(here, tree, true);
  const healed = await here.cachalot(restore, { folder: target });
  t.equal(healed.status, 0, healed.stderr);
  t.equal(await listing(here, join(target, 'tree'), true), wanted);
});

test('a fault of the cache never fails a build nor leaves anything behind: the server dies midway', {
  timeout: 120_000,
}, async (t) => {
  const { here, tree } = await setUp(t);
  const server = await here.serve();
  await here.cachalot(save);
  chmodSync(join(tree, 'read-only'), 0o755);
  rmSync(tree, { recursive: true });
  await server.kill('SIGKILL');
  const built = await here.cachalot([
    'run',
    '--key',
    'odd',
    '--path',
    'tree',
    '--',
    'sh',
    '-c',
    'mkdir -p tree/read-only && echo built',
  ]);
  t.match(built, { status: 0, stdout: 'built\n' });
  t.equal(built.stderr.trimEnd().split('\n').length, 1, built.stderr);
});

function segmentFiles(data: string): string[] {
  return readdirSync(data, { recursive: true, withFileTypes: true })
    .filter(
      (entry) =>
        entry.isFile() && /\/segments(\/|$)/.test(entry.parentPath) && /^[0-9a-f]{64}$/.test(entry.name),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}
