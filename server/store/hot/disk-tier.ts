/**
 * Copies of segments in a folder on local disk, the least recently used going first. A copy is the object's own bytes, so any web
 * server can hand it out:
 *
 *     segments/<domain>/<2 hex>/<identity>.<etag in the bucket>      tmp/   what is being written
 *
 * A file's modification time says when it was last used, to within a few minutes; that, and its size, is all that a restart needs. Files are
 * not synced, so after a power cut one may hold other bytes than were written: each is *unchecked* until somebody has verified
 * it in this process. The folder belongs to one process; where others take files away, those are misses.
 *
 * Its bound is kept before a file is written, in blocks of the disk. What readers have open stays readable until they close it.
 */
import { mkdir, open, readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mapAtMost } from '../../entries/at-most.ts';
import { NameLocks } from '../name-locks.ts';
import { closeObject, type ObjectFile, openObject } from '../object-file.ts';
import { isMissing } from '../system-fault.ts';
import { removeAbandoned, temporaryPath } from '../temporary-files.ts';

const BLOCK_BYTES = 4096;
/** A use is written down when the last one that was is older. */
const NOTE_MS = 5 * 60 * 1000;
/** Longer etags, or their percent-encoded forms, are no name for a file. */
const ETAG_BYTES = 120;
/** Files that the start asks about at once. */
const STATS = 32;

const COPY = /^([0-9a-f]{64})\.([^/]+)$/;

interface Copy {
  name: string;
  etag: string;
  path: string;
  /** Of the file. */
  size: number;
  /** Milliseconds since 1970; what the file says. */
  noted: number;
  checked: boolean;
}

export interface DiskTierOptions {
  /** Absolute path. */
  folder: string;
  /** Bytes that its files may have together. */
  bound: number;
  /** Milliseconds since 1970. */
  now: () => number;
  onEvicted: (bytes: number) => void;
  /** It can be written no more. Called once; afterwards there is nothing here. */
  onFailure: (error: Error) => void;
}

/** Makes the folder where it is not there, removes what was half written, and finds what is there. Throws what the disk says. */
export async function openDiskTier(options: DiskTierOptions): Promise<DiskTier> {
  const temporaries = `${options.folder}/tmp`;
  await mkdir(temporaries, { recursive: true, mode: 0o700 });
  // Whatever its mode says, a disk may be full or for reading only.
  const probe = temporaryPath(temporaries);
  await (await open(probe, 'wx', 0o600)).close();
  await unlink(probe);
  await removeAbandoned(temporaries, options.now());
  const tier = new DiskTier(options, temporaries, await copiesIn(options.folder));
  await tier.shrink();
  return tier;
}

export class DiskTier {
  readonly #options: DiskTierOptions;
  readonly #temporaries: string;
  /** By object name, least recently used first. */
  readonly #copies = new Map<string, Copy>();
  readonly #changes = new NameLocks();
  readonly #noting = new Set<Promise<void>>();
  #bytes = 0;
  #broken = false;

  constructor(options: DiskTierOptions, temporaries: string, copies: readonly Copy[]) {
    this.#options = options;
    this.#temporaries = temporaries;
    for (const copy of copies) this.#add(copy);
  }

  /** Whether that version is here; `checked` if its bytes have been verified since the start. */
  has(name: string, etag: string): 'checked' | 'unchecked' | undefined {
    const copy = this.#copies.get(name);
    if (copy === undefined || copy.etag !== etag) return undefined;
    return copy.checked ? 'checked' : 'unchecked';
  }

  /** Whether an object of that size may be placed. */
  takes(size: number): boolean {
    return !this.#broken && inBlocks(size) <= this.#options.bound;
  }

  /** What is being placed or dropped under that name has come to its end. */
  settled(name: string): Promise<void> {
    return this.#changes.hold(name, () => Promise.resolve());
  }

  /**
   * Opens that version, as a use. The caller closes it. Undefined where it is not here, or its file cannot be opened or has another
   * size: then it is dropped.
   */
  async open(name: string, etag: string): Promise<ObjectFile | undefined> {
    const copy = this.#copies.get(name);
    if (copy === undefined || copy.etag !== etag) return undefined;
    this.#use(copy);
    const file = await openObject(copy.path).catch(() => undefined);
    if (file?.size === copy.size) return file;
    if (file !== undefined) closeObject(file);
    await this.drop(name, etag);
    return undefined;
  }

  /** Where that version lies, as a use; only if its bytes have been verified. */
  path(name: string, etag: string): string | undefined {
    const copy = this.#copies.get(name);
    if (copy?.etag !== etag || !copy.checked) return undefined;
    this.#use(copy);
    return copy.path;
  }

  markChecked(name: string, etag: string): void {
    const copy = this.#copies.get(name);
    if (copy?.etag === etag) copy.checked = true;
  }

