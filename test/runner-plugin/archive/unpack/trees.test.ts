/** What is restored is what was saved, by us and by GNU tar. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { formatRoot } from '#protocol/format/root.ts';
import { need, permits } from '../../../needs.ts';
import { rootAt, untar } from '../pack/setting.ts';
import { arbitraryTree, contentOf, describeTree, type Entry, writeTree } from '../pack/tree.ts';
import { archiveOf, archiveOfTrees } from './archives.ts';
import { settingFor, snapshot, sourceOf, unpackInto } from './setting.ts';

const MiB = 1024 * 1024;

test('a random tree comes back, and is what GNU tar makes of the same stream', async (t) => {
  if (!need(t, 'zstd', 'tar')) return;
  let run = 0;
  const comesBack = async (tree: Entry[], modes: 'kept' | 'executable', workers: number) => {
    const { folder } = settingFor(t);
    const saved = join(folder, `saved-${run++}`);
    writeTree(saved, tree);
    const archive = await archiveOfTrees([rootAt(saved, { modes })]);
    const target = join(folder, 'restored/tree');
    const { files, members } = await unpackInto(target, archive, {
      workers,
      source: sourceOf(archive.bytes, 777),
    });
    const wanted = describeTree(saved, modes, 'derived');
    t.same(describeTree(target, 'kept', 'own'), wanted);
    t.equal(members, Object.keys(wanted).length);
    t.equal(files, archive.manifest.totals.files);
    t.equal(untar(archive.bytes, join(folder, 'by-tar')), '');
    t.same(describeTree(join(folder, 'by-tar/tree'), 'kept', 'own'), wanted);
    return t.passing();
  };
  await fc.assert(
    fc.asyncProperty(
      arbitraryTree(3000, 40),
      fc.constantFrom('kept', 'executable'),
      fc.constantFrom(0, 0, 0, 1),
      comesBack,
    ),
    { numRuns: 30 },
  );
});

/** Of everything that there is, and larger than a small entry. */
const EVERYTHING: Entry[] = [
  { path: 'empty', content: Buffer.alloc(0) },
  { path: 'large', content: contentOf(50 * MiB + 7, 1) },
  { path: 'exactly-two-parts', content: contentOf(16 * MiB, 2) },
  { path: 'incompressible', content: contentOf(9 * MiB, 3, true) },
  { path: 'program', content: Buffer.from('#!/bin/sh\n'), mode: 0o755 },
  { path: 'private', mode: 0o700 },
  { path: 'private/read-only', mode: 0o555 },
  { path: 'private/read-only/file', content: Buffer.from('x'), mode: 0o400 },
  { path: 'no-file', mode: 0o755 },
  { path: 'n'.repeat(255), mode: 0o755 },
  { path: `${'n'.repeat(255)}/${'m'.repeat(255)}`, content: Buffer.from('deep') },
  { path: 'new\nline', content: Buffer.from('x') },
  { path: '\u00e9', content: Buffer.from('one form') },
  { path: 'e\u0301', content: Buffer.from('the other') },
  { path: 'dangling', symlink: '../../nowhere' },
  { path: 'absolute', symlink: '/nowhere' },
  { path: 'private/up', symlink: '../program' },
  { path: 'second-name', hardlink: 'program' },
  { path: 'private/large-again', hardlink: 'large' },
  ...Array.from({ length: 300 }, (_, index) => ({
    path: `file-${index}`,
    content: contentOf(index * 97, index),
  })),
];

