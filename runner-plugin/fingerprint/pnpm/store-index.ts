/**
 * pnpm's own index of its store, which says of each package what files it has. pnpm 10 keeps a JSON file a package, by the digest of
 * its tarball; pnpm 11 a table in SQLite, whose rows are packed with msgpackr.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { loadSqlite } from '#protocol/sqlite-module.ts';
import type { IndexRecord } from '../node-project/kept-index.ts';
import { isMap, mapAt } from '../node-project/yaml.ts';
import { isThere } from '../project-place.ts';

/** The index of one store, as far as it is about the packages that a lockfile names. */
export interface StoreIndex {
  /** Their records. Undefined where the index is not understood. */
  read(): Promise<IndexRecord[] | undefined>;
  /** Whether a record is of one of them. */
  isNamed(record: IndexRecord): boolean;
  /** Paths in the store that a package's files may have; undefined where its record is not understood. */
  contentsOf(record: IndexRecord): string[] | undefined;
  /** Adds those records that the store lacks. */
  add(records: readonly IndexRecord[]): Promise<void>;
}

/** `store`: its folder. `named`: what pnpm's store calls the lockfile's packages (PnpmLockfile.stored). */
type Open = (store: string, named: ReadonlySet<string>) => StoreIndex;

/** By pnpm's major version: those whose index we know. */
export const STORE_INDEXES: ReadonlyMap<number, Open> = new Map([
  [10, indexOfFiles],
  [11, indexInDatabase],
]);

/** `index/ab/<62 digits>-name@1.0.0.json`; the digits are the first of the tarball's digest. */
function indexOfFiles(store: string, named: ReadonlySet<string>): StoreIndex {
  const wanted = new Set(
    [...named].flatMap((one) => {
      const hex = hexOf(one)?.slice(0, 64);
      return hex === undefined ? [] : [`index/${hex.slice(0, 2)}/${hex.slice(2)}`];
    }),
  );
  const isNamed = (name: string) => wanted.has(name.slice(0, name.indexOf('-')));
  return {
    async read() {
      const found: IndexRecord[] = [];
      for (const folder of new Set([...wanted].map((prefix) => dirname(prefix)))) {
        for (const file of await readdir(join(store, folder)).catch(() => [])) {
          const name = `${folder}/${file}`;
          if (isNamed(name)) found.push({ name, data: await readFile(join(store, name)) });
        }
      }
      return found;
    },
    // It becomes a path.
    isNamed: ({ name }) => /^index\/[0-9a-f]{2}\/[^/]+\.json$/.test(name) && isNamed(name),
    contentsOf({ data }) {
      const value = parse(data);
      if (!isMap(value) || !isMap(value.files)) return undefined;
      // What install scripts have added to a package, by the machine that they ran on.
      const added = Object.values(mapAt(value, 'sideEffects')).map((effect) => mapAt(effect, 'added'));
      return [value.files, ...added].flatMap((files) => Object.values(files).flatMap(contentOf));
    },
    async add(records) {
      for (const { name, data } of records) {
        const path = join(store, name);
        if (await isThere(path)) continue;
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, data);
      }
    },
  };
}

/** `index.db`: rows of a key, `<integrity or id>\t<id>`, and packed data. */
function indexInDatabase(store: string, named: ReadonlySet<string>): StoreIndex {
  const isNamed = (key: string) => named.has(key.split('\t', 1)[0] ?? '');
  const path = join(store, 'index.db');
  // What pnpm has in its place where SQLite is not to be had.
  const fallback = join(store, 'index.fallback');
  return {
    async read() {
      if (await isThere(fallback)) return undefined;
      return (await isThere(path)) ? withDatabase(path, { readOnly: true }, (db) => rowsOf(db, isNamed)) : [];
    },
    isNamed: ({ name }) => isNamed(name),
    contentsOf({ data }) {
      // Of all that a row says only the digests are needed: sha512, as texts of 128 hexadecimal digits, which MessagePack writes as
      // they are behind two bytes for their kind and length. How the rest is packed is pnpm's affair.
      const digests = new Set(
        [...data.toString('latin1').matchAll(/\xd9\x80([0-9a-f]{128})/g)].map(([, hex = '']) => hex),
      );
      if (digests.size === 0) return undefined;
      return [...digests].flatMap((hex) => [pathOf(hex, false), pathOf(hex, true)]);
    },
    async add(records) {
      if (records.length === 0 || (await isThere(fallback))) return;
      await mkdir(store, { recursive: true });
      withDatabase(path, {}, (db) => addRows(db, records));
    },
  };
}

function rowsOf(db: DatabaseSync, isNamed: (key: string) => boolean): IndexRecord[] | undefined {
  const row = db.prepare('SELECT data FROM package_index WHERE key = ?');
  const found: IndexRecord[] = [];
  for (const { key } of db.prepare('SELECT key FROM package_index').all()) {
    if (typeof key !== 'string' || !isNamed(key)) continue;
    const data = row.get(key)?.data;
    if (!(data instanceof Uint8Array)) return undefined;
    found.push({ name: key, data: Buffer.from(data) });
  }
  return found;
}

function addRows(db: DatabaseSync, records: readonly IndexRecord[]): void {
  // As pnpm makes it, should it be the first.
  db.exec(
    'CREATE TABLE IF NOT EXISTS package_index (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID',
  );
  const insert = db.prepare('INSERT OR IGNORE INTO package_index (key, data) VALUES (?, ?)');
  db.exec('BEGIN IMMEDIATE');
  for (const { name, data } of records) insert.run(name, data);
  db.exec('COMMIT');
}

/** Undefined where SQLite makes nothing of it: another form, a damaged file, one that is locked. */
function withDatabase<T>(
  path: string,
  options: { readOnly?: boolean },
  use: (db: DatabaseSync) => T,
): T | undefined {
  let db: DatabaseSync | undefined;
  try {
    const { DatabaseSync } = loadSqlite();
    db = new DatabaseSync(path, options);
    db.exec('PRAGMA busy_timeout=5000');
    return use(db);
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
}

/** Of `sha512-…`; of several the first, as pnpm has it. */
function hexOf(integrity: unknown): string | undefined {
  const match = /^sha\d+-([A-Za-z0-9+/]+=*)/.exec(String(integrity));
  return match === null ? undefined : Buffer.from(match[1] ?? '', 'base64').toString('hex');
}

function contentOf(file: unknown): string[] {
  if (!isMap(file)) return [];
  const hex = hexOf(file.integrity);
  return hex === undefined ? [] : [pathOf(hex, (Number(file.mode) & 0o111) !== 0)];
}

function pathOf(hex: string, executable: boolean): string {
  return `files/${hex.slice(0, 2)}/${hex.slice(2)}${executable ? '-exec' : ''}`;
}

function parse(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
}
