/**
 * The names of staging folders, and what killed restores have left under them: a name says which process made it, so that
 * a later restore knows what nobody uses any more.
 *
 *     .cachalot-<machine>-<pid>-<random>
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { hostname } from 'node:os';
import { sha256OfList } from '#protocol/format/digest.ts';
import { systemCode } from './file-fault.ts';
import type { OpenFolder } from './open-folder.ts';
import { removeTree } from './remove-tree.ts';

const NAME = /^\.cachalot-([0-9a-f]{8})-([0-9]{1,10})-[0-9a-f]{12}$/;
/** A restore has a budget of ten minutes: what is as old as this belongs to none that runs, wherever it was started. */
const ABANDONED_MS = 24 * 3600 * 1000;

/** A new one. */
export function stagingName(): string {
  return `.cachalot-${machine()}-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/** Whether a restore, this one or another, works in a folder of this name. */
export function isStagingName(name: string): boolean {
  return NAME.test(name);
}

/** What killed restores have left in `folder` goes; never fails. */
export function removeAbandoned(folder: OpenFolder): void {
  for (const name of namesIn(folder)) {
    try {
      if (isAbandoned(folder, name)) removeTree(folder.at(name));
    } catch {
      // Another user's. It harms nobody.
    }
  }
}

function namesIn(folder: OpenFolder): string[] {
  try {
    return fs.readdirSync(folder.at('.'));
  } catch {
    // Where we may not look, we have left nothing.
    return [];
  }
}

function isAbandoned(folder: OpenFolder, name: string): boolean {
  const [, where, pid] = NAME.exec(name) ?? [];
  if (where === undefined) return false;
  const stat = fs.lstatSync(folder.at(name), { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true) return false;
  if (Date.now() - stat.mtimeMs > ABANDONED_MS) return true;
  return where === machine() && !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

let cachedMachine: string | undefined;

/** Tells apart process numbers that look alike: each container counts its own, and each machine after each start. */
function machine(): string {
  cachedMachine ??= sha256OfList([
    hostname(),
    textOf(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    textOf(() => fs.readlinkSync('/proc/self/ns/pid')),
  ]).slice(0, 8);
  return cachedMachine;
}

/** Empty where there is no such file. */
function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
