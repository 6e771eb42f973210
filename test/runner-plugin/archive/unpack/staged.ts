/** What the tests of staging and of faults restore. */
import fs from 'node:fs';
import { join } from 'node:path';
import { rootAt } from '../pack/setting.ts';
import { contentOf, type Described, describeTree, type Entry, writeTree } from '../pack/tree.ts';
import { type Archive, archiveOfTrees } from './archives.ts';
import type { Setting } from './setting.ts';

export const TREE: Entry[] = [
  { path: 'd', mode: 0o755 },
  { path: 'd/f', content: Buffer.from('new') },
  { path: 'read-only', mode: 0o555 },
  { path: 'read-only/f', content: Buffer.from('new'), mode: 0o444 },
  { path: 'l', symlink: 'd' },
];

/** Enough for threads to have work when something happens. */
export const LARGE: Entry[] = Array.from({ length: 60 }, (_, index) => ({
  path: `file-${index}`,
  content: contentOf(200_000, index, true),
}));

/** Of a tree that is written to `saved`. */
export async function archiveIn({ folder }: Setting, tree: Entry[] = TREE): Promise<Archive> {
  writeTree(join(folder, 'saved'), tree);
  return archiveOfTrees([rootAt(join(folder, 'saved'))]);
}

/** What stands in the target, and what should after a restore. */
export function isRestored({ folder, target }: Setting): [Described, Described] {
  return [describeTree(target, 'kept', 'own'), describeTree(join(folder, 'saved'), 'kept', 'derived')];
}

/** Names of staging folders in a folder. */
export function stagings(folder: string): string[] {
  return fs.readdirSync(folder).filter((name) => name.startsWith('.cachalot-'));
}
