/**
 * Adds a staged tree to what stands in the target: what is missing comes, what is there stays, whatever it is. Folders are
 * walked through descriptors and never through links, whole missing folders move in one rename, and files are linked into
 * place, which fails where there is one (link(2): EEXIST). So a name that is swapped for a link while this runs leads
 * nowhere (hardening.md E10, E18), and nobody sees half a file.
 */
import fs from 'node:fs';
import { fault } from '#protocol/wire/errors.ts';
import { systemCode, targetFault } from './file-fault.ts';
import { moveEntry } from './move-entry.ts';
import { OpenFolder } from './open-folder.ts';
import { removeTree } from './remove-tree.ts';
import type { Staging } from './staging.ts';
import { type Swapped, swapIn } from './swap.ts';
import type { StandingTree } from './tree-creator.ts';

interface Added {
  /** Of the folder that it was added to, relative to the root. */
  folder: string;
  name: string;
  /** By which it is known again, should somebody replace it. */
  inode: bigint;
}

/** Throws `TARGET_UNWRITABLE` and `DISK_FULL`; what was added is taken away again then. */
export function mergeIn(staging: Staging): Swapped {
  const standing = fs.lstatSync(staging.target, { throwIfNoEntry: false });
  if (standing === undefined) return swapIn(staging);
  const added: Added[] = [];
  const undo = () => {
    for (let last = added.pop(); last !== undefined; last = added.pop()) takeAway(staging, last);
  };
  // A root that is one file: something of its name stands.
  if (!isFolder(staging.tree)) return { undo, settle: () => undefined };
  try {
    if (!standing.isDirectory())
      throw fault('TARGET_UNWRITABLE', {
        path: staging.place,
        why: 'something that is no folder stands there',
      });
    withFolders(staging.tree, staging.target, (from, to) => addFolder(from, to, '', added));
  } catch (error) {
    undo();
    throw targetFault(error, staging.place);
  }
  return { undo, settle: () => undefined };
}

/** For a root that is merged into what stands there; undefined where nothing does. */
export function standingIn(staging: Staging): StandingTree | undefined {
  if (fs.lstatSync(staging.target, { throwIfNoEntry: false }) === undefined) return undefined;
  return {
    has: (path) => isTaken(path === '' ? staging.target : `${staging.target}/${path}`),
    link(path, at) {
      const slash = path.lastIndexOf('/');
      const root = OpenFolder.open(staging.target);
      try {
        const folder = root.openBelow(path.slice(0, Math.max(0, slash)));
        try {
          fs.linkSync(folder.at(path.slice(slash + 1)), at);
        } finally {
          folder.close();
        }
      } finally {
        root.close();
      }
    },
  };
}

/** Also where a folder of the path is a link or a file: nothing will be added there. */
function isTaken(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return true;
    throw error;
  }
}

function addFolder(from: OpenFolder, to: OpenFolder, folder: string, added: Added[]): void {
  for (const name of fs.readdirSync(from.at('.'))) {
    const staged = fs.lstatSync(from.at(name), { bigint: true });
    const isAdded = staged.isDirectory() ? moveFolder(from, to, name) : linkFile(from, to, name);
    if (isAdded) added.push({ folder, name, inode: staged.ino });
    else if (staged.isDirectory() && isFolder(to.at(name)))
      withFolders(from.at(name), to.at(name), (inner, target) =>
        addFolder(inner, target, joinPath(folder, name), added),
      );
  }
}

/** False where something of that name stands. */
function moveFolder(from: OpenFolder, to: OpenFolder, name: string): boolean {
  // rename(2) would replace an empty folder, whose mode and owner are somebody's choice.
  if (fs.lstatSync(to.at(name), { throwIfNoEntry: false }) !== undefined) return false;
  return unlessItStands(() => moveEntry(from.at(name), to.at(name)));
}

function linkFile(from: OpenFolder, to: OpenFolder, name: string): boolean {
  return unlessItStands(() => fs.linkSync(from.at(name), to.at(name)));
}

function unlessItStands(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    // Of these three, the last two are rename's.
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(systemCode(error))) return false;
    throw error;
  }
}

function isFolder(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function withFolders(from: string, to: string, action: (from: OpenFolder, to: OpenFolder) => void): void {
  const source = OpenFolder.open(from);
  try {
    const target = openUnlessLink(to);
    if (target === undefined) return;
    try {
      action(source, target);
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

/** Undefined where it is a folder no longer: somebody was faster, and what is there stays. */
function openUnlessLink(path: string): OpenFolder | undefined {
  try {
    return OpenFolder.open(path);
  } catch (error) {
    if (['ENOTDIR', 'ELOOP', 'ENOENT'].includes(systemCode(error))) return undefined;
    throw error;
  }
}

function takeAway(staging: Staging, { folder, name, inode }: Added): void {
  try {
    const root = OpenFolder.open(staging.target);
    try {
      const inner = root.openBelow(folder);
      try {
        if (fs.lstatSync(inner.at(name), { bigint: true }).ino === inode) removeTree(inner.at(name));
      } finally {
        inner.close();
      }
    } finally {
      root.close();
    }
  } catch {
    // It has gone, or its folder has: then it is not to be taken away.
  }
}

function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
