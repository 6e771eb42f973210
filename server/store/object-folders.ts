/**
 * The folders that objects' files stand in: made when an object needs them, synced to disk for a durable one, removed when
 * empty. A store of objects has no folders; if they stayed, each save session would leave one for ever.
 */
import {
  close as closeCallback,
  fsync as fsyncCallback,
  mkdir as mkdirCallback,
  open as openCallback,
  rmdir as rmdirCallback,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { isMissing } from './system-fault.ts';

const close = promisify(closeCallback);
const fsync = promisify(fsyncCallback);
const mkdir = promisify(mkdirCallback);
const open = promisify(openCallback);
const rmdir = promisify(rmdirCallback);

const MODE = 0o700;

/** All paths are absolute; errors are the system's. */
export class ObjectFolders {
  readonly #top: string;
  /** Made since the start, and their names perhaps not on disk yet. */
  readonly #unsynced = new Set<string>();

  /** `top` is never removed. */
  constructor(top: string) {
    this.#top = top;
  }

  async make(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: MODE });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made)) this.#unsynced.add(made);
  }

  /** Waits until what has been put into `folder` under a name, and the folder's own way up, survive a power cut. */
  async sync(folder: string): Promise<void> {
    await syncOne(folder);
    for (let lower = folder; this.#unsynced.has(lower); lower = dirname(lower)) {
      await syncOne(dirname(lower));
      this.#unsynced.delete(lower);
    }
  }

  /** Removes `folder` and those above it as far as they are empty. Whoever was about to use one makes it again. */
  async removeEmpty(folder: string): Promise<void> {
    for (let lowest = folder; lowest !== this.#top; lowest = dirname(lowest)) {
      try {
        await rmdir(lowest);
      } catch {
        return;
      }
      this.#unsynced.delete(lowest);
    }
  }
}

async function syncOne(folder: string): Promise<void> {
  let fd: number;
  try {
    fd = await open(folder, 'r');
  } catch (error) {
    // Removed as empty: what had been put there has been deleted since.
    if (isMissing(error)) return;
    throw error;
  }
  try {
    await fsync(fd);
  } finally {
    await close(fd);
  }
}
