/** What a save need not read again, and what it must, whatever the numbers of the file system say. */
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { CUTS } from '#protocol/format/limits.ts';
import { openDigestTable } from '#runner-plugin/archive/digest-table.ts';
import { nodeFiles } from '#runner-plugin/archive/file-access.ts';
import { pack } from '#runner-plugin/archive/pack.ts';
import { filesWith, rootAt } from './pack/setting.ts';
import { Bench, CUT, EXT4, OVERLAY, SIZE, TREE } from './pack/table-bench.ts';
import { contentOf, type Entry, writeTree } from './pack/tree.ts';

test('an unchanged tree is not read: its segments are asked for in one question', async (t) => {
  const bench = new Bench(t);
  const first = await bench.save(t);
  t.equal(bench.opened.length, 14);
  bench.store.asked.length = 0;
  const second = await bench.save(t);
  t.same(bench.opened, []);
  t.equal(bench.store.asked.length, 1);
  t.equal(second.sentBytes, 0);
  t.equal(second.reusedBytes, first.totals.raw);
});

test('after an edit only the segment that holds the file is read', async (t) => {
  const bench = new Bench(t);
  await bench.save(t);
  fs.writeFileSync(join(bench.place, 'file-05'), contentOf(SIZE, 99));
  await bench.save(t);
  t.same(bench.opened, ['file-05']);
  fs.writeFileSync(join(bench.place, 'small/y'), 'Y');
  await bench.save(t);
  t.same(bench.opened, ['small/x', 'small/y']);
  await bench.save(t);
  t.same(bench.opened, []);
});

const CHANGES: Record<string, { change: (place: string) => void; read: string[] }> = {
  'a file of the same size and time in its place': {
    change: (place) => {
      const { atime, mtime } = fs.statSync(join(place, 'file-05'));
      fs.writeFileSync(join(place, '../other'), contentOf(SIZE, 99));
      fs.utimesSync(join(place, '../other'), atime, mtime);
      fs.renameSync(join(place, '../other'), join(place, 'file-05'));
    },
    read: ['file-05'],
  },
  'the same size, its time put back': {
    change: (place) => {
      const { atime, mtime } = fs.statSync(join(place, 'file-05'));
      fs.writeFileSync(join(place, 'file-05'), contentOf(SIZE, 99));
      fs.utimesSync(join(place, 'file-05'), atime, mtime);
    },
    read: ['file-05'],
  },
  'another mode': { change: (place) => fs.chmodSync(join(place, 'file-05'), 0o600), read: ['file-05'] },
  'another target of a link': {
    change: (place) => {
      fs.rmSync(join(place, 'small/link'));
      fs.symlinkSync('y', join(place, 'small/link'));
    },
    // The links stand behind the small files.
    read: ['small/x', 'small/y'],
  },
  'another mode of a folder': { change: (place) => fs.chmodSync(join(place, 'small'), 0o700), read: [] },
  'two files with each other’s names': {
    change: (place) => {
      fs.renameSync(join(place, 'file-05'), join(place, 'file-x'));
      fs.renameSync(join(place, 'file-06'), join(place, 'file-05'));
      fs.renameSync(join(place, 'file-x'), join(place, 'file-06'));
    },
    read: ['file-05', 'file-06'],
  },
  'a file more': {
    change: (place) => fs.writeFileSync(join(place, 'file-055'), contentOf(SIZE, 50)),
    read: ['file-055'],
  },
  'a file less': { change: (place) => fs.rmSync(join(place, 'file-05')), read: [] },
  'a second name for a file': {
    change: (place) => fs.linkSync(join(place, 'file-05'), join(place, 'small/z')),
    read: ['file-05', 'small/x', 'small/y'],
  },
  'files that came and went in a folder': {
    change: (place) => {
      fs.writeFileSync(join(place, 'small/temporary'), '');
      fs.rmSync(join(place, 'small/temporary'));
    },
    read: [],
  },
};

for (const [what, { change, read }] of Object.entries(CHANGES)) {
  test(`seen: ${what}`, async (t) => {
    const bench = new Bench(t);
    await bench.save(t);
    change(bench.place);
    await bench.save(t);
    t.same(bench.opened, read);
  });
}

test('a folder moved to the place of another of equal numbers', async (t) => {
  const folderOf = (name: string, seed: number): Entry[] => [
    { path: name },
    ...[0, 1].map((index) => ({ path: `${name}/${index}`, content: contentOf(3 * SIZE, seed + index) })),
  ];
  const bench = new Bench(t, [...folderOf('cjs', 1), ...folderOf('esm', 3)]);
  await bench.save(t);
  const at = (name: string) => join(bench.place, name);
  fs.renameSync(at('cjs'), at('x'));
  fs.renameSync(at('esm'), at('cjs'));
  fs.renameSync(at('x'), at('esm'));
  await bench.save(t);
  t.equal(bench.opened.length, 4);
});

test('racy: a file rewritten with the same size and the same numbers, within a tick of what the table saw', async (t) => {
  const bench = new Bench(t);
  const stamped = fs.lstatSync(join(bench.place, 'file-05'), { bigint: true });
  const standingClock = filesWith({
    stat: (path) => (path.endsWith('file-05') ? stamped : nodeFiles.stat(path)),
    statOpen: (file) => {
      const stat = nodeFiles.statOpen(file);
      return stat.ino === stamped.ino ? stamped : stat;
    },
  });
  const changed = Number(stamped.ctimeNs / 1_000_000n);
  const clock = { now: () => changed + 1_900, wait: async () => {} };
  await bench.save(t, { files: standingClock, clock });
  fs.writeFileSync(join(bench.place, 'file-05'), contentOf(SIZE, 99));
  await bench.save(t, { files: standingClock });
  t.ok(bench.opened.includes('file-05'));
  await bench.save(t, { files: standingClock });
  t.same(bench.opened, [], 'now it was at rest for two seconds when it was read');
});

