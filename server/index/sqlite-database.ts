/**
 * The index's database file: opened, checked, replaced. Everything in it can be had again from the object store, which decides
 * three things:
 *
 * - Nothing waits for the disk. SQLite's syncs would stop the event loop, so there are none until it is closed. After a
 *   process that did not close it, the last rows are in the kernel's hands, or were never written: the rows stay, the
 *   epoch goes, so that a miss is looked up in the store until a reindex is through. After a machine that stopped, anything may
 *   be wrong: it begins empty.
 * - A damaged file is set aside, for whoever wants to look at it, and an empty one takes its place.
 * - Another version's file is replaced.
 */
import { chmodSync, closeSync, openSync, renameSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { loadSqlite } from '#protocol/sqlite-module.ts';
import { fault } from '#protocol/wire/errors.ts';

/** To be raised with each change of the schema. */
const VERSION = 1;

export const IN_MEMORY = ':memory:';
const MODE = 0o600;

// Text is compared as bytes of UTF-8. `by_key` answers exact keys and narrow prefixes, `by_age` wide ones; both hold all that
// a search looks at. Totals are kept as rows come and go, because adding them up takes longer the more there are.
const SCHEMA = `
  CREATE TABLE entries (
    domain TEXT NOT NULL, id TEXT NOT NULL, scope TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL,
    roots_digest TEXT NOT NULL, roots TEXT NOT NULL, object TEXT NOT NULL, created INTEGER NOT NULL, raw INTEGER NOT NULL,
    stored INTEGER NOT NULL, segments INTEGER NOT NULL, PRIMARY KEY (domain, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX by_key ON entries (domain, scope, key, created, id, roots_digest);
  CREATE INDEX by_age ON entries (domain, scope, created, id, key, roots_digest, kind);
  CREATE TABLE segments (
    domain TEXT NOT NULL, identity TEXT NOT NULL, raw INTEGER NOT NULL, length INTEGER NOT NULL, digest TEXT NOT NULL,
    etag TEXT, PRIMARY KEY (domain, identity)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE totals (domain TEXT PRIMARY KEY, entries INTEGER NOT NULL, stored INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    INSERT INTO totals VALUES (new.domain, 1, 0) ON CONFLICT DO UPDATE SET entries = entries + 1;
  END;
  CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1 WHERE domain = old.domain;
  END;
  CREATE TRIGGER segment_added AFTER INSERT ON segments BEGIN
    INSERT INTO totals VALUES (new.domain, 0, new.length) ON CONFLICT DO UPDATE SET stored = stored + new.length;
  END;
  CREATE TRIGGER segment_changed AFTER UPDATE OF length ON segments BEGIN
    UPDATE totals SET stored = stored + new.length - old.length WHERE domain = new.domain;
  END;
  CREATE TRIGGER segment_removed AFTER DELETE ON segments BEGIN
    UPDATE totals SET stored = stored - old.length WHERE domain = old.domain;
  END;
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${VERSION};
`;

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;

export interface DatabasePlace {
  /** A path, or {@link IN_MEMORY}. */
  file: string;
  /** What tells this start of the machine from others; undefined where nothing does. */
  boot: string | undefined;
  /** Told when a damaged file has been set aside. */
  onSetAside: (why: string) => void;
}

/** Opens it, ready for use. Throws `INDEX_FAILED`, `STORE_FULL`. */
export function openDatabase(place: DatabasePlace): DatabaseSync {
  try {
    return openAsItIs(place);
  } catch (error) {
    if (!isDamaged(error)) throw indexFault(error);
    return replaceDamaged(place, error);
  }
}

/** An empty database in place of one that is damaged, and closed. */
export function replaceDamaged(place: DatabasePlace, damage: unknown): DatabaseSync {
  place.onSetAside((damage as Error).message);
  try {
    if (place.file !== IN_MEMORY) renameSync(place.file, `${place.file}.damaged`);
  } catch (error) {
    throw indexFault(error);
  }
  return emptyDatabase(place);
}

/** An empty database in place of one that is closed. */
export function emptyDatabase(place: DatabasePlace): DatabaseSync {
  try {
    removeFiles(place.file);
    return openAsItIs(place);
  } catch (error) {
    throw indexFault(error);
  }
}

/** What it needs to find everything in order at the next start. Closes it also where that fails. */
export function closeDatabase(database: DatabaseSync): void {
  try {
    setFact(database, 'closed', 'yes');
    database.exec('PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}

function openAsItIs({ file, boot }: DatabasePlace): DatabaseSync {
  let database = connect(file);
  try {
    const before = stateOf(database);
    if (
      before === 'foreign' ||
      (before !== 'empty' && !before.closed && (boot === undefined || before.boot !== boot))
    ) {
      database.close();
      removeFiles(file);
      database = connect(file);
    }
    if (stateOf(database) === 'empty') database.exec(`BEGIN; ${SCHEMA} COMMIT`);
    else if (before !== 'empty' && before !== 'foreign' && !before.closed) removeFact(database, 'epoch');
    setFact(database, 'boot', boot ?? '');
    removeFact(database, 'closed');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function connect(file: string): DatabaseSync {
  // SQLite makes its files as the process's umask says, and those beside the database as that is.
  if (file !== IN_MEMORY) {
    closeSync(openSync(file, 'a', MODE));
    chmodSync(file, MODE);
  }
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(file);
  try {
    // One process has the file: it need not ask at each look whether another has changed it, and a second server on one folder
    // is told so.
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = OFF;
      PRAGMA cache_size = -16384;
      PRAGMA temp_store = MEMORY;
    `);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

type State = 'empty' | 'foreign' | { boot: string | undefined; closed: boolean };

function stateOf(database: DatabaseSync): State {
  const version = database.prepare('PRAGMA user_version').get()?.user_version;
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count;
  if (tables === 0) return 'empty';
  if (version !== VERSION) return 'foreign';
  return { boot: factOf(database, 'boot'), closed: factOf(database, 'closed') !== undefined };
}

function removeFiles(file: string): void {
  if (file === IN_MEMORY) return;
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
}

type Fact = 'boot' | 'closed' | 'epoch';

export function factOf(database: DatabaseSync, name: Fact): string | undefined {
  const row = database.prepare('SELECT value FROM facts WHERE name = ?').get(name);
  return row === undefined ? undefined : String(row.value);
}

export function setFact(database: DatabaseSync, name: Fact, value: string): void {
  database
    .prepare('INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value')
    .run(name, value);
}

export function removeFact(database: DatabaseSync, name: Fact): void {
  database.prepare('DELETE FROM facts WHERE name = ?').run(name);
}

function resultCode(error: unknown): number {
  const code = (error as { errcode?: number } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : 0;
}

export function isDamaged(error: unknown): boolean {
  return [CORRUPT, NOT_A_DATABASE].includes(resultCode(error));
}

/** As an error of the catalogue. */
export function indexFault(error: unknown): Error {
  const { message } = error as Error;
  if (resultCode(error) === FULL) return fault('STORE_FULL', { why: message }, { cause: error });
  const why = resultCode(error) === BUSY ? 'another process uses it' : message;
  return fault('INDEX_FAILED', { why }, { cause: error });
}
