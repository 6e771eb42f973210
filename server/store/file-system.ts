/**
 * The object store as a folder: each object is a file whose path is its name, readable with a file browser and served as it is
 * by any web server. `tmp/` in it holds what is being written.
 *
 * `delete` with `ifMatch` looks and then unlinks, which no system call does in one. Changes to a name wait for each other inside
 * this process, so for its own writers that is exact; a version that another process puts between the two calls (some
 * microseconds) would be deleted with it. Who shares a folder among processes loses an entry to that at worst, never the truth
 * of one.
 */
import { stat as statCallback, unlink as unlinkCallback } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createFolderClock, type FolderClock } from './folder-clock.ts';
import { listFolder } from './list-folder.ts';
import { doubtedBefore, machineStart } from './machine-start.ts';
import { NameLocks } from './name-locks.ts';
import { closeObject, LargeChunks, ObjectRange, openObject, readWhole, versionOf } from './object-file.ts';
import { ObjectFolders } from './object-folders.ts';
import { isObjectName, objectPath, TEMPORARY_FOLDER } from './object-path.ts';
import type { Into, ObjectHead, ObjectStore, StoredObject } from './object-store.ts';
import { canLink, type Link, ObjectWriter, systemLink, touch } from './object-writer.ts';
import { Source } from './source.ts';
import { isMissing, storeFault } from './system-fault.ts';
import { removeAbandoned, temporaryPath } from './temporary-files.ts';

const stat = promisify(statCallback);
const unlink = promisify(unlinkCallback);
/** Files that a listing asks about at once. */
const LIST_HEADS = 32;

export interface FileSystemOptions {
  /** link(2); a file system without it makes `atomicCreate` false. */
  link?: Link;
  /** What tells this start of the machine from others. */
  boot?: string | undefined;
}

/** Opens the store in `folder`, an absolute path, and makes the folder where it is not there. Throws `STORE_FAILED`. */
export async function openFileSystemStore(
  folder: string,
  options: FileSystemOptions = {},
): Promise<ObjectStore> {
  const link = options.link ?? systemLink;
  const temporaries = `${folder}/${TEMPORARY_FOLDER}`;
  const folders = new ObjectFolders(folder);
  try {
    await folders.make(temporaries);
    const fresh = (await readdir(folder)).length === 1;
    const clock = createFolderClock(() => touch(temporaries));
    const now = await clock.now();
    await removeAbandoned(temporaries, now);
    const boot = 'boot' in options ? options.boot : machineStart();
    const atomicCreate = await canLink(temporaries, link);
    return new FileSystemStore({
      folder,
      folders,
      temporaries,
      clock,
      writer: new ObjectWriter({ temporaries, folders, link: atomicCreate ? link : undefined }),
      atomicCreate,
      doubtedBefore: await doubtedBefore(temporaries, temporaryPath(temporaries), { boot, now, fresh }),
    });
  } catch (error) {
    throw storeFault(error);
  }
}

interface Parts {
  folder: string;
  folders: ObjectFolders;
  temporaries: string;
  clock: FolderClock;
  writer: ObjectWriter;
  atomicCreate: boolean;
  doubtedBefore: number;
}

class FileSystemStore implements ObjectStore {
  readonly atomicCreate: boolean;
  readonly doubtedBefore: number;
  readonly #folder: string;
  readonly #folders: ObjectFolders;
  readonly #temporaries: string;
  readonly #clock: FolderClock;
  readonly #writer: ObjectWriter;
  readonly #changes = new NameLocks();
  readonly #large = new LargeChunks();

  constructor(parts: Parts) {
    this.atomicCreate = parts.atomicCreate;
    this.doubtedBefore = parts.doubtedBefore;
    this.#folder = parts.folder;
    this.#folders = parts.folders;
    this.#temporaries = parts.temporaries;
    this.#clock = parts.clock;
    this.#writer = parts.writer;
  }

  async now(): Promise<number> {
    try {
      return await this.#clock.now();
    } catch (error) {
      throw storeFault(error);
    }
  }