test('never on overlay or network file systems, nor where their kind is not known', async (t) => {
  for (const fileSystem of [OVERLAY, 0x6969, 0]) {
    const bench = new Bench(t, TREE, fileSystem);
    await bench.save(t);
    await bench.save(t);
    t.equal(bench.opened.length, 14);
    t.notOk(fs.existsSync(join(bench.folder, 'state')));
  }
});

test('a table that is damaged, cut off, of another version or not to be written is none', async (t) => {
  const bench = new Bench(t);
  await bench.save(t);
  const [name = ''] = fs.readdirSync(join(bench.folder, 'state'));
  const file = join(bench.folder, 'state', name);
  const good = fs.readFileSync(file, 'utf8');
  const flipped = good.replace(/"identity":"(.)/, (_, digit) => `"identity":"${digit === '0' ? '1' : '0'}`);
  for (const bad of ['', good.slice(0, 1000), flipped, good.replace(/^1/, '2'), '{}', '\0']) {
    t.not(bad, good);
    fs.writeFileSync(file, bad);
    await bench.save(t);
    t.equal(bench.opened.length, 14);
  }
  await bench.save(t);
  t.equal(bench.opened.length, 0, 'and is written anew');
  t.same(fs.readdirSync(join(bench.folder, 'state')), [name], 'with nothing left beside it');
  t.equal(fs.statSync(file).mode & 0o777, 0o600);

  fs.writeFileSync(join(bench.folder, 'no-folder'), '');
  const table = openDigestTable(join(bench.folder, 'no-folder'), () => EXT4);
  const options = { roots: [rootAt(bench.place)], cut: CUT, keepTimes: false, sink: bench.store };
  await pack({ ...options, table, workers: 0 });
});

test('what the store has lost since is read and sent again', async (t) => {
  const bench = new Bench(t);
  const { roots } = await bench.save(t);
  const segments = roots[0]?.segments ?? [];
  for (const { identity } of segments) bench.store.stored.delete(identity);
  await bench.save(t);
  t.equal(bench.opened.length, 14, 'all of it');
  bench.store.stored.delete(segments.find(({ raw }) => raw === SIZE + 512)?.identity ?? '');
  await bench.save(t);
  t.same(bench.opened, ['file-00'], 'or one');
});

test('of a large file: a lost part is read alone, for a lost header all parts are', async (t) => {
  const bench = new Bench(t, [{ path: 'large', content: contentOf(20 << 20, 1) }]);
  const { roots } = await bench.save(t);
  const segments = roots[0]?.segments ?? [];
  t.same(
    segments.map(({ part }) => part?.offset),
    [undefined, undefined, 0, 8 << 20, 16 << 20],
  );
  const lose = async (index: number) => {
    bench.store.stored.delete(segments[index]?.identity ?? '');
    await bench.save(t);
    return bench.opened.length;
  };
  t.equal(await lose(3), 1);
  t.equal(await lose(1), 3);
});

test('times that are kept are remembered; other rules are another table', async (t) => {
  const bench = new Bench(t);
  await bench.save(t, { keepTimes: true });
  t.equal(bench.opened.length, 14);
  await bench.save(t, { keepTimes: true });
  t.equal(bench.opened.length, 0);
  fs.utimesSync(join(bench.place, 'small'), 1, 1);
  await bench.save(t, { keepTimes: true });
  t.equal(bench.opened.length, 0, 'a folder’s time is seen, and no file is read for it');
  await bench.save(t, { roots: [rootAt(bench.place, { modes: 'executable' })] });
  t.equal(bench.opened.length, 14);
  await bench.save(t, { cut: CUTS.maven });
  t.equal(bench.opened.length, 14);
  await bench.save(t, { roots: [rootAt(bench.place, { text: 'workspace:other' })] });
  t.equal(bench.opened.length, 14);
});

test('a small tree that becomes part of a large entry is cut', async (t) => {
  const bench = new Bench(t, TREE.slice(0, 4));
  await bench.save(t);
  t.equal(bench.opened.length, 3);
  writeTree(join(bench.folder, 'more'), TREE);
  const both = [rootAt(bench.place), rootAt(join(bench.folder, 'more'), { text: 'workspace:more' })];
  await bench.save(t, { roots: both });
  await bench.save(t, { roots: both });
  t.equal(bench.opened.length, 0);
});

test('tables of work folders that are never seen again do not fill the disk', async (t) => {
  const bench = new Bench(t, [{ path: 'x', content: Buffer.from('x') }]);
  const record = { small: true, members: 1, files: 0, raw: 512, rows: [] };
  for (let index = 0; index < 300; index++)
    bench.table.remember({ place: `/work/${index}`, root: 'workspace:x', rules: '' }, record);
  t.ok(fs.readdirSync(join(bench.folder, 'state')).length <= 256);
  t.same(bench.table.recall({ place: '/work/299', root: 'workspace:x', rules: '' }), record);
});
