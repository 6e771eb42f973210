/** What the index asks of its database, prepared once for each connection. Parameters are numbered as they are named here. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { EntryRow, SegmentRow } from './entry-index.ts';

/** A prefix is first looked for among this many of the newest. */
const NEWEST = 200;

// ?1 domain, ?2 scope, ?3 from (a key), ?4 to (a key, exclusive), ?5 digest of the roots or NULL
const SCOPE = 'domain = ?1 AND scope = ?2';
const RANGE = 'key >= ?3 AND key < ?4';
const ROOTS = '(?5 IS NULL OR roots_digest = ?5)';
const NEWEST_FIRST = 'ORDER BY created DESC, id DESC';

function rowOf(id: string): string {
  return `SELECT * FROM entries WHERE domain = ?1 AND id = (${id})`;
}

export type Statements = ReturnType<typeof prepareStatements>;

export function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string) => numbered(database, sql);
  return {
    begin: prepare('BEGIN'),
    commit: prepare('COMMIT'),
    rollback: prepare('ROLLBACK'),
    byId: prepare(rowOf('?2')),
    /** ?3 key, ?4 digest of the roots or NULL */
    exact: prepare(
      rowOf(`SELECT id FROM entries INDEXED BY by_key
        WHERE ${SCOPE} AND key = ?3 AND (?4 IS NULL OR roots_digest = ?4) ${NEWEST_FIRST} LIMIT 1`),
    ),
    amongNewest: prepare(
      rowOf(`SELECT id FROM (
          SELECT id, created, key, roots_digest FROM entries INDEXED BY by_age WHERE ${SCOPE} ${NEWEST_FIRST} LIMIT ${NEWEST}
        ) WHERE ${RANGE} AND ${ROOTS} ${NEWEST_FIRST} LIMIT 1`),
    ),
    /** How many keys the range has, counted up to ?5. */
    width: prepare(
      `SELECT count(*) AS count FROM (SELECT 1 FROM entries INDEXED BY by_key WHERE ${SCOPE} AND ${RANGE} LIMIT ?5)`,
    ),
    inRange: prepare(
      rowOf(
        `SELECT id FROM entries INDEXED BY by_key WHERE ${SCOPE} AND ${RANGE} AND ${ROOTS} ${NEWEST_FIRST} LIMIT 1`,
      ),
    ),
    byAge: prepare(
      rowOf(
        `SELECT id FROM entries INDEXED BY by_age WHERE ${SCOPE} AND ${RANGE} AND ${ROOTS} ${NEWEST_FIRST} LIMIT 1`,
      ),
    ),
    /** ?5 kind or NULL, ?6 how many */
    list: prepare(
      `SELECT entries.* FROM (
          SELECT id FROM entries INDEXED BY by_age
          WHERE ${SCOPE} AND ${RANGE} AND (?5 IS NULL OR kind = ?5) ${NEWEST_FIRST} LIMIT ?6
        ) AS found CROSS JOIN entries ON domain = ?1 AND entries.id = found.id ORDER BY created DESC, entries.id DESC`,
    ),
    put: prepare(
      `INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO UPDATE SET
        scope = ?3, kind = ?4, name = ?5, key = ?6, roots_digest = ?7, roots = ?8, object = ?9, created = ?10, raw = ?11,
        stored = ?12, segments = ?13`,
    ),
    remove: prepare('DELETE FROM entries WHERE domain = ?1 AND id = ?2'),
    putSegment: prepare(
      `INSERT INTO segments VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET
        raw = ?3, length = ?4, digest = ?5, etag = ?6
        WHERE raw <> ?3 OR length <> ?4 OR digest <> ?5 OR etag IS NOT ?6`,
    ),
    /** ?2 a JSON list of identities. In this order: SQLite would look at each row of the table. */
    segments: prepare(
      `SELECT identity, raw, length, digest, etag FROM json_each(?2) AS wanted
        CROSS JOIN segments ON domain = ?1 AND identity = wanted.value`,
    ),
    removeSegment: prepare('DELETE FROM segments WHERE domain = ?1 AND identity = ?2'),
    totals: prepare('SELECT entries, stored FROM totals WHERE domain = ?1'),
  };
}

export interface Statement {
  all(...values: SQLInputValue[]): Columns[];
  get(...values: SQLInputValue[]): Columns | undefined;
  run(...values: SQLInputValue[]): void;
}

/**
 * Node 22.15 takes `?1` for a name, finds no place for a value without one, and says "column index out of range"; names work
 * with every version.
 */
function numbered(database: DatabaseSync, sql: string): Statement {
  const statement = database.prepare(sql.replace(/\?(\d+)/g, '$p$1'));
  const named = (values: SQLInputValue[]) =>
    Object.fromEntries(values.map((value, at) => [`p${at + 1}`, value]));
  return {
    all: (...values) => statement.all(named(values)),
    get: (...values) => statement.get(named(values)),
    run: (...values) => {
      statement.run(named(values));
    },
  };
}

export type Columns = Record<string, SQLOutputValue>;

export function entryValues(row: EntryRow): (string | number)[] {
  const { domain, id, scope, kind, name, key, rootsDigest, roots, object, created, raw, stored, segments } =
    row;
  return [
    domain,
    id,
    scope,
    kind,
    name,
    key,
    rootsDigest,
    JSON.stringify(roots),
    object,
    created,
    raw,
    stored,
    segments,
  ];
}

export function entryOf(columns: Columns): EntryRow {
  const { domain, id, scope, kind, name, key, roots_digest, roots, object, created, raw, stored, segments } =
    columns;
  return {
    id: String(id),
    domain: String(domain),
    scope: String(scope),
    kind: String(kind),
    name: String(name),
    key: String(key),
    rootsDigest: String(roots_digest),
    roots: JSON.parse(String(roots)) as string[],
    object: String(object),
    created: Number(created),
    raw: Number(raw),
    stored: Number(stored),
    segments: Number(segments),
  };
}

export function segmentOf({ identity, raw, length, digest, etag }: Columns): SegmentRow {
  const row = {
    identity: String(identity),
    raw: Number(raw),
    length: Number(length),
    digest: String(digest),
  };
  return etag === null ? row : { ...row, etag: String(etag) };
}
