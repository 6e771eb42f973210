/** A tree, a store and a table, and saves that are compared with saves without a table. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { openDigestTable } from '#runner-plugin/archive/digest-table.ts';
import { type FileAccess, nodeFiles } from '#runner-plugin/archive/file-access.ts';
import { type Packed, type PackOptions, pack } from '#runner-plugin/archive/pack.ts';
import { MemoryStore } from './memory-store.ts';
import { rootAt, scratchFolder } from './setting.ts';
import { contentOf, type Entry, writeTree } from './tree.ts';

export const EXT4 = 0xef53;
export const OVERLAY = 0x794c7630;

/** Long after everything that a test has written, so that all of it is at rest. */
export const LATER = { now: () => Date.now() + 60_000, wait: async () => {} };

/** Small enough for quick tests. */
export const CUT = { floor: 64 << 10, mean: 128 << 10, max: 1 << 20, alone: 256 << 10 };
export const SIZE = 400 << 10;

/** 12 files that are a segment each, more than a small entry holds, and small ones. */
export const TREE: Entry[] = [
  { path: 'small' },
  ...Array.from({ length: 12 }, (_, index) => ({
    path: `file-${String(index).padStart(2, '0')}`,
    content: contentOf(SIZE, index),
  })),
  { path: 'small/x', content: Buffer.from('x') },
  { path: 'small/y', content: Buffer.from('y') },
  { path: 'small/link', symlink: 'x' },
];

export class Bench {
  readonly folder: string;
  readonly place: string;
  readonly table;
  store = new MemoryStore();
  /** Files opened by the last save. */
  opened: string[] = [];

  constructor(t: Test, tree: Entry[] = TREE, fileSystem = EXT4) {
    this.folder = scratchFolder(t);
    this.place = join(this.folder, 'tree');
    writeTree(this.place, tree);
    this.table = openDigestTable(join(this.folder, 'state'), () => fileSystem);
  }

  /** Saves; what is returned must be what a save without a table makes of the tree. */
  async save(t: Test, more: Partial<PackOptions> & { files?: FileAccess } = {}): Promise<Packed> {
    this.opened = [];
    const { files = nodeFiles, ...rest } = more;
    const counting = {
      ...files,
      open: (path: string) => {
        this.opened.push(path.slice(this.place.length + 1));
        return files.open(path);
      },
    };
    const options = {
      roots: [rootAt(this.place)],
      cut: CUT,
      keepTimes: false,
      sink: this.store,
      clock: LATER,
      ...rest,
    };
    const packed = await pack({ ...options, table: this.table, files: counting });
    const fresh = new MemoryStore();
    const expected = await pack({ ...options, sink: fresh, files });
    t.same(packed.roots, expected.roots, 'the same segments as without a table');
    t.same(packed.times, expected.times);
    t.same(packed.totals, expected.totals);
    t.ok(
      packed.roots.every(({ segments }) => segments.every(({ identity }) => this.store.stored.has(identity))),
      'and all of them are stored',
    );
    return packed;
  }
}
