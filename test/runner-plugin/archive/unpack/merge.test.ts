/** A root that is added to what stands in its place: what is missing comes, what is there stays. */
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { formatRoot } from '#protocol/format/root.ts';
import { permits } from '../../../needs.ts';
import { rootAt } from '../pack/setting.ts';
import { contentOf, describeTree, type Entry, writeTree } from '../pack/tree.ts';
import { archiveOfTrees } from './archives.ts';
import { becomeNobody } from './as-nobody.ts';
import { outcomeOf, type Setting, settingFor, snapshot, unpackInto } from './setting.ts';

const TREE: Entry[] = [
  { path: 'com', mode: 0o755 },
  { path: 'com/a', mode: 0o755 },
  { path: 'com/a/1.jar', content: Buffer.from('a from the entry') },
  { path: 'com/b', mode: 0o755 },
  { path: 'com/b/1.jar', content: Buffer.from('b from the entry') },
  { path: 'com/b/2.jar', content: contentOf(9_000_000, 1) },
  { path: 'com/b/link', symlink: '1.jar' },
  { path: 'org', mode: 0o700 },
  { path: 'org/c', mode: 0o555 },
  { path: 'org/c/1.jar', content: Buffer.from('c from the entry'), mode: 0o444 },
];

async function merging({ folder }: Setting, tree = TREE) {
  writeTree(join(folder, 'saved'), tree);
  return archiveOfTrees([rootAt(join(folder, 'saved'), { restore: 'merge' })]);
}

const read = (place: string, path: string) => fs.readFileSync(join(place, path), 'utf8');

test('into nothing: the tree as it is, modes and times too', async (t) => {
  const setting = settingFor(t, false);
  await unpackInto(setting.target, await merging(setting));
  t.same(
    describeTree(setting.target, 'kept', 'own'),
    describeTree(join(setting.folder, 'saved'), 'kept', 'derived'),
  );
  t.same(fs.readdirSync(join(setting.folder, 'work')), ['tree']);
});

test('what is there stays, in content, mode, time and kind; what is missing comes', async (t) => {
  const setting = settingFor(t, false);
  const archive = await merging(setting);
  writeTree(setting.target, [
    { path: 'mine', content: Buffer.from('mine') },
    { path: 'com', mode: 0o700 },
    { path: 'com/b', mode: 0o755 },
    { path: 'com/b/1.jar', content: Buffer.from('b that was here'), mode: 0o600 },
    { path: 'com/b/link', content: Buffer.from('no link here') },
    { path: 'org', content: Buffer.from('no folder here') },
  ]);
  const before = snapshot(setting.target);
  // The second time there is nothing to add.
  for (const workers of [0, 2]) {
    const { written, files } = await unpackInto(setting.target, archive, { workers });
    const after = snapshot(setting.target);
    for (const [path, was] of Object.entries(before)) t.equal(after[path], was, path);
    const come = ['com/a', 'com/a/1.jar', 'com/b/2.jar'];
    t.same(Object.keys(after).sort(), [...Object.keys(before), ...come].sort());
    t.equal(read(setting.target, 'com/a/1.jar'), 'a from the entry');
    t.equal(files, 4);
    t.equal(
      written,
      workers === 0 ? 9_000_016 : 0,
      'what stands, or has no place to come to, is not written',
    );
    t.same(fs.readdirSync(join(setting.folder, 'work')), ['tree']);
  }
});

test('hard links: to what came along, and to what stood there', async (t) => {
  const setting = settingFor(t, false);
  const tree: Entry[] = [
    { path: 'd', mode: 0o755 },
    { path: 'd/a', content: Buffer.from('a') },
    { path: 'd/b', content: Buffer.from('b') },
    { path: 'to-a', hardlink: 'd/a' },
    { path: 'to-b', hardlink: 'd/b' },
  ];
  const archive = await merging(setting, tree);
  writeTree(setting.target, [
    { path: 'd', mode: 0o755 },
    { path: 'd/a', content: Buffer.from('a that was here') },
  ]);
  await unpackInto(setting.target, archive);
  t.equal(read(setting.target, 'to-a'), 'a that was here');
  t.equal(read(setting.target, 'to-b'), 'b');
  const inode = (path: string) => fs.statSync(join(setting.target, path)).ino;
  t.equal(inode('to-a'), inode('d/a'));
  t.equal(inode('to-b'), inode('d/b'));
});

