/**
 * What a save asks of the file system, and nothing else: so that tests can count reads, hold clocks still and let a tree
 * change at the worst moment. All calls are synchronous: they answer from the kernel's caches, and a thread that does
 * nothing else has no use for callbacks.
 */
import fs from 'node:fs';

/** Exact to the nanosecond. */
export interface FileStat {
  mode: bigint;
  nlink: bigint;
  size: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  ino: bigint;
  dev: bigint;
}

/** Errors are Node's, with `code`. */
export interface FileAccess {
  /** Names in a folder, as UTF-8; what is none has replacement characters. */
  list(folder: string): string[];
  listBytes(folder: string): Buffer[];
  /** Of the link itself, where it is one. */
  stat(path: string): FileStat;
  readLink(path: string): Buffer;
  /** For reading; neither through a link nor waiting for a writer, should one have been put there. */
  open(path: string): number;
  statOpen(file: number): FileStat;
  /** Returns how many bytes it read; `position` null goes on where the last read ended. */
  read(file: number, into: Buffer, at: number, length: number, position: number | null): number;
  close(file: number): void;
}

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const EXACT = { bigint: true } as const;

export const nodeFiles: FileAccess = {
  list: (folder) => fs.readdirSync(folder),
  listBytes: (folder) => fs.readdirSync(folder, 'buffer'),
  stat: (path) => fs.lstatSync(path, EXACT),
  readLink: (path) => fs.readlinkSync(path, 'buffer'),
  open: (path) => fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
  statOpen: (file) => fs.fstatSync(file, EXACT),
  read: (file, into, at, length, position) => fs.readSync(file, into, at, length, position),
  close: (file) => fs.closeSync(file),
};

/** Node's error code (`ENOENT`), or the empty text for another error. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
