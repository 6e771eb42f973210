/** A tree that changes while it is read is not saved: fault "the tree changes while it is saved" of hardening.md. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { readMembers } from '#protocol/format/tar-reader.ts';
import { nodeFiles } from '#runner-plugin/archive/file-access.ts';
import { pack } from '#runner-plugin/archive/pack.ts';
import { MemoryStore } from './memory-store.ts';
import { filesWith, optionsFor, rootAt, scratchFolder } from './setting.ts';
import { contentOf, writeTree } from './tree.ts';

const CHANGED = { code: 'ARCHIVE_TREE_CHANGED' };

function treeOf(t: Test): string {
  const folder = scratchFolder(t);
  writeTree(join(folder, 'tree'), [
    { path: 'a', content: Buffer.from('first content') },
    { path: 'b', content: Buffer.from('second content') },
    { path: 'folder' },
    { path: 'folder/c', content: Buffer.from('third content') },
  ]);
  return join(folder, 'tree');
}

const CHANGES: Record<string, (place: string) => void> = {
  'rewritten with the same size': (place) => fs.writeFileSync(join(place, 'b'), 'SECOND content'),
  'appended to': (place) => fs.appendFileSync(join(place, 'b'), 'x'),
  'cut off': (place) => fs.truncateSync(join(place, 'b'), 3),
  removed: (place) => fs.rmSync(join(place, 'b')),
  'replaced by another file of the same size and time': (place) => {
    const { atime, mtime } = fs.statSync(join(place, 'b'));
    fs.writeFileSync(join(place, '../b'), 'SECOND content');
    fs.utimesSync(join(place, '../b'), atime, mtime);
    fs.renameSync(join(place, '../b'), join(place, 'b'));
  },
  'replaced by a link to the same content (E10)': (place) => {
    fs.renameSync(join(place, 'b'), join(place, '../b'));
    fs.symlinkSync('../b', join(place, 'b'));
  },
  'replaced by a FIFO': (place) => {
    fs.rmSync(join(place, 'b'));
    execFileSync('mkfifo', [join(place, 'b')]);
  },
  'made executable': (place) => fs.chmodSync(join(place, 'b'), 0o755),
  'joined by another file': (place) => fs.writeFileSync(join(place, 'folder/new'), ''),
  'left by another file': (place) => fs.rmSync(join(place, 'folder/c')),
};

for (const [what, change] of Object.entries(CHANGES)) {
  test(`a file that is ${what} between the walk and its reading`, async (t) => {
    const place = treeOf(t);
    const store = new MemoryStore();
    const clock = { now: () => 0, wait: async () => change(place) };
    await t.rejects(pack(optionsFor(store, [rootAt(place)], { clock })), CHANGED);
    t.same(store.sent, []);
  });

  test(`a file that is ${what} while it is read`, async (t) => {
    const place = treeOf(t);
    const store = new MemoryStore();
    let opened: number | undefined;
    const files = filesWith({
      open: (path) => {
        const file = nodeFiles.open(path);
        if (path.endsWith('/b')) opened = file;
        return file;
      },
      read: (file, ...rest) => {
        const read = nodeFiles.read(file, ...rest);
        if (file === opened) change(place);
        opened = undefined;
        return read;
      },
    });
    const outcome = await pack(optionsFor(store, [rootAt(place)], { files })).then(
      () => 'saved',
      (error) => error.code,
    );
    // A name that goes while the file is open takes nothing from its content; it is the folder that tells.
    t.equal(outcome, 'ARCHIVE_TREE_CHANGED');
    t.same(store.sent, []);
  });
}

test('a large file of which one part changes after the others were read, in threads', async (t) => {
  const folder = scratchFolder(t);
  writeTree(join(folder, 'tree'), [{ path: 'large', content: contentOf(40 << 20, 1) }]);
  const store = new MemoryStore();
  const clock = {
    now: () => 0,
    wait: async () => {
      const file = fs.openSync(join(folder, 'tree/large'), 'r+');
      fs.writeSync(file, 'x', 39 << 20);
      fs.closeSync(file);
    },
  };
  await t.rejects(pack(optionsFor(store, [rootAt(join(folder, 'tree'))], { clock, workers: 2 })), CHANGED);
});

test('a file that is not in a list of files may come and go beside those that are', async (t) => {
  const place = treeOf(t);
  const store = new MemoryStore();
  const clock = { now: () => 0, wait: async () => fs.writeFileSync(join(place, 'folder/new'), '') };
  const packed = await pack(optionsFor(store, [rootAt(place, { files: ['folder/c'] })], { clock }));
  t.equal(packed.totals.files, 1);
  await t.rejects(pack(optionsFor(store, [rootAt(place, { files: ['gone'] })])), CHANGED);
});

test('a file rewritten with the same size within a tick of its clock is saved right: it is read when the tick is over', async (t) => {
  const place = treeOf(t);
  const stamped = fs.lstatSync(join(place, 'b'), { bigint: true });
  // A clock that stands still: what is written to has the numbers that it had.
  const files = filesWith({
    stat: (path) => (path.endsWith('/b') ? stamped : nodeFiles.stat(path)),
    statOpen: (file) => {
      const stat = nodeFiles.statOpen(file);
      return stat.ino === stamped.ino ? stamped : stat;
    },
  });
  const waited: number[] = [];
  const now = () => Number(stamped.ctimeNs / 1_000_000n) + 3;
  const wait = async (ms: number) => {
    waited.push(ms);
    fs.writeFileSync(join(place, 'b'), 'SECOND content');
  };
  const store = new MemoryStore();
  const packed = await pack(optionsFor(store, [rootAt(place)], { files, clock: { now, wait } }));
  const stream = store.stream(packed.roots);
  const b = readMembers(stream).find(({ member }) => member.path === 'tree/b');
  t.equal(waited.length, 1);
  t.equal(stream.toString('utf8', b?.contentStart, (b?.contentStart ?? 0) + 14), 'SECOND content');

  const later = { now: () => now() + 1000, wait };
  await pack(optionsFor(new MemoryStore(), [rootAt(place)], { files, clock: later }));
  t.equal(waited.length, 1, 'a tree at rest is not waited for');
});
