/** Some of a merged root: what is wanted comes with its folders, and of the rest nothing but the bytes that were read. */
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { formatRoot } from '#protocol/format/root.ts';
import type { MembersWanted } from '#runner-plugin/archive/unpack.ts';
import { fileOf, headerBlock } from '../../../protocol/format/header-block.ts';
import { rootAt } from '../pack/setting.ts';
import { contentOf, describeTree, type Entry, pathsOf, writeTree } from '../pack/tree.ts';
import { archiveOf, archiveOfTrees } from './archives.ts';
import { outcomeOf, refuses, type Setting, settingFor, snapshot, unpackInto } from './setting.ts';

const TREE: Entry[] = [
  { path: 'empty', mode: 0o755 },
  { path: 'a', mode: 0o755 },
  { path: 'a/1.jar', content: Buffer.from('one') },
  { path: 'a/2.jar', content: contentOf(9_000_000, 1) },
  { path: 'a/b', mode: 0o555 },
  { path: 'a/b/c', mode: 0o700 },
  { path: 'a/b/c/3.jar', content: Buffer.from('three'), mode: 0o444 },
  { path: 'a/b/d', mode: 0o755 },
  { path: 'a/b/d/4.jar', content: Buffer.from('four') },
  { path: 'a/link', symlink: '1.jar' },
  { path: 'z', mode: 0o755 },
  { path: 'z/link', symlink: '../a/1.jar' },
];

/** Of `workspace:tree`, these paths. */
const only = (...paths: string[]): { wanted: Map<string, MembersWanted> } => ({
  wanted: new Map([['workspace:tree', () => (path: string) => paths.includes(path)]]),
});

async function merging({ folder }: Setting, tree = TREE) {
  writeTree(join(folder, 'saved'), tree);
  return archiveOfTrees([rootAt(join(folder, 'saved'), { restore: 'merge' })]);
}

test('only what is wanted comes, with the folders above it, their modes and times', async (t) => {
  for (const workers of [0, 2]) {
    const setting = settingFor(t, false);
    const archive = await merging(setting);
    const { files, written } = await unpackInto(setting.target, archive, {
      workers,
      ...only('a/b/c/3.jar', 'z/link'),
    });
    const whole = describeTree(join(setting.folder, 'saved'), 'kept', 'derived');
    const wanted = ['', 'a', 'a/b', 'a/b/c', 'a/b/c/3.jar', 'z', 'z/link'];
    t.same(
      describeTree(setting.target, 'kept', 'own'),
      Object.fromEntries(wanted.map((path) => [path, whole[path]])),
    );
    t.same([files, written], [1, 5]);
    t.same(fs.readdirSync(join(setting.folder, 'work')), ['tree']);
  }
});

test('a file in parts comes, or none of its parts do', async (t) => {
  const setting = settingFor(t, false);
  const archive = await merging(setting);
  t.equal((await unpackInto(setting.target, archive, only('a/1.jar'))).written, 3);
  await unpackInto(setting.target, archive, only('a/2.jar'));
  t.same(pathsOf(setting.target), ['', 'a', 'a/1.jar', 'a/2.jar']);
  t.ok(fs.readFileSync(join(setting.target, 'a/2.jar')).equals(contentOf(9_000_000, 1)));
});

test('what stands stays, wanted or not', async (t) => {
  const setting = settingFor(t, false);
  const archive = await merging(setting);
  writeTree(setting.target, [
    { path: 'a', mode: 0o700 },
    { path: 'a/1.jar', content: Buffer.from('mine') },
    { path: 'mine', content: Buffer.from('mine') },
  ]);
  const before = snapshot(setting.target);
  await unpackInto(setting.target, archive, only('a/1.jar', 'a/b/d/4.jar'));
  const after = snapshot(setting.target);
  for (const [path, was] of Object.entries(before)) t.equal(after[path], was, path);
  const come = Object.keys(after).filter((path) => !(path in before));
  t.same(come.sort(), ['a/b', 'a/b/d', 'a/b/d/4.jar']);
});

test('where nothing is wanted nothing is made, neither the root nor the folders above it', async (t) => {
  const setting = settingFor(t, false);
  const archive = await merging(setting);
  const before = snapshot(setting.folder);
  await unpackInto(join(setting.folder, 'new/above/tree'), archive, only());
  t.same(snapshot(setting.folder), before);
  writeTree(setting.target, [{ path: 'mine', content: Buffer.from('mine') }]);
  const standing = snapshot(setting.folder);
  await unpackInto(setting.target, archive, only());
  t.same(snapshot(setting.folder), standing);

  fs.writeFileSync(join(setting.folder, 'file'), 'from the entry');
  const one = await archiveOfTrees([rootAt(join(setting.folder, 'file'), { restore: 'merge' })]);
  await unpackInto(join(setting.folder, 'copy'), one, only());
  t.notOk(fs.existsSync(join(setting.folder, 'copy')), 'a root that is one file');
  await unpackInto(join(setting.folder, 'copy'), one, only(''));
  t.equal(fs.readFileSync(join(setting.folder, 'copy'), 'utf8'), 'from the entry');
});

test('a wanted hard link comes with its file, and is left out with it', async (t) => {
  const tree: Entry[] = [
    { path: 'd', mode: 0o755 },
    { path: 'd/a', content: Buffer.from('a') },
    { path: 'to-a', hardlink: 'd/a' },
  ];
  const both = settingFor(t, false);
  await unpackInto(both.target, await merging(both, tree), only('d/a', 'to-a'));
  const [file, link] = ['d/a', 'to-a'].map((path) => fs.statSync(join(both.target, path)));
  t.equal(file?.ino, link?.ino);
  const without = settingFor(t, false);
  const archive = await merging(without, tree);
  await unpackInto(without.target, archive, only('to-a'));
  t.notOk(fs.existsSync(without.target));
  writeTree(without.target, [
    { path: 'd', mode: 0o755 },
    { path: 'd/a', content: Buffer.from('another') },
  ]);
  await unpackInto(without.target, archive, only('to-a'));
  t.same(pathsOf(without.target), ['', 'd', 'd/a'], 'not to another file that stands under its name');
});

