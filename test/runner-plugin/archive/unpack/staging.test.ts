/** Where a restore happens: beside the target, inside it where it must; and what it leaves of what stood there. */
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { formatRoot } from '#protocol/format/root.ts';
import type { ArchiveSource } from '#runner-plugin/archive/unpack.ts';
import { permits } from '../../../needs.ts';
import { rootAt } from '../pack/setting.ts';
import { writeTree } from '../pack/tree.ts';
import { archiveOfTrees } from './archives.ts';
import { becomeNobody } from './as-nobody.ts';
import { mount } from './mounts.ts';
import { outcomeOf, settingFor, snapshot, sourceOf, unpackInto } from './setting.ts';
import { archiveIn, isRestored, stagings, TREE } from './staged.ts';

test('beside the target: a folder that others cannot enter, gone at the end with what stood there', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  const work = join(setting.folder, 'work');
  const seen: number[] = [];
  const source: ArchiveSource = {
    read(start, end, signal) {
      for (const name of stagings(work)) seen.push(fs.statSync(join(work, name)).mode & 0o777);
      return sourceOf(archive.bytes).read(start, end, signal);
    },
  };
  await unpackInto(setting.target, archive, { source });
  t.same(seen, [0o700]);
  t.same(...isRestored(setting));
  t.same(fs.readdirSync(work), ['tree']);
});

test('the current directory is where it was, also where it has been removed', async (t) => {
  const setting = settingFor(t, false);
  const archive = await archiveIn(setting);
  const before = process.cwd();
  t.teardown(() => process.chdir(before));
  await unpackInto(setting.target, archive);
  t.equal(process.cwd(), before);
  const here = join(setting.folder, 'here');
  fs.mkdirSync(here);
  process.chdir(here);
  fs.rmdirSync(here);
  await unpackInto(setting.target, archive);
  t.equal(fs.readlinkSync('/proc/self/cwd'), `${here} (deleted)`);
});

test('inside the target, where that is the current directory', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  const before = process.cwd();
  t.teardown(() => process.chdir(before));
  for (const place of [join(setting.target, 'old'), setting.target]) {
    fs.mkdirSync(place, { recursive: true });
    process.chdir(place);
    const { ino } = fs.statSync(setting.target);
    await unpackInto(setting.target, archive);
    t.equal(fs.statSync(setting.target).ino, ino, 'it is the same folder');
    t.same(...isRestored(setting));
    t.same(fs.readdirSync(join(setting.folder, 'work')), ['tree']);
    process.chdir(before);
  }
});

test('inside the target, where its parent cannot be written; also by somebody who may not move read-only folders', async (t) => {
  if (!permits(t, becomeNobody(t), 'file modes hold nobody back here')) return;
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  fs.chmodSync(join(setting.folder, 'work'), 0o555);
  await unpackInto(setting.target, archive);
  t.same(...isRestored(setting));
  await unpackInto(setting.target, archive);
  t.same(...isRestored(setting), 'over a tree with read-only folders too');
});

test('beside it, by somebody who may not move read-only folders', async (t) => {
  if (!permits(t, becomeNobody(t), 'file modes hold nobody back here')) return;
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  fs.chmodSync(join(setting.folder, 'saved'), 0o555);
  const readOnly = await archiveOfTrees([rootAt(join(setting.folder, 'saved'))]);
  for (const each of [archive, readOnly, readOnly, archive]) {
    await unpackInto(setting.target, each);
    t.same(fs.readFileSync(join(setting.target, 'read-only/f'), 'utf8'), 'new');
    t.same(fs.readdirSync(join(setting.folder, 'work')), ['tree']);
  }
});

test('a target that cannot be written at all', async (t) => {
  if (!permits(t, becomeNobody(t), 'file modes hold nobody back here')) return;
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  fs.chmodSync(setting.target, 0o555);
  fs.chmodSync(join(setting.folder, 'work'), 0o555);
  const before = snapshot(setting.folder);
  t.equal(await outcomeOf(unpackInto(setting.target, archive)), 'TARGET_UNWRITABLE');
  t.equal(await outcomeOf(unpackInto(join(setting.folder, 'work/none/tree'), archive)), 'TARGET_UNWRITABLE');
  t.same(snapshot(setting.folder), before);
});

test("a target whose parent is sticky and another's: its children are swapped, or all is as it was", async (t) => {
  if (!permits(t, process.getuid?.() === 0, 'only root makes folders of others')) return;
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  fs.chmodSync(setting.folder, 0o755);
  fs.chmodSync(join(setting.folder, 'work'), 0o1777);
  fs.chmodSync(setting.target, 0o777);
  fs.chmodSync(join(setting.target, 'old'), 0o777);
  becomeNobody(t);
  await unpackInto(setting.target, archive);
  t.same(fs.readdirSync(setting.target).sort(), ['d', 'l', 'read-only']);
  process.seteuid?.(0);
  fs.chmodSync(setting.target, 0o755);
  process.seteuid?.(65534);
  const before = snapshot(setting.folder);
  t.equal(await outcomeOf(unpackInto(setting.target, archive)), 'TARGET_UNWRITABLE');
  t.same(snapshot(setting.folder), before);
});

