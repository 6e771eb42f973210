/**
 * Puts a staged tree in the place of what stands there. What stood there is renamed into the staging folder, from where it
 * can come back until all roots are in place; then it is removed with the staging folder.
 */
import fs from 'node:fs';
import { fault } from '#protocol/wire/errors.ts';
import { isStagingName } from './abandoned.ts';
import { systemCode, targetFault } from './file-fault.ts';
import { secondsOf, timeArgument } from './file-times.ts';
import { mountsBelow } from './mount-points.ts';
import { moveEntry } from './move-entry.ts';
import { joinBytes, removeTree } from './remove-tree.ts';
import type { Staging } from './staging.ts';

export interface Swapped {
  /** What stood there stands there again. */
  undo(): void;
  /** To be called when the staging folder has gone: one inside the target has changed the target's time. */
  settle(): void;
}

/** Names as the file system has them. */
type Path = string | Buffer;

/** Throws `TARGET_UNWRITABLE`; then what stood there stands there as before. */
export function swapIn(staging: Staging): Swapped {
  const moves: [from: Path, to: Path][] = [];
  const undo = () => {
    let failed = false;
    for (let last = moves.pop(); last !== undefined; last = moves.pop()) failed = !movedBack(last) || failed;
    if (failed)
      throw fault('TARGET_UNWRITABLE', {
        path: staging.place,
        why: `what stood there is in ${staging.keep()}`,
      });
  };
  const move = (from: Path, to: Path) => {
    moveEntry(from, to);
    moves.push([from, to]);
  };
  try {
    refuseMountsBelow(staging);
    if (!staging.inside && swapWhole(staging, move)) return { undo, settle: () => undefined };
    const stat = swapChildren(staging, move);
    return { undo, settle: () => settle(staging.place, stat) };
  } catch (error) {
    undo();
    throw targetFault(error, staging.place);
  }
}

type Move = (from: Path, to: Path) => void;

function movedBack([from, to]: [from: Path, to: Path]): boolean {
  try {
    moveEntry(to, from);
    return true;
  } catch {
    return false;
  }
}

/** False where the target can only be changed from within; nothing has been done then. */
function swapWhole({ target, old, tree }: Staging, move: Move): boolean {
  const standing = fs.lstatSync(target, { throwIfNoEntry: false });
  if (standing !== undefined) {
    try {
      move(target, old);
    } catch (error) {
      // A mount point that is not listed, a folder of an overlay's lower layer, or another's in a sticky folder.
      if (standing.isDirectory() && ['EBUSY', 'EXDEV', 'EACCES', 'EPERM'].includes(systemCode(error)))
        return false;
      throw error;
    }
  }
  move(tree, target);
  return true;
}

/** Returns what the target itself is to be like. */
function swapChildren({ target, old, tree, place }: Staging, move: Move): fs.BigIntStats {
  const stat = fs.lstatSync(tree, { bigint: true });
  if (!stat.isDirectory())
    throw fault('TARGET_UNWRITABLE', { path: place, why: 'a folder stands there that cannot be moved' });
  fs.mkdirSync(old, 0o700);
  const unmoved: Path[] = [];
  for (const name of fs.readdirSync(target, 'buffer')) {
    if (isStagingName(name.toString())) continue;
    try {
      move(joinBytes(target, name), joinBytes(old, name));
    } catch (error) {
      // An overlay does not move folders of its lower layer; they can be removed, but then there is no way back.
      if (systemCode(error) !== 'EXDEV') throw error;
      unmoved.push(joinBytes(target, name));
    }
  }
  for (const path of unmoved) removeTree(path);
  // Its children leave it, however it is to be.
  fs.chmodSync(tree, 0o700);
  for (const name of fs.readdirSync(tree, 'buffer')) move(joinBytes(tree, name), joinBytes(target, name));
  return stat;
}

/** What is mounted inside would be moved away with the old tree, and emptied with it. */
function refuseMountsBelow({ place }: Staging): void {
  const isFolder = fs.lstatSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
  const [mounted] = isFolder ? mountsBelow(place) : [];
  if (mounted !== undefined)
    throw fault('TARGET_UNWRITABLE', {
      path: place,
      why: `a file system is mounted inside it, at ${mounted}`,
    });
}

function settle(place: string, { mode, atimeNs, mtimeNs }: fs.BigIntStats): void {
  try {
    fs.chmodSync(place, Number(mode & 0o777n));
    fs.utimesSync(place, secondsOf(atimeNs), timeArgument(secondsOf(mtimeNs)));
  } catch {
    // Another user's mount point: its content is right, and its own mode is theirs.
  }
}