  async head(name: string): Promise<ObjectHead | undefined> {
    return (await this.#find(name)) ?? this.#missing();
  }

  async #find(name: string): Promise<ObjectHead | undefined> {
    const path = objectPath(this.#folder, name);
    try {
      const stats = await stat(path, { bigint: true });
      return stats.isFile() ? { name, ...versionOf(stats) } : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw storeFault(error);
    }
  }

  /** Nothing stands at a name: the object is missing, unless the whole store is, as on a volume that was unmounted. */
  async #missing(): Promise<undefined> {
    try {
      await stat(this.#temporaries);
    } catch (error) {
      throw storeFault(error);
    }
  }

  async get(
    name: string,
    options: { ifMatch?: string; into?: Into } = {},
  ): Promise<StoredObject | 'changed' | undefined> {
    const file = await openObject(objectPath(this.#folder, name));
    if (file === undefined) return this.#missing();
    try {
      const { etag, modified } = file;
      if (options.ifMatch !== undefined && options.ifMatch !== etag) return 'changed';
      return { bytes: await readWhole(file, options.into?.bytes), etag, modified };
    } finally {
      closeObject(file);
    }
  }

  async read(
    name: string,
    start: number,
    end: number,
    options: { ifMatch?: string } = {},
  ): Promise<Readable | 'changed' | undefined> {
    const file = await openObject(objectPath(this.#folder, name));
    if (file === undefined) return this.#missing();
    if (options.ifMatch === undefined || options.ifMatch === file.etag)
      return new ObjectRange(file, start, end, this.#large);
    closeObject(file);
    return 'changed';
  }

  async put(
    name: string,
    bytes: Buffer,
    { ifAbsent = false, durable = false }: { ifAbsent?: boolean; durable?: boolean } = {},
  ): Promise<{ etag: string } | 'exists'> {
    const path = objectPath(this.#folder, name);
    // What is there already need not be written to find that out.
    if (ifAbsent && (await this.#find(name)) !== undefined) return 'exists';
    try {
      const { temporary, etag } = await this.#writer.write(bytes, durable);
      const placed = await this.#changes.hold(name, () =>
        this.#writer.place(temporary, path, { ifAbsent, durable }),
      );
      return placed ? { etag } : 'exists';
    } catch (error) {
      throw storeFault(error);
    }
  }

  async putStream(
    name: string,
    source: AsyncIterable<Uint8Array>,
    { durable = false }: { expected?: number; durable?: boolean } = {},
  ): Promise<{ etag: string; size: number }> {
    const path = objectPath(this.#folder, name);
    const input = new Source(source);
    try {
      const { temporary, etag, size } = await this.#writer.writeAll(input, durable);
      await this.#changes.hold(name, () => this.#writer.place(temporary, path, { ifAbsent: false, durable }));
      return { etag, size };
    } catch (error) {
      throw input.failed(error) ? error : storeFault(error);
    }
  }

  async delete(
    name: string,
    { ifMatch, modified }: { ifMatch?: string; modified?: number } = {},
  ): Promise<boolean> {
    const path = objectPath(this.#folder, name);
    return this.#changes.hold(name, async () => {
      const head = await this.head(name);
      if (head === undefined || (ifMatch ?? head.etag) !== head.etag) return false;
      if ((modified ?? head.modified) !== head.modified) return false;
      try {
        await unlink(path);
      } catch (error) {
        if (isMissing(error)) return false;
        throw storeFault(error);
      }
      await this.#folders.removeEmpty(dirname(path));
      return true;
    });
  }

  async *list(prefix: string): AsyncGenerator<ObjectHead> {
    let names: string[] = [];
    try {
      for await (const name of listFolder(this.#folder, prefix)) {
        if (!isObjectName(name)) continue;
        names.push(name);
        if (names.length < LIST_HEADS) continue;
        yield* await this.#heads(names);
        names = [];
      }
    } catch (error) {
      throw storeFault(error);
    }
    yield* await this.#heads(names);
    await this.#missing();
  }

  async #heads(names: string[]): Promise<ObjectHead[]> {
    const heads = await Promise.all(names.map((name) => this.#find(name)));
    return heads.filter((head) => head !== undefined);
  }

  async file(name: string, etag: string | undefined): Promise<string | undefined> {
    const found = await this.#find(name);
    return found !== undefined && found.etag === (etag ?? found.etag)
      ? objectPath(this.#folder, name)
      : undefined;
  }

  async close(): Promise<void> {
    // Nothing is held open between calls.
  }
}
