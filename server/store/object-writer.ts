/**
 * Writing an object's file: under a temporary name first, and then given its own by one system call: rename(2), which
 * replaces, or link(2), which fails where the name is taken, so that of many writers one wins. Both are atomic, whoever else
 * uses the folder.
 */
import {
  close as closeCallback,
  fsync as fsyncCallback,
  link as linkCallback,
  open as openCallback,
  rename as renameCallback,
  stat as statCallback,
  unlink as unlinkCallback,
  write as writeCallback,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { DistinctVersions } from './distinct-versions.ts';
import type { ObjectFolders } from './object-folders.ts';
import { isMissing, systemCode } from './system-fault.ts';
import { temporaryPath } from './temporary-files.ts';

const close = promisify(closeCallback);
const fsync = promisify(fsyncCallback);
const open = promisify(openCallback);
const rename = promisify(renameCallback);
const stat = promisify(statCallback);
const unlink = promisify(unlinkCallback);
const write = promisify(writeCallback);

const MODE = 0o600;
/** A folder may be removed as empty between its making and its use: by somebody else's deletion, each time. */
const PLACE_TRIES = 16;

/** link(2) */
export type Link = (from: string, to: string) => Promise<void>;

export const systemLink: Link = promisify(linkCallback);

export class ObjectWriter {
  readonly #temporaries: string;
  readonly #folders: ObjectFolders;
  readonly #link: Link | undefined;
  readonly #versions = new DistinctVersions();

  /** Without `link`, a name that is taken is seen by looking, which two writers may do at once. */
  constructor(parts: { temporaries: string; folders: ObjectFolders; link: Link | undefined }) {
    this.#temporaries = parts.temporaries;
    this.#folders = parts.folders;
    this.#link = parts.link;
  }

  /**
   * A complete file without a name of its own, and the etag that it will have under one. `durable`: its bytes are on disk.
   * Leaves nothing where it fails; errors are the system's.
   */
  async write(bytes: Buffer, durable: boolean): Promise<{ temporary: string; etag: string }> {
    return await this.writeAll([bytes], durable);
  }

  /** The same for pieces that come one by one; `size` is what they were together. What `pieces` throws is thrown as it is. */
  async writeAll(
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    durable: boolean,
  ): Promise<{ temporary: string; etag: string; size: number }> {
    const temporary = temporaryPath(this.#temporaries);
    const fd = await open(temporary, 'wx', MODE);
    let size = 0;
    try {
      try {
        for await (const piece of pieces) {
          for (let at = 0; at < piece.length; ) {
            const { bytesWritten } = await write(fd, piece, at, piece.length - at, size);
            at += bytesWritten;
            size += bytesWritten;
          }
        }
        const etag = this.#versions.give(fd);
        if (durable) await fsync(fd);
        return { temporary, etag, size };
      } finally {
        // On a network file system this is where a full disk shows.
        await close(fd);
      }
    } catch (error) {
      await discard(temporary);
      throw error;
    }
  }

  /**
   * Gives it the name `path`; false where `ifAbsent` and something has that name. The temporary file is gone afterwards, however
   * it ends. `durable`: the name is on disk too; an error of that part comes when others may have seen the object already.
   */
  async place(
    temporary: string,
    path: string,
    options: { ifAbsent: boolean; durable: boolean },
  ): Promise<boolean> {
    try {
      const placed = await this.#name(temporary, path, options.ifAbsent);
      if (placed && options.durable) await this.#folders.sync(dirname(path));
      return placed;
    } finally {
      await discard(temporary);
    }
  }

  async #name(temporary: string, path: string, ifAbsent: boolean): Promise<boolean> {
    for (let tries = 1; ; tries += 1) {
      try {
        if (tries > 1) await this.#folders.make(dirname(path));
        if (!ifAbsent) await rename(temporary, path);
        else if (this.#link !== undefined) await this.#link(temporary, path);
        else if (await isThere(path)) return false;
        else await rename(temporary, path);
        return true;
      } catch (error) {
        // mkdir(2) answers it too, for an object that stands where a folder is needed.
        if (ifAbsent && systemCode(error) === 'EEXIST' && (await isThere(path))) return false;
        if (systemCode(error) !== 'ENOENT' || tries === PLACE_TRIES) throw error;
      }
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** What cannot be removed now is removed at the next start. */
async function discard(temporary: string): Promise<void> {
  await unlink(temporary).catch(() => undefined);
}

/** The time that a file gets when it is written into `folder` now, in milliseconds. */
export async function touch(folder: string): Promise<number> {
  const path = temporaryPath(folder);
  const fd = await open(path, 'wx', MODE);
  try {
    return Math.floor((await stat(path)).mtimeMs);
  } finally {
    await close(fd);
    await discard(path);
  }
}

/** Whether `link` works in `folder`: some file systems have no hard links. */
export async function canLink(folder: string, link: Link): Promise<boolean> {
  const [from, to] = [temporaryPath(folder), temporaryPath(folder)];
  await close(await open(from, 'wx', MODE));
  try {
    await link(from, to);
    return true;
  } catch {
    return false;
  } finally {
    await discard(from);
    await discard(to);
  }
}