test('a large tree of everything comes back by two threads, by one and by none', async (t) => {
  const { folder } = settingFor(t);
  const saved = join(folder, 'saved');
  writeTree(saved, EVERYTHING);
  const archive = await archiveOfTrees([rootAt(saved)]);
  const wanted = describeTree(saved, 'kept', 'derived');
  for (const workers of [2, 1, 0]) {
    const target = join(folder, `restored-${workers}`);
    const result = await unpackInto(target, archive, { workers, verify: 'full' });
    t.same(describeTree(target, 'kept', 'own'), wanted, `${workers} threads`);
    const { totals } = archive.manifest;
    t.equal(result.files, totals.files);
    t.equal(result.members, totals.members);
    t.ok(
      result.bytes > 9 * MiB && result.bytes < archive.bytes.length,
      'all but the end of the archive was read',
    );
    t.same(result.left, []);
  }
});

test('the same under any umask: kept modes are exact, the others follow it', async (t) => {
  const { folder } = settingFor(t);
  const tree: Entry[] = [
    { path: 'd', mode: 0o777 },
    { path: 'd/f', content: Buffer.from('x'), mode: 0o666 },
    { path: 'd/x', content: Buffer.from('x'), mode: 0o777 },
    { path: 'd/large', content: contentOf(9 * MiB, 1), mode: 0o666 },
  ];
  writeTree(join(folder, 'saved'), tree);
  fs.chmodSync(join(folder, 'saved'), 0o777);
  const modesAt = (place: string) =>
    ['', 'd', 'd/f', 'd/x', 'd/large']
      .map((path) => (fs.statSync(join(place, path)).mode & 0o7777).toString(8))
      .join(' ');
  const before = process.umask();
  t.teardown(() => process.umask(before));
  for (const [umask, executable] of [
    [0o022, '755 755 644 755 644'],
    [0o077, '700 700 600 700 600'],
    [0o002, '775 775 664 775 664'],
    [0o000, '777 777 666 777 666'],
  ] as const) {
    for (const modes of ['kept', 'executable'] as const) {
      const archive = await archiveOfTrees([rootAt(join(folder, 'saved'), { modes })]);
      process.umask(umask);
      const target = join(folder, `${modes}-${umask}`);
      await unpackInto(target, archive, { workers: modes === 'kept' ? 1 : 0 });
      t.equal(
        modesAt(target),
        modes === 'kept' ? '777 777 666 777 666' : executable,
        `${modes} under ${umask.toString(8)}`,
      );
      process.umask(before);
    }
  }
});

test('kept times are set to within 120 ns and never change places; folders and links have theirs', async (t) => {
  const { folder } = settingFor(t);
  const saved = join(folder, 'saved');
  writeTree(saved, [
    { path: 'd', mode: 0o755 },
    { path: 'd/l', symlink: 'x' },
    { path: 'large', content: contentOf(9 * MiB, 1) },
    ...Array.from({ length: 50 }, (_, index) => ({
      path: `d/f${String(index).padStart(2, '0')}`,
      content: Buffer.from('x'),
    })),
  ]);
  // touch sets what Node cannot: nanoseconds. Files one nanosecond apart, and one before 1970.
  const stamps: [string, string][] = [
    ['d/l', '2024-02-03 04:05:06.123456789'],
    ['large', '2026-11-20 18:19:20.999999999'],
    ...Array.from({ length: 49 }, (_, index): [string, string] => [
      `d/f${String(index).padStart(2, '0')}`,
      `2025-01-01 00:00:00.5000${String(index * 11).padStart(5, '0')}`,
    ]),
    ['d/f49', '1969-12-31 23:00:00.500'],
    ['d', '2000-01-01 00:00:00.000000001'],
    ['', '2001-01-01 00:00:00.250000000'],
  ];
  for (const [path, stamp] of stamps) spawnSync('touch', ['-h', '-d', `${stamp} UTC`, join(saved, path)]);
  const archive = await archiveOfTrees([rootAt(saved)], { keepTimes: true });
  const timeOf = (place: string, path: string) => fs.lstatSync(join(place, path), { bigint: true }).mtimeNs;
  for (const workers of [0, 2]) {
    const target = join(folder, `restored-${workers}`);
    await unpackInto(target, archive, { workers });
    for (const [path] of stamps) {
      const [was, is] = [timeOf(saved, path), timeOf(target, path)];
      t.ok(was - is <= 120n && is - was <= 120n, `${path}: ${was} is ${is}`);
    }
    const restored = stamps
      .filter(([path]) => path.startsWith('d/f') && path !== 'd/f49')
      .map(([path]) => timeOf(target, path));
    t.same(
      restored,
      restored.toSorted((a, b) => Number(a - b)),
      'in the same order',
    );
  }
});