test('what is wanted may be read from the roots before, when they have been written', async (t) => {
  // One thread decodes all segments before it writes the files of the first.
  for (const workers of [0, 1]) {
    const setting = settingFor(t, false);
    const list = TREE.flatMap(({ path, content }): Entry[] =>
      path === 'a/2.jar' || content === undefined
        ? []
        : [{ path: path.replaceAll('/', '+'), content: Buffer.from(`${path}\n${'x'.repeat(400_000)}`) }],
    );
    writeTree(join(setting.folder, 'saved/list'), list);
    writeTree(join(setting.folder, 'saved/tree'), TREE);
    const roots = [
      rootAt(join(setting.folder, 'saved/tree'), { restore: 'merge' }),
      rootAt(join(setting.folder, 'saved/list'), { text: 'workspace:list' }),
    ];
    const archive = await archiveOfTrees(roots);
    const places = new Map(
      roots.map(({ root }) => [formatRoot(root), join(setting.folder, 'work', root.path)]),
    );
    const wanted = new Map<string, MembersWanted>([
      [
        'workspace:tree',
        (staged) => {
          t.equal(staged('workspace:none'), undefined);
          const place = staged('workspace:list') ?? '';
          const texts = fs.readdirSync(place).map((name) => fs.readFileSync(join(place, name), 'utf8'));
          t.ok(
            texts.every((text) => text.endsWith('x'.repeat(400_000))),
            'to the last byte',
          );
          const named = new Set(texts.map((text) => text.split('\n', 1)[0] ?? ''));
          return (path) => named.has(path);
        },
      ],
    ]);
    await unpackInto('', archive, { places, workers, wanted });
    t.same(pathsOf(join(setting.folder, 'work/tree')), [
      ...['', 'a', 'a/1.jar', 'a/b', 'a/b/c', 'a/b/c/3.jar', 'a/b/d', 'a/b/d/4.jar'],
    ]);
  }
});

test('a root that is replaced comes whole', async (t) => {
  const setting = settingFor(t, false);
  writeTree(join(setting.folder, 'saved'), TREE);
  const archive = await archiveOfTrees([rootAt(join(setting.folder, 'saved'))]);
  await unpackInto(setting.target, archive, only('a/1.jar'));
  t.same(pathsOf(setting.target), pathsOf(join(setting.folder, 'saved')));
});

test('where it cannot be told what is wanted, nothing comes', async (t) => {
  const setting = settingFor(t);
  writeTree(join(setting.folder, 'saved'), TREE);
  const archive = await archiveOfTrees([rootAt(join(setting.folder, 'saved'), { restore: 'merge' })]);
  const before = snapshot(setting.folder);
  const fails = () => {
    throw new Error('it cannot be read');
  };
  for (const wanted of [fails, () => fails])
    await t.rejects(unpackInto(setting.target, archive, { wanted: new Map([['workspace:tree', wanted]]) }), {
      message: 'it cannot be read',
    });
  t.same(snapshot(setting.folder), before);
});

const folder = (name: string) => headerBlock({ name: `${name}/`, type: '5' });
const symlink = (name: string, link: string) => headerBlock({ name, type: '2', link });
const hardlink = (name: string, link: string) => headerBlock({ name, type: '1', link });

/** Merged; each block in a segment of its own, and all files but `members` counted right. */
function stream(blocks: Buffer[], members = blocks.length + 1) {
  const files = blocks.filter((block) => block[156] === 0x30).length;
  return archiveOf({ restore: 'merge', segments: [folder('tree'), ...blocks], members, files });
}

test('members that nobody wants are held to every rule', async (t) => {
  const file = fileOf('tree/f', 'x');
  const other = fileOf('tree/g', 'x');
  await refuses(t, stream([other, file]), 'ARCHIVE_MALFORMED', only());
  await refuses(t, stream([file, file]), 'ARCHIVE_DUPLICATE', only());
  await refuses(t, stream([fileOf('tree/../f', 'x')]), 'ARCHIVE_PATH_ESCAPE', only());
  await refuses(t, stream([symlink('tree/d/l', 'x')]), 'ARCHIVE_MALFORMED', only());
  await refuses(t, stream([hardlink('tree/l', 'tree/d/f')]), 'ARCHIVE_MALFORMED', only());
  await refuses(t, stream([file, other], 2), 'ARCHIVE_MALFORMED', only());
  await refuses(t, stream([file, other], 4), 'ARCHIVE_MALFORMED', only());
  const damaged = stream([file, other]);
  (damaged.layout.segments[2] as { digest: string }).digest = '0'.repeat(64);
  await refuses(t, damaged, 'SEGMENT_DAMAGED', only('f'));
});

test('E4 a folder that waits, a link of its name, then another through it', async (t) => {
  const setting = settingFor(t, false);
  const through = stream([folder('tree/d'), symlink('tree/d', '../../../outside'), symlink('tree/d/l', 'x')]);
  const before = snapshot(setting.folder);
  t.match(await outcomeOf(unpackInto(setting.target, through, only('d', 'd/l'))), /^ARCHIVE_|^TARGET_/);
  t.same(snapshot(setting.folder), before);
  await refuses(t, stream([fileOf('tree/d/f', 'x')]), 'ARCHIVE_MALFORMED', only('d/f'));
});
