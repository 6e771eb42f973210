/**
 * A save's side of the archive, judged by GNU tar: what was packed and put one after another is a plain .tar.zst, and what
 * tar makes of it is the tree that was packed.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { PART_BYTES } from '#protocol/format/limits.ts';
import { compareMembers } from '#protocol/format/member.ts';
import { HIDDEN_LOCKFILE_MTIME } from '#protocol/format/mtime.ts';
import { readMembers } from '#protocol/format/tar-reader.ts';
import { unpackTimes } from '#protocol/format/times.ts';
import { type Packed, pack } from '#runner-plugin/archive/pack.ts';
import { need } from '../../../needs.ts';
import { MemoryStore } from './memory-store.ts';
import { optionsFor, rootAt, scratchFolder, untar } from './setting.ts';
import { arbitraryTree, contentOf, describeTree, type Entry, pathsOf, writeTree } from './tree.ts';

/** 20 MiB in files of half a MiB, which is more than is packed without threads. */
const LARGE: Entry[] = Array.from({ length: 40 }, (_, index) => ({
  path: `file-${index}`,
  content: contentOf(512 * 1024 + index * 100, index, index % 4 === 0),
}));

const identities = (packed: Packed) =>
  packed.roots.map((root) => root.segments.map(({ identity }) => identity));

test('what GNU tar restores of a random tree is that tree', async (t) => {
  if (!need(t, 'zstd', 'tar')) return;
  const folder = scratchFolder(t);
  let run = 0;
  const restores = async (tree: Entry[], modes: 'kept' | 'executable') => {
    const base = join(folder, `${run++}`);
    writeTree(join(base, 'tree'), tree);
    const store = new MemoryStore();
    const packed = await pack(optionsFor(store, [rootAt(join(base, 'tree'), { modes })]));
    const error = untar(store.archive(packed.roots), join(base, 'restored'));
    const [saved, restored] = [
      describeTree(join(base, 'tree'), modes, 'derived'),
      describeTree(join(base, 'restored/tree'), 'kept', 'own'),
    ];
    t.match(error, /^$/);
    t.same(restored, saved, `${modes}: ${tree.length} entries`);
    t.equal(packed.totals.members, Object.keys(saved).length);
    return t.passing();
  };
  const property = fc.asyncProperty(arbitraryTree(3000, 40), fc.constantFrom('kept', 'executable'), restores);
  await fc.assert(property, { numRuns: 40 });
});

test('the order of the stream is that of the format, whatever order the file system lists in', async (t) => {
  const folder = scratchFolder(t);
  const names = ['a', 'a-b', 'a.b', 'a/b', 'a-b/c', 'a0', '\u{1f40b}', '\uffee', 'A', 'a/b-'];
  const tree: Entry[] = [];
  for (const name of names.filter((name) => !name.includes('/'))) {
    tree.push({ path: `d-${name}` }, { path: `d-${name}/f`, content: Buffer.from(name) });
    tree.push({ path: `d-${name}-f`, content: Buffer.from(name) }, { path: `d-${name}.l`, symlink: 'x' });
  }
  writeTree(join(folder, 'tree'), tree);
  const store = new MemoryStore();
  const packed = await pack(optionsFor(store, [rootAt(join(folder, 'tree'))]));
  const members = readMembers(store.stream(packed.roots)).map(({ member }) => member);
  t.same(members, members.toSorted(compareMembers));
  t.equal(members.length, tree.length + 1);
});

