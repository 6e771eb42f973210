/**
 * The data folder of the embedded default, and who has it. One server at a time: a second one on the same folder would keep
 * another index of the same objects.
 *
 *     objects/      the object store                index.sqlite   what makes look-ups fast; may be deleted
 *     events/       what runners said they did      signing.pem    the signing key
 *     lock          held while a server runs        running.json   which one: its process and address
 *     admin-token   the administrator's token       hot/          copies of what is in the bucket; may be deleted
 *
 * The lock is SQLite's on an otherwise empty database: the kernel's, so it ends with the process however that ends.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { loadSqlite } from '#protocol/sqlite-module.ts';
import { fault } from '#protocol/wire/errors.ts';

export interface DataFolder {
  objects: string;
  index: string;
  events: string;
  signingKey: string;
  adminToken: string;
  /** Writes down who has the folder, for the message to a second one. */
  announce(url: string): Promise<void>;
  /** The last act of a server that ends in order. */
  release(): Promise<void>;
}

/** Throws `SERVER_DATA_IN_USE`, and `STORE_FAILED` for a folder that cannot be made or written. */
export async function holdDataFolder(path: string): Promise<DataFolder> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw fault('STORE_FAILED', { why: cause.message }, { cause });
  });
  const running = join(path, 'running.json');
  const lock = await takeLock(join(path, 'lock'), path, running);
  const announce = async (url: string) => {
    const temporary = `${running}.tmp`;
    await writeFile(temporary, `${JSON.stringify({ pid: process.pid, url })}\n`, { mode: 0o600 });
    await rename(temporary, running);
  };
  await announce('');
  return {
    objects: join(path, 'objects'),
    index: join(path, 'index.sqlite'),
    events: join(path, 'events'),
    signingKey: join(path, 'signing.pem'),
    adminToken: join(path, 'admin-token'),
    announce,
    release: async () => {
      await rm(running, { force: true });
      lock.close();
    },
  };
}

async function takeLock(file: string, path: string, running: string): Promise<DatabaseSync> {
  const database = openLock(file);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch (cause) {
    database.close();
    const other = await readRunning(running);
    const which =
      other === undefined ? '' : ` (process ${other.pid}${other.url === '' ? '' : `, ${other.url}`})`;
    throw fault('SERVER_DATA_IN_USE', { path, which }, { cause });
  }
}

function openLock(file: string): DatabaseSync {
  try {
    const { DatabaseSync } = loadSqlite();
    return new DatabaseSync(file);
  } catch (cause) {
    throw fault('STORE_FAILED', { why: `${file}: ${(cause as Error).message}` }, { cause });
  }
}

async function readRunning(file: string): Promise<{ pid: number; url: string } | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { pid: number; url: string };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { pid: 0, url: '' };
  }
}