test("E18 no link in the target is followed: not a folder's, not a file's, not the root's", async (t) => {
  const setting = settingFor(t, false);
  const archive = await merging(setting);
  const before = snapshot(setting.outside);
  writeTree(setting.target, [
    { path: 'com', mode: 0o755 },
    { path: 'com/a', symlink: setting.outside },
    { path: 'com/b', mode: 0o755 },
    { path: 'com/b/1.jar', symlink: join(setting.outside, 'new') },
    { path: 'org', symlink: '../../outside' },
  ]);
  await unpackInto(setting.target, archive);
  t.same(snapshot(setting.outside), before);
  t.equal(fs.readlinkSync(join(setting.target, 'com/a')), setting.outside);
  t.ok(fs.existsSync(join(setting.target, 'com/b/2.jar')));

  fs.rmSync(setting.target, { recursive: true });
  fs.symlinkSync(setting.outside, setting.target);
  t.equal(await outcomeOf(unpackInto(setting.target, archive)), 'TARGET_UNWRITABLE');
  t.same(snapshot(setting.outside), before);
});

test('E18 a hard link to what stands behind a link', async (t) => {
  const setting = settingFor(t, false);
  const tree: Entry[] = [
    { path: 'd', mode: 0o755 },
    { path: 'd/secret', content: Buffer.from('ours') },
    { path: 'l', hardlink: 'd/secret' },
  ];
  const archive = await merging(setting, tree);
  writeTree(setting.target, [{ path: 'd', symlink: setting.outside }]);
  const before = snapshot(setting.folder);
  t.match(await outcomeOf(unpackInto(setting.target, archive)), /^ARCHIVE_|^TARGET_/);
  t.same(snapshot(setting.folder), before);
});

test('a failure takes away what had been added', async (t) => {
  if (!permits(t, becomeNobody(t), 'file modes hold nobody back here')) return;
  const setting = settingFor(t, false);
  const archive = await merging(setting);
  writeTree(setting.target, [
    { path: 'com', mode: 0o755 },
    { path: 'com/b', mode: 0o555 },
  ]);
  const before = snapshot(setting.folder);
  t.equal(await outcomeOf(unpackInto(setting.target, archive)), 'TARGET_UNWRITABLE');
  t.same(snapshot(setting.folder), before);
});

test('a failure of another root takes away what had been added', async (t) => {
  if (!permits(t, process.getuid?.() === 0, 'only root makes folders of others')) return;
  const setting = settingFor(t, false);
  writeTree(join(setting.folder, 'saved/m'), TREE);
  writeTree(join(setting.folder, 'saved/z'), TREE);
  const roots = [
    rootAt(join(setting.folder, 'saved/m'), { text: 'workspace:m', restore: 'merge' }),
    rootAt(join(setting.folder, 'saved/z'), { text: 'workspace:z' }),
  ];
  const archive = await archiveOfTrees(roots);
  const work = join(setting.folder, 'work');
  writeTree(join(work, 'm'), [{ path: 'com', mode: 0o777 }]);
  fs.mkdirSync(join(work, 'z'));
  fs.chmodSync(setting.folder, 0o777);
  fs.chmodSync(work, 0o1777);
  fs.chmodSync(join(work, 'm'), 0o777);
  becomeNobody(t);
  const before = snapshot(work);
  const places = new Map(roots.map(({ root }) => [formatRoot(root), join(work, root.path)]));
  t.equal(await outcomeOf(unpackInto('', archive, { places })), 'TARGET_UNWRITABLE');
  t.same(snapshot(work), before);
});

test('a root that is one file: it comes, or what stands stays', async (t) => {
  const setting = settingFor(t, false);
  fs.writeFileSync(join(setting.folder, 'file'), 'from the entry');
  const archive = await archiveOfTrees([rootAt(join(setting.folder, 'file'), { restore: 'merge' })]);
  await unpackInto(setting.target, archive);
  t.equal(fs.readFileSync(setting.target, 'utf8'), 'from the entry');
  fs.writeFileSync(setting.target, 'mine');
  await unpackInto(setting.target, archive);
  t.equal(fs.readFileSync(setting.target, 'utf8'), 'mine');
});
