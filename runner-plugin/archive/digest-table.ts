/**
 * What a save remembers of a tree, so that the next one need not read what has not changed: for the whole tree and for
 * each segment a digest over its members' names and numbers (type, mode, size, times to the nanosecond, inode), and the
 * identity that belongs to it. Rows are segments, not files: a thousand for a hundred thousand files.
 *
 * A row is believed only where it cannot deceive: on local file systems whose inodes and ctimes are their own (never on
 * overlay or network file systems), and under git's racy rule (see digest-table-rows.ts). A table that is missing,
 * damaged or of another version is an empty one; losing it costs time and nothing else.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { sha256, sha256OfList } from '#protocol/format/digest.ts';
import type { Digest, SegmentRef } from '#protocol/format/manifest.ts';

/** What a table is kept for: one root at one place, packed in one way. */
export interface TableKey {
  /** Absolute. */
  place: string;
  /** `<anchor>:<path>` */
  root: string;
  /** Everything else that decides which bytes come of the same tree. */
  rules: string;
}

export interface TableRow {
  /** Absent where a member is too young to be believed. */
  seen?: Digest;
  segment: SegmentRef;
}

export interface TableRecord {
  /** Over the whole tree; absent as in a row. */
  seen?: Digest;
  /** Whether it was cut as part of a small entry. */
  small: boolean;
  members: number;
  files: number;
  raw: number;
  /** In the order of the stream. */
  rows: TableRow[];
  /** The packed times of all members, base64, where they are kept. */
  times?: string;
}

export interface DigestTable {
  /** Undefined where nothing is known, or nothing may be believed. */
  recall(key: TableKey): TableRecord | undefined;
  /** Never fails: a table that cannot be written is not there the next time. */
  remember(key: TableKey, record: TableRecord): void;
}

const VERSION = 1;
/** Tables kept in one folder: work folders that are never seen again would fill it. */
const TABLES = 256;

/** statfs types of file systems that are local and keep inodes and ctimes of their own (linux/magic.h and theirs). */
const LOCAL = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x01021994, // tmpfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0xca451a4e, // bcachefs
]);

/**
 * Tables in a folder, one file each. `fileSystem` answers with the statfs type of what a path is on; the numbers are
 * Linux', so elsewhere no table is used.
 */
export function openDigestTable(
  folder: string,
  fileSystem: (path: string) => number = fileSystemOf,
): DigestTable {
  return {
    recall(key) {
      if (!LOCAL.has(fileSystem(key.place))) return undefined;
      try {
        return parseTable(fs.readFileSync(fileOf(folder, key), 'utf8'));
      } catch {
        return undefined;
      }
    },
    remember(key, record) {
      if (!LOCAL.has(fileSystem(key.place))) return;
      try {
        writeTable(folder, fileOf(folder, key), JSON.stringify(record));
      } catch {
        // As if it were not there.
      }
    },
  };
}

function fileSystemOf(path: string): number {
  if (process.platform !== 'linux') return 0;
  try {
    return fs.statfsSync(path).type;
  } catch {
    return 0;
  }
}

function fileOf(folder: string, { place, root, rules }: TableKey): string {
  return join(folder, `${sha256OfList([place, root, rules]).slice(0, 32)}.json`);
}

// The first line is the version and the sha256 of the rest: half a table is none.
function parseTable(text: string): TableRecord | undefined {
  const newline = text.indexOf('\n');
  const content = text.slice(newline + 1);
  return text.slice(0, newline) === headOf(content) ? JSON.parse(content) : undefined;
}

function headOf(content: string): string {
  return `${VERSION} ${sha256(content)}`;
}

function writeTable(folder: string, file: string, content: string): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    fs.writeFileSync(temporary, `${headOf(content)}\n${content}`, { flag: 'wx', mode: 0o600 });
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  dropOldest(folder);
}

function dropOldest(folder: string): void {
  const names = fs.readdirSync(folder);
  if (names.length <= TABLES) return;
  const aged = names.map((name) => ({ name, age: fs.statSync(join(folder, name)).mtimeMs }));
  aged.sort((a, b) => b.age - a.age);
  for (const { name } of aged.slice(TABLES / 2)) fs.rmSync(join(folder, name), { force: true });
}