test('a large tree: threads and no threads, another place, other times, another umask, another owner make the same segments', async (t) => {
  if (!need(t, 'zstd', 'tar', 'cp')) return;
  const folder = scratchFolder(t);
  writeTree(join(folder, 'one/tree'), LARGE);
  writeTree(join(folder, 'two/tree'), LARGE.toReversed());
  for (const [index, path] of pathsOf(join(folder, 'two/tree')).entries()) {
    const place = join(folder, 'two/tree', path);
    fs.utimesSync(place, index, index);
    fs.chmodSync(place, fs.statSync(place).mode & 0o700);
  }
  const store = new MemoryStore();
  const modes = 'executable';
  const inline = await pack(optionsFor(store, [rootAt(join(folder, 'one/tree'), { modes })]));
  const sentInline = store.sent.length;
  const other = await pack(optionsFor(store, [rootAt(join(folder, 'two/tree'), { modes })], { workers: 2 }));
  t.same(identities(other), identities(inline));
  t.equal(store.sent.length, sentInline, 'nothing is sent twice');
  t.equal(other.sentBytes, 0);
  t.equal(other.reusedBytes, other.totals.raw);

  const fromThreads = new MemoryStore();
  const again = await pack(
    optionsFor(fromThreads, [rootAt(join(folder, 'one/tree'), { modes })], { workers: 3 }),
  );
  t.same(again.roots, inline.roots);
  t.equal(untar(fromThreads.archive(again.roots), join(folder, 'restored')), '');
  t.same(
    describeTree(join(folder, 'restored/tree'), 'kept', 'own'),
    describeTree(join(folder, 'one/tree'), modes, 'derived'),
  );
});

test('a file of 8 MiB and more is cut into parts, which another name for the same content shares', async (t) => {
  if (!need(t, 'zstd', 'tar')) return;
  const folder = scratchFolder(t);
  const content = contentOf(2 * PART_BYTES + 1, 7, true);
  writeTree(join(folder, 'tree'), [
    { path: 'before', content: Buffer.from('before') },
    { path: 'large', content, mode: 0o755 },
    { path: 'whole-parts', content: content.subarray(0, 2 * PART_BYTES) },
    { path: 'zero', content: Buffer.alloc(0) },
  ]);
  for (const workers of [0, 2]) {
    const store = new MemoryStore();
    const packed = await pack(optionsFor(store, [rootAt(join(folder, 'tree'))], { workers }));
    const segments = packed.roots[0]?.segments ?? [];
    t.same(
      segments.map(({ raw, part }) => [raw, part?.path, part?.offset, part?.size]),
      [
        [1536, undefined, undefined, undefined],
        [512, undefined, undefined, undefined],
        [PART_BYTES, 'tree/large', 0, content.length],
        [PART_BYTES, 'tree/large', PART_BYTES, content.length],
        [512, 'tree/large', 2 * PART_BYTES, content.length],
        [512, undefined, undefined, undefined],
        [PART_BYTES, 'tree/whole-parts', 0, 2 * PART_BYTES],
        [PART_BYTES, 'tree/whole-parts', PART_BYTES, 2 * PART_BYTES],
        [512, undefined, undefined, undefined],
      ],
    );
    t.equal(segments[2]?.identity, segments[6]?.identity);
    t.equal(store.sent.length, segments.length - 2, 'the shared parts are sent once');
    t.equal(untar(store.archive(packed.roots), join(folder, `restored-${workers}`)), '');
    t.same(
      describeTree(join(folder, `restored-${workers}/tree`), 'kept', 'own'),
      describeTree(join(folder, 'tree'), 'kept', 'derived'),
    );
  }
});

test('a root may be a folder that is empty, a file, or a symbolic link, which is kept as a link', async (t) => {
  if (!need(t, 'zstd', 'tar')) return;
  const folder = scratchFolder(t);
  fs.mkdirSync(join(folder, 'empty'));
  fs.writeFileSync(join(folder, 'file'), 'content');
  fs.symlinkSync('file', join(folder, 'link'));
  const store = new MemoryStore();
  const roots = ['link', 'file', 'empty'].map((name) =>
    rootAt(join(folder, name), { text: `workspace:${name}` }),
  );
  const packed = await pack(optionsFor(store, roots));
  t.same(
    packed.roots.map(({ root, members, segments }) => [root, members, segments.length]),
    [
      ['workspace:empty', 1, 1],
      ['workspace:file', 1, 1],
      ['workspace:link', 1, 1],
    ],
    'sorted, a segment each',
  );
  t.same(packed.totals, { members: 3, files: 1, raw: 512 + 1024 + 512 });
  t.equal(untar(store.archive(packed.roots), join(folder, 'restored')), '');
  t.same(fs.readdirSync(join(folder, 'restored/empty')), []);
  t.equal(fs.readFileSync(join(folder, 'restored/file'), 'utf8'), 'content');
  t.equal(fs.readlinkSync(join(folder, 'restored/link')), 'file');
});

