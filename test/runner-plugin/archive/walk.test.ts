/** Walks that are shared between threads find what one thread finds, in the same order. */
import { test } from 'tap';
import { parseRoot } from '#protocol/format/root.ts';
import { type FileAccess, type FileStat, nodeFiles } from '#runner-plugin/archive/file-access.ts';
import { Tree } from '#runner-plugin/archive/pack-tree.ts';
import { type WalkedShare, type WalkShare, walkRoot, walkShare } from '#runner-plugin/archive/walk.ts';

const statOf = (mode: number, ino: number): FileStat => ({
  mode: BigInt(mode),
  nlink: 1n,
  size: 0n,
  mtimeNs: 1n,
  ctimeNs: 2n,
  ino: BigInt(ino),
  dev: 3n,
});

/** `folders` folders in a root, each with as many files; without a disk. */
function inMemory(folders: number, files: number): FileAccess {
  const fileNames = Array.from({ length: files }, (_, index) => `file-${index}`);
  return {
    ...nodeFiles,
    list: (path) =>
      path === '/root' ? Array.from({ length: folders }, (_, index) => `folder-${index}`) : fileNames,
    stat: (path) => statOf(path.includes('/file-') ? 0o100644 : 0o040755, path.length),
  };
}

const order = { root: parseRoot('workspace:tree'), place: '/root', exclude: ['folder-3', 'folder-4/file-1'] };

test('with helpers and without, a walk is the same', async (t) => {
  const files = inMemory(100, 120);
  const alone = await walkRoot(order, undefined, { files, now: () => 7 });
  const asked: WalkShare[] = [];
  const helpers = {
    // A helper that has units for itself: as if it had been quicker than this thread for a while.
    walk: async (share: WalkShare): Promise<WalkedShare[]> => {
      asked.push(share);
      return [walkShare(share, files), { units: [], paths: new Uint8Array(0), stats: new BigInt64Array(0) }];
    },
  };
  const shared = await walkRoot(order, undefined, { files, now: () => 7, helpers });
  t.equal(asked.length, 1);
  t.same(shared, alone);
  t.equal(alone.count, 1 + 99 + 99 * 120 - 1);
  t.equal(alone.began, 7);
  const members = [...new Tree(alone, order.root).members()];
  t.notOk(members.some(({ path }) => path.startsWith('folder-3/') || path === 'folder-4/file-1'));
});

test('a small tree is walked without help', async (t) => {
  const helpers = {
    walk: async (): Promise<WalkedShare[]> => {
      throw new Error('asked for help');
    },
  };
  const walked = await walkRoot(order, undefined, { files: inMemory(60, 60), now: () => 0, helpers });
  t.equal(walked.count, 1 + 59 + 59 * 60 - 1);
});

test('a folder that names an entry twice while it is written to is a tree that changes', async (t) => {
  const files = {
    ...inMemory(2, 2),
    list: (path: string) => (path === '/root' ? ['a'] : ['file-1', 'file-1']),
  };
  const walked = await walkRoot(order, undefined, { files, now: () => 0 });
  t.throws(() => new Tree(walked, order.root), { code: 'ARCHIVE_TREE_CHANGED' });
});