test('kept times that are missing, of another entry or of another length', async (t) => {
  const { folder, target } = settingFor(t);
  writeTree(join(folder, 'saved'), [{ path: 'f', content: Buffer.from('x') }]);
  const archive = await archiveOfTrees([rootAt(join(folder, 'saved'))], { keepTimes: true });
  const { times, ...without } = archive;
  const before = snapshot(folder);
  await t.rejects(unpackInto(target, without), { code: 'DETAIL_MISSING' });
  await t.rejects(unpackInto(target, { ...archive, times: Buffer.alloc(16) }), { code: 'SEGMENT_DAMAGED' });
  t.same(snapshot(folder), before);
});

test('several roots, of several kinds, each in its place', async (t) => {
  const { folder } = settingFor(t);
  writeTree(join(folder, 'saved/tree'), [{ path: 'f', content: Buffer.from('in the tree') }]);
  fs.writeFileSync(join(folder, 'saved/one-file'), 'one file');
  fs.symlinkSync('elsewhere', join(folder, 'saved/one-link'));
  const roots = ['tree', 'one-file', 'one-link'].map((name) =>
    rootAt(join(folder, 'saved', name), { text: name === 'tree' ? 'workspace:tree' : `home:${name}` }),
  );
  const archive = await archiveOfTrees(roots);
  const places = new Map(roots.map(({ root }) => [formatRoot(root), join(folder, 'made/for/it', root.path)]));
  await unpackInto('', archive, { places });
  t.equal(fs.readFileSync(join(folder, 'made/for/it/tree/f'), 'utf8'), 'in the tree');
  t.equal(fs.readFileSync(join(folder, 'made/for/it/one-file'), 'utf8'), 'one file');
  t.equal(fs.readlinkSync(join(folder, 'made/for/it/one-link')), 'elsewhere');
  t.same(fs.readdirSync(join(folder, 'made/for/it')).sort(), ['one-file', 'one-link', 'tree']);
});

test('a root that is a file takes the place of a folder, and a folder that of a file or a link', async (t) => {
  const { folder, target } = settingFor(t);
  fs.writeFileSync(join(folder, 'file'), 'file');
  const file = await archiveOfTrees([rootAt(join(folder, 'file'))]);
  await unpackInto(target, file);
  t.equal(fs.readFileSync(target, 'utf8'), 'file');
  await unpackInto(target, file);
  writeTree(join(folder, 'saved'), [{ path: 'f', content: Buffer.from('x') }]);
  await unpackInto(target, await archiveOfTrees([rootAt(join(folder, 'saved'))]));
  t.same(fs.readdirSync(target), ['f']);
  t.same(fs.readdirSync(join(target, '..')), ['tree']);
});

test('the whole workspace as a root', async (t) => {
  const { folder, target } = settingFor(t);
  writeTree(join(folder, 'saved'), [
    { path: '!first', mode: 0o755 },
    { path: '!first/f', content: Buffer.from('x') },
    { path: 'h', content: Buffer.from('y') },
    { path: 'l', hardlink: 'h' },
  ]);
  const archive = await archiveOfTrees([rootAt(join(folder, 'saved'), { text: 'workspace:.' })]);
  await unpackInto(target, archive);
  t.same(describeTree(target, 'kept', 'own'), describeTree(join(folder, 'saved'), 'kept', 'derived'));
});