test('the anchor itself can be a root, and every name in it is one at the anchor', async (t) => {
  const folder = scratchFolder(t);
  writeTree(join(folder, 'tree'), [{ path: 'b', content: Buffer.from('b') }, { path: 'a' }]);
  const store = new MemoryStore();
  const packed = await pack(optionsFor(store, [rootAt(join(folder, 'tree'), { text: 'workspace:.' })]));
  const members = readMembers(store.stream(packed.roots)).map(
    ({ member }) => `${member.type} ${member.path}`,
  );
  t.same(members, ['directory .', 'directory a', 'file b']);
});

test('hard links inside a root stay links to the first name; across roots, and to what is outside, they are files', async (t) => {
  const folder = scratchFolder(t);
  writeTree(folder, [
    { path: 'one' },
    { path: 'two' },
    { path: 'one/b', content: Buffer.from('same') },
    { path: 'one/c', hardlink: 'one/b' },
    { path: 'one/a', hardlink: 'one/b' },
    { path: 'two/d', hardlink: 'one/b' },
    { path: 'outside', content: Buffer.from('outside') },
    { path: 'two/e', hardlink: 'outside' },
  ]);
  const store = new MemoryStore();
  const roots = ['one', 'two'].map((name) => rootAt(join(folder, name), { text: `workspace:${name}` }));
  const packed = await pack(optionsFor(store, roots));
  const members = readMembers(store.stream(packed.roots)).map(
    ({ member: { type, path, link = '' } }) => `${type} ${path} ${link}`,
  );
  t.same(members, [
    'directory one ',
    'file one/a ',
    'hardlink one/b one/a',
    'hardlink one/c one/a',
    'directory two ',
    'file two/d ',
    'file two/e ',
  ]);
  t.equal(packed.totals.files, 3);
});

test('times are kept to the nanosecond, in the order of the stream of all roots, where they are asked for', async (t) => {
  const folder = scratchFolder(t);
  writeTree(folder, [
    { path: 'a' },
    { path: 'a/file', content: Buffer.from('x') },
    { path: 'a/link', symlink: 'file' },
    { path: 'b', content: Buffer.from('y') },
  ]);
  const roots = ['b', 'a'].map((name) => rootAt(join(folder, name), { text: `workspace:${name}` }));
  const without = await pack(optionsFor(new MemoryStore(), roots));
  t.equal(without.times, undefined);
  const packed = await pack(optionsFor(new MemoryStore(), roots, { keepTimes: true }));
  const expected = ['a', 'a/file', 'a/link', 'b'].map(
    (path) => fs.lstatSync(join(folder, path), { bigint: true }).mtimeNs,
  );
  t.same([...unpackTimes(packed.times ?? Buffer.alloc(0), 4)], expected);
  fs.utimesSync(join(folder, 'b'), 1, 1);
  const later = await pack(optionsFor(new MemoryStore(), roots, { keepTimes: true }));
  t.same(later.roots, packed.roots, 'and are no part of the segments');
  t.notSame(later.times, packed.times);
});

test("npm's hidden lockfile is younger than every folder", async (t) => {
  const folder = scratchFolder(t);
  writeTree(join(folder, 'node_modules'), [
    { path: '.package-lock.json', content: Buffer.from('{}') },
    { path: 'package' },
    { path: 'package/.package-lock.json', content: Buffer.from('{}') },
  ]);
  const store = new MemoryStore();
  const packed = await pack(
    optionsFor(store, [rootAt(join(folder, 'node_modules'), { text: 'workspace:node_modules' })]),
  );
  const times = readMembers(store.stream(packed.roots)).map(
    ({ member: { path, mtime } }) => [path, mtime] as const,
  );
  const lockfile = times.find(([path]) => path === 'node_modules/.package-lock.json');
  t.equal(lockfile?.[1], HIDDEN_LOCKFILE_MTIME);
  t.ok(times.every(([path, time]) => path === lockfile?.[0] || time < HIDDEN_LOCKFILE_MTIME));
});