  /**
   * Takes a version in, in place of another. False where it may not: too large, or the disk refused (told once). `checked` if the
   * bytes have been verified. They must hold still until it answers.
   */
  async place(name: string, etag: string, bytes: Buffer, checked: boolean): Promise<boolean> {
    const encoded = encodeURIComponent(etag);
    if (!this.takes(bytes.length) || encoded.length > ETAG_BYTES || etag === '') return false;
    return await this.#changes.hold(name, async () => {
      if (this.has(name, etag) !== undefined) {
        if (checked) this.markChecked(name, etag);
        return true;
      }
      await this.#remove(name);
      const path = `${this.#options.folder}/${name}.${encoded}`;
      const size = bytes.length;
      if (!(await this.#reserve(inBlocks(size)))) return false;
      try {
        await this.#write(path, bytes);
      } catch (error) {
        this.#bytes -= inBlocks(size);
        this.#fail(error as Error);
        return false;
      }
      this.#bytes -= inBlocks(size);
      this.#add({ name, etag, path, size, noted: this.#options.now(), checked });
      return true;
    });
  }

  /** With `etag`, that version only. */
  async drop(name: string, etag?: string): Promise<void> {
    await this.#changes.hold(name, async () => {
      if (etag === undefined || this.#copies.get(name)?.etag === etag) await this.#remove(name);
    });
  }

  /** Down to its bound, which may have been set lower since. */
  async shrink(): Promise<void> {
    await this.#reserve(0);
  }

  /** Uses are written down when it answers. */
  async close(): Promise<void> {
    await Promise.all(this.#noting);
  }

  /** False where nothing is left that could go. */
  async #reserve(bytes: number): Promise<boolean> {
    const { bound, onEvicted } = this.#options;
    while (this.#bytes + bytes > bound) {
      const [oldest] = this.#copies.values();
      if (oldest === undefined) return false;
      await this.#remove(oldest.name);
      onEvicted(oldest.size);
    }
    this.#bytes += bytes;
    return true;
  }

  async #write(path: string, bytes: Buffer): Promise<void> {
    const temporary = temporaryPath(this.#temporaries);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
      } finally {
        await file.close();
      }
      await rename(temporary, path).catch(async (error: unknown) => {
        if (!isMissing(error)) throw error;
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await rename(temporary, path);
      });
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  }

  #add(copy: Copy): void {
    this.#copies.set(copy.name, copy);
    this.#bytes += inBlocks(copy.size);
  }

  /** Counted until the file has gone. */
  async #remove(name: string): Promise<void> {
    const copy = this.#copies.get(name);
    if (copy === undefined) return;
    this.#copies.delete(name);
    try {
      await unlink(copy.path);
    } catch (error) {
      if (!isMissing(error)) this.#fail(error as Error);
    }
    this.#bytes -= inBlocks(copy.size);
  }

  #use(copy: Copy): void {
    this.#copies.delete(copy.name);
    this.#copies.set(copy.name, copy);
    const now = this.#options.now();
    if (now - copy.noted < NOTE_MS) return;
    copy.noted = now;
    // Where it does not succeed, the next start knows an earlier use.
    const noting = utimes(copy.path, now / 1000, now / 1000)
      .catch(() => {})
      .finally(() => this.#noting.delete(noting));
    this.#noting.add(noting);
  }

  #fail(error: Error): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#copies.clear();
    this.#options.onFailure(error);
  }
}

function inBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Least recently used first. Of two versions of one object the later one; the other is removed. */
async function copiesIn(folder: string): Promise<Copy[]> {
  const paths = await filesUnder(folder, 'segments');
  const found = await mapAtMost(STATS, paths, (path) => copyAt(folder, path));
  const copies = new Map<string, Copy>();
  const sorted = found.filter((copy) => copy !== undefined).sort((a, b) => a.noted - b.noted);
  for (const copy of sorted) {
    const other = copies.get(copy.name);
    if (other !== undefined) await rm(other.path, { force: true });
    copies.delete(copy.name);
    copies.set(copy.name, copy);
  }
  return [...copies.values()];
}

async function filesUnder(folder: string, area: string): Promise<string[]> {
  try {
    const entries = await readdir(`${folder}/${area}`, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => `${parentPath}/${name}`);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function copyAt(folder: string, path: string): Promise<Copy | undefined> {
  const at = path.lastIndexOf('/');
  const [, identity, encoded = ''] = COPY.exec(path.slice(at + 1)) ?? [];
  const etag = decoded(encoded);
  if (identity === undefined || etag === undefined) return undefined;
  try {
    const { size, mtimeMs } = await stat(path);
    const name = `${path.slice(folder.length + 1, at)}/${identity}`;
    return { name, etag, path, size, noted: mtimeMs, checked: false };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