test('a root without members was not there: what stands in its place is left alone', async (t) => {
  const { folder, target } = settingFor(t);
  const before = snapshot(folder);
  await unpackInto(target, archiveOf({ segments: [], members: 0, files: 0 }));
  t.same(snapshot(folder), before);
});

test('places that lie in each other are refused before anything is done', async (t) => {
  const { folder, target } = settingFor(t);
  writeTree(join(folder, 'saved/a'), [{ path: 'f', content: Buffer.from('x') }]);
  writeTree(join(folder, 'saved/b'), [{ path: 'f', content: Buffer.from('x') }]);
  const roots = [
    rootAt(join(folder, 'saved/a'), { text: 'workspace:a' }),
    rootAt(join(folder, 'saved/b'), { text: 'home:b' }),
  ];
  const archive = await archiveOfTrees(roots);
  const before = snapshot(folder);
  for (const inner of ['tree/old', 'tree']) {
    const places = new Map([
      ['workspace:a', target],
      ['home:b', join(folder, 'work', inner)],
    ]);
    await t.rejects(unpackInto('', archive, { places }), { code: 'ROOTS_NESTED' });
  }
  await t.rejects(unpackInto('', archive, { places: new Map() }), { code: 'ROOT_MISSING' });
  t.same(snapshot(folder), before);
});

test('files get the owner that is given, links, folders and the folders above too', async (t) => {
  if (!permits(t, process.getuid?.() === 0, 'only root gives files away')) return;
  const { folder } = settingFor(t);
  writeTree(join(folder, 'saved'), [
    { path: 'd', mode: 0o755 },
    { path: 'd/f', content: Buffer.from('x') },
    { path: 'd/large', content: contentOf(9 * MiB, 1) },
    { path: 'd/l', symlink: 'f' },
    { path: 'd/h', hardlink: 'd/f' },
  ]);
  const archive = await archiveOfTrees([rootAt(join(folder, 'saved'))]);
  const target = join(folder, 'made/tree');
  const [root] = archive.manifest.roots;
  const owners = new Map([[root?.root ?? '', { uid: 1234, gid: 2345 }]]);
  await unpackInto(target, archive, { owners, workers: 1 });
  for (const path of ['..', '', 'd', 'd/f', 'd/large', 'd/l', 'd/h']) {
    const { uid, gid } = fs.lstatSync(join(target, path));
    t.same([uid, gid], [1234, 2345], path);
  }
});

test('of two roots each has its own owner', async (t) => {
  if (!permits(t, process.getuid?.() === 0, 'only root gives files away')) return;
  const { folder } = settingFor(t);
  const roots = ['mine', 'theirs'].map((name) => {
    writeTree(join(folder, name), [{ path: 'd' }, { path: 'd/f', content: Buffer.from(name) }]);
    return rootAt(join(folder, name), { text: `workspace:${name}` });
  });
  const archive = await archiveOfTrees(roots);
  const places = new Map(roots.map(({ root }) => [formatRoot(root), join(folder, 'made', root.path)]));
  await unpackInto('', archive, {
    places,
    owners: new Map([['workspace:theirs', { uid: 1234, gid: 2345 }]]),
  });
  for (const path of ['', 'd', 'd/f']) {
    t.equal(fs.lstatSync(join(folder, 'made/theirs', path)).uid, 1234);
    t.equal(fs.lstatSync(join(folder, 'made/mine', path)).uid, 0);
  }
});

test('what is reported while it goes on', async (t) => {
  const { folder, target } = settingFor(t);
  writeTree(
    join(folder, 'saved'),
    EVERYTHING.filter(({ path }) => path.startsWith('file-')),
  );
  const archive = await archiveOfTrees([rootAt(join(folder, 'saved'))]);
  const seen: number[] = [];
  const { written } = await unpackInto(target, archive, {
    onProgress: ({ bytes, of }) => {
      seen.push(bytes);
      t.ok(bytes <= of);
    },
  });
  t.same(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  t.equal(seen.at(-1), written);
});