test('what is excluded is left out with all below it; of what is selected only it and the folders above are taken', async (t) => {
  const folder = scratchFolder(t);
  writeTree(join(folder, 'tree'), [
    { path: '.cache' },
    { path: '.cache/x', content: Buffer.from('x') },
    { path: 'a' },
    { path: 'a/.cache', content: Buffer.from('kept') },
    { path: 'a/log', content: Buffer.from('log') },
    { path: 'b' },
    { path: 'b/c' },
    { path: 'b/c/d', content: Buffer.from('d') },
    { path: 'b/l', symlink: 'c' },
  ]);
  const namesOf = async (more: object) => {
    const store = new MemoryStore();
    const packed = await pack(optionsFor(store, [rootAt(join(folder, 'tree'), more)]));
    return readMembers(store.stream(packed.roots)).map(({ member }) => member.path.slice('tree'.length));
  };
  t.same(await namesOf({ exclude: ['.cache', 'a/log', 'b/c'] }), ['', '/a', '/b', '/a/.cache', '/b/l']);
  t.same(await namesOf({ files: ['b/c/d', 'a/log', 'b/l'] }), [
    '',
    '/a',
    '/b',
    '/b/c',
    '/a/log',
    '/b/c/d',
    '/b/l',
  ]);
  t.same(await namesOf({ files: ['b/c/d', 'a/log'], exclude: ['b/c'] }), ['', '/a', '/a/log']);
  t.same(await namesOf({ files: [] }), ['']);
});

test('an entry of up to 4 MiB is one segment a root, a larger one is cut', async (t) => {
  const folder = scratchFolder(t);
  writeTree(folder, [
    { path: 'a' },
    { path: 'b' },
    ...LARGE.slice(0, 4).map((entry) => ({ ...entry, path: `a/${entry.path}` })),
    ...LARGE.slice(4, 7).map((entry) => ({ ...entry, path: `b/${entry.path}` })),
  ]);
  const roots = ['a', 'b'].map((name) => rootAt(join(folder, name), { text: `workspace:${name}` }));
  const small = await pack(optionsFor(new MemoryStore(), roots));
  t.same(
    small.roots.map(({ segments }) => segments.length),
    [1, 1],
  );
  writeTree(join(folder, 'b/more'), LARGE.slice(8, 10));
  const cut = await pack(optionsFor(new MemoryStore(), roots));
  t.ok(cut.totals.raw > 4 * 1024 * 1024);
  t.ok(
    cut.roots.every(({ segments, raw }) => segments.reduce((sum, segment) => sum + segment.raw, 0) === raw),
  );
  t.ok(cut.roots.some(({ segments }) => segments.length > 1));
});

test('what is asked is asked in few questions, and progress ends with everything', async (t) => {
  const folder = scratchFolder(t);
  writeTree(join(folder, 'tree'), LARGE);
  const store = new MemoryStore();
  const seen: { done: number; total: number }[] = [];
  const onProgress = (progress: { done: number; total: number }) => seen.push(progress);
  const packed = await pack(optionsFor(store, [rootAt(join(folder, 'tree'))], { workers: 2, onProgress }));
  const segments = packed.roots[0]?.segments.length ?? 0;
  t.ok(store.asked.length <= 6, `${store.asked.length} questions for ${segments} segments`);
  t.same(seen.at(-1), { done: packed.totals.raw, total: packed.totals.raw });
  t.ok(seen.every(({ done }, index) => done > (seen[index - 1]?.done ?? 0)));
  t.equal(
    packed.sentBytes,
    [...store.stored.values()].reduce((sum, bytes) => sum + bytes.length, 0),
  );
});
