/**
 * A file that is an object: opened in one version, which stays readable while others replace or delete the name.
 *
 * Files are never changed once they have their name, so inode, size and modification time tell versions apart.
 */
import { type BigIntStats, closeSync, fstatSync, open as openCallback, read as readCallback } from 'node:fs';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { fault } from '#protocol/wire/errors.ts';
import { isMissing, storeFault } from './system-fault.ts';

const open = promisify(openCallback);
const read = promisify(readCallback);

/** What a reader that is slow, or stands still, makes us hold. */
const LEAST_CHUNK_BYTES = 64 * 1024;
/** Each chunk costs a way through the thread pool: who keeps up gets large ones, at a third of the processor's time. */
const MOST_CHUNK_BYTES = 1024 * 1024;
/** A chunk is what the reader takes in this time, between those two. */
const CHUNK_MS = 10;
/** Large chunks that may be held at once, for all readers: one that stops reading keeps its chunk. */
const LARGE_CHUNKS_BYTES = 16 * 1024 * 1024;

export interface ObjectFile {
  fd: number;
  size: number;
  etag: string;
  /** Milliseconds since 1970. */
  modified: number;
}

export function versionOf(stats: BigIntStats): { size: number; etag: string; modified: number } {
  return {
    size: Number(stats.size),
    etag: `${stats.mtimeNs.toString(36)}-${stats.ino.toString(36)}-${stats.size.toString(36)}`,
    modified: Number(stats.mtimeNs / 1_000_000n),
  };
}

/**
 * The caller closes it. Undefined where there is no such object. Asking an open file for its size and closing one that was
 * only read cost no disk access, and each way through the thread pool costs more than the call: hence the synchronous two.
 */
export async function openObject(path: string): Promise<ObjectFile | undefined> {
  let fd: number;
  try {
    fd = await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw storeFault(error);
  }
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (stats.isFile()) return { fd, ...versionOf(stats) };
  } catch (error) {
    closeSync(fd);
    throw storeFault(error);
  }
  closeSync(fd);
  return undefined;
}

export function closeObject({ fd }: ObjectFile): void {
  closeSync(fd);
}

/** The whole file: in `into`, if that has its size, or else in a buffer whose memory nothing else shares. */
export async function readWhole({ fd, size }: ObjectFile, into?: Buffer): Promise<Buffer> {
  const bytes = into?.length === size ? into : Buffer.allocUnsafeSlow(size);
  let at = 0;
  try {
    while (at < size) {
      const { bytesRead } = await read(fd, bytes, at, size - at, at);
      if (bytesRead === 0) throw cutShort(size, at);
      at += bytesRead;
    }
  } catch (error) {
    throw storeFault(error);
  }
  return bytes;
}

function cutShort(size: number, found: number): Error {
  return fault('STORE_FAILED', { why: `a file of ${size} bytes ended after ${found}` });
}

/** What the readers of one store may hold in chunks beyond the least. */
export class LargeChunks {
  #free = LARGE_CHUNKS_BYTES;

  take(bytes: number): boolean {
    if (bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#free += bytes;
  }
}

/**
 * A run of an object's bytes. Owns the descriptor: closes it at the end and when destroyed. Reads nothing ahead: who comes for
 * the next chunk has let go of the last one.
 */
export class ObjectRange extends Readable {
  readonly #file: ObjectFile;
  readonly #large: LargeChunks;
  readonly #end: number;
  #at: number;
  /** The last chunk, and when it was given, by performance.now(). */
  #chunk = { bytes: 0, given: 0, large: 0 };
  #reading = false;
  #whenRead: (() => void) | undefined;

  constructor(file: ObjectFile, start: number, end: number, large: LargeChunks) {
    super({ highWaterMark: 0 });
    this.#file = file;
    this.#large = large;
    this.#end = Math.min(end, file.size);
    this.#at = start;
  }

  override _read(): void {
    const wanted = this.#nextChunk();
    if (wanted <= 0) {
      this.push(null);
      return;
    }
    this.#reading = true;
    const chunk = Buffer.allocUnsafeSlow(wanted);
    readCallback(this.#file.fd, chunk, 0, wanted, this.#at, (error, count) => {
      this.#reading = false;
      if (this.#whenRead !== undefined) this.#whenRead();
      else if (error !== null) this.destroy(storeFault(error));
      else if (count === 0) this.destroy(cutShort(this.#file.size, this.#at));
      else {
        this.#at += count;
        this.#chunk.given = performance.now();
        this.push(count === wanted ? chunk : chunk.subarray(0, count));
      }
    });
  }

  #nextChunk(): number {
    const { bytes, given, large } = this.#chunk;
    this.#large.giveBack(large);
    const taken = bytes === 0 ? 0 : (bytes / Math.max(performance.now() - given, 0.1)) * CHUNK_MS;
    const pace = Math.min(Math.max(LEAST_CHUNK_BYTES, Math.floor(taken)), MOST_CHUNK_BYTES);
    const left = this.#end - this.#at;
    const wished = Math.min(pace, left);
    const isLarge = wished > LEAST_CHUNK_BYTES && this.#large.take(wished);
    const next = isLarge ? wished : Math.min(LEAST_CHUNK_BYTES, left);
    this.#chunk = { bytes: next, given: 0, large: isLarge ? next : 0 };
    return next;
  }

  // A descriptor that is closed while it is read may meanwhile be another file's.
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const finish = () => {
      this.#large.giveBack(this.#chunk.large);
      this.#chunk.large = 0;
      closeSync(this.#file.fd);
      callback(error);
    };
    if (this.#reading) this.#whenRead = finish;
    else finish();
  }
}