test('several roots: when one cannot be put in place, those before it go back', async (t) => {
  if (!permits(t, process.getuid?.() === 0, 'only root makes folders of others')) return;
  const setting = settingFor(t);
  for (const name of ['a', 'b', 'c']) writeTree(join(setting.folder, 'saved', name), TREE);
  const roots = ['a', 'b', 'c'].map((name) =>
    rootAt(join(setting.folder, 'saved', name), { text: `workspace:${name}` }),
  );
  const archive = await archiveOfTrees(roots);
  const work = join(setting.folder, 'work');
  for (const name of ['a', 'c']) fs.cpSync(setting.target, join(work, name), { recursive: true });
  fs.chmodSync(setting.folder, 0o777);
  fs.chmodSync(work, 0o1777);
  becomeNobody(t);
  // The first stands and is ours, the second is new, the third cannot be moved.
  process.seteuid?.(0);
  fs.chownSync(join(work, 'a'), 65534, 65534);
  process.seteuid?.(65534);
  const before = snapshot(setting.folder);
  const places = new Map(roots.map(({ root }) => [formatRoot(root), join(work, root.path)]));
  t.equal(await outcomeOf(unpackInto('', archive, { places })), 'TARGET_UNWRITABLE');
  t.same(snapshot(setting.folder), before);
});

test('what stood there is kept where it cannot be put back', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  const work = join(setting.folder, 'work');
  const { renameSync } = fs;
  t.teardown(() => Object.assign(fs, { renameSync }));
  const broken = Object.assign(new Error('EIO: broken'), { code: 'EIO', syscall: 'rename' });
  let moves = 0;
  Object.assign(fs, {
    renameSync(from: fs.PathLike, to: fs.PathLike) {
      // The old tree goes, the new one does not come, the old one does not come back.
      if (/\/tree$/.test(String(to)) && ++moves <= 2) throw broken;
      renameSync(from, to);
    },
  });
  const restoring = unpackInto(setting.target, archive);
  await t.rejects(restoring, { code: 'TARGET_UNWRITABLE', message: /what stood there is in .*\/old\b/ });
  Object.assign(fs, { renameSync });
  const [name = ''] = stagings(work);
  t.match(name, /^\.cachalot-kept-/);
  t.equal(fs.readFileSync(join(work, name, 'old/old/file'), 'utf8'), 'old');
  await unpackInto(setting.target, archive);
  t.same(stagings(work), [name], 'no later restore takes it for its own');
});

test('a target that is a mount point; one of the same file system too', async (t) => {
  for (const kind of ['tmpfs', 'bind']) {
    const setting = settingFor(t, false);
    const archive = await archiveIn(setting);
    fs.mkdirSync(setting.target);
    const other = join(setting.folder, 'other');
    fs.mkdirSync(other);
    const mounted =
      kind === 'tmpfs'
        ? mount(t, '-t', 'tmpfs', 'none', setting.target)
        : mount(t, '--bind', other, setting.target);
    if (!permits(t, mounted, 'nothing can be mounted here')) return;
    fs.mkdirSync(join(setting.target, 'old'));
    fs.writeFileSync(join(setting.target, 'old/file'), 'old');
    await unpackInto(setting.target, archive);
    t.same(...isRestored(setting), kind);
    if (kind === 'bind') t.same(fs.readdirSync(other), fs.readdirSync(setting.target), 'it is still mounted');
    t.same(fs.readdirSync(join(setting.folder, 'work')), ['tree']);
  }
});

test('what is mounted inside the target is not emptied with it', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  fs.mkdirSync(join(setting.target, 'old/volume'));
  if (
    !permits(
      t,
      mount(t, '-t', 'tmpfs', 'none', join(setting.target, 'old/volume')),
      'nothing can be mounted here',
    )
  )
    return;
  fs.writeFileSync(join(setting.target, 'old/volume/precious'), 'precious');
  const before = snapshot(setting.folder);
  t.equal(await outcomeOf(unpackInto(setting.target, archive)), 'TARGET_UNWRITABLE');
  t.same(snapshot(setting.folder), before);
});

test("a folder of an overlay's lower layer, which cannot be moved (EXDEV)", async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  for (const name of ['upper', 'scratch', 'merged']) fs.mkdirSync(join(setting.folder, name));
  const layers = `lowerdir=${join(setting.folder, 'work')},upperdir=${join(setting.folder, 'upper')},workdir=${join(setting.folder, 'scratch')}`;
  const merged = join(setting.folder, 'merged');
  // An overlay does not stand on another.
  if (
    !permits(t, mount(t, '-t', 'overlay', '-o', layers, 'overlay', merged), 'no overlay can be mounted here')
  )
    return;
  const target = join(merged, 'tree');
  await unpackInto(target, archive);
  t.same(...isRestored({ ...setting, target }));
  t.same(fs.readdirSync(merged), ['tree']);
});

test('the folders above the target are made, and unmade where nothing comes of it', async (t) => {
  const setting = settingFor(t);
  const archive = await archiveIn(setting);
  const target = join(setting.folder, 'work/one/two/tree');
  const before = snapshot(setting.folder);
  const damaged = Buffer.from(archive.bytes);
  damaged[10] = (damaged[10] ?? 0) ^ 1;
  t.match(await outcomeOf(unpackInto(target, archive, { source: sourceOf(damaged) })), /^SEGMENT_/);
  t.same(snapshot(setting.folder), before);
  await unpackInto(target, archive);
  t.same(...isRestored({ ...setting, target }));
});
