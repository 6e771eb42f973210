/**
 * The index in SQLite, for one process. Calls answer in microseconds and stop the event loop for that long; what may be long
 * is done in pieces.
 */
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as pause } from 'node:timers/promises';
import type { Digest } from '#protocol/format/manifest.ts';
import { machineStart } from '../store/machine-start.ts';
import type { EntryIndex, EntryRow, FindQuery, SegmentRow } from './entry-index.ts';
import { successor } from './prefix-range.ts';
import {
  closeDatabase,
  type DatabasePlace,
  emptyDatabase,
  factOf,
  indexFault,
  isDamaged,
  openDatabase,
  removeFact,
  replaceDamaged,
  setFact,
} from './sqlite-database.ts';
import { entryOf, entryValues, prepareStatements, type Statements, segmentOf } from './sqlite-statements.ts';

/** Rows that are read or written in one piece. */
const PIECE = 1000;
/** A prefix that this many keys begin with is wide. */
const WIDE = 2000;
/** In SQLite every text is smaller than a blob. */
const ABOVE_ALL_TEXT = new Uint8Array();

export interface SqliteIndexOptions {
  /** What tells this start of the machine from others. */
  boot?: string | undefined;
  /** Told when a damaged file has been set aside (`<file>.damaged`); the index is empty then, and has no epoch. */
  onSetAside?: (why: string) => void;
}

/** Opens the index in `file` (`:memory:` keeps it in this process). Throws `INDEX_FAILED`, `STORE_FULL`. */
export function openSqliteIndex(file: string, options: SqliteIndexOptions = {}): EntryIndex {
  const boot = 'boot' in options ? options.boot : machineStart();
  return new SqliteIndex({ file, boot, onSetAside: options.onSetAside ?? (() => undefined) });
}

class SqliteIndex implements EntryIndex {
  readonly #place: DatabasePlace;
  #database: DatabaseSync;
  #statements: Statements;
  /** Of a reindex under way; it ends with this process. */
  #begun: string | undefined;

  constructor(place: DatabasePlace) {
    this.#place = place;
    this.#database = openDatabase(place);
    this.#statements = prepareStatements(this.#database);
  }

  async find(query: FindQuery): Promise<EntryRow | undefined> {
    return this.#ask((statements) => {
      for (const scope of query.scopes) {
        const columns =
          'exact' in query.match
            ? statements.exact.get(query.domain, scope, query.match.exact, query.rootsDigest ?? null)
            : newestWithPrefix(statements, query, scope, query.match.prefix);
        if (columns !== undefined) return entryOf(columns);
      }
      return undefined;
    });
  }

  async byId(domain: string, id: string): Promise<EntryRow | undefined> {
    return this.#ask(({ byId }) => {
      const columns = byId.get(domain, id);
      return columns === undefined ? undefined : entryOf(columns);
    });
  }

  async list(query: Parameters<EntryIndex['list']>[0]): Promise<EntryRow[]> {
    const [from, to] = rangeOf(query.prefix ?? '');
    const rows = query.scopes.flatMap((scope) =>
      this.#ask(({ list }) =>
        list.all(query.domain, scope, from, to, query.kind ?? null, query.limit).map(entryOf),
      ),
    );
    return rows.sort(newestFirst).slice(0, query.limit);
  }

  async put(row: EntryRow): Promise<void> {
    this.#ask(({ put }) => put.run(...entryValues(row)));
  }

  async remove(domain: string, id: string): Promise<void> {
    this.#ask(({ remove }) => remove.run(domain, id));
  }

  async putSegments(domain: string, rows: SegmentRow[]): Promise<void> {
    for (const [at, piece] of inPieces(rows)) {
      if (at > 0) await pause();
      this.#ask((statements) =>
        inTransaction(statements, () => {
          for (const { identity, raw, length, digest, etag } of piece) {
            statements.putSegment.run(domain, identity, raw, length, digest, etag ?? null);
          }
        }),
      );
    }
  }

  async segments(domain: string, identities: Digest[]): Promise<Map<Digest, SegmentRow>> {
    const found = new Map<Digest, SegmentRow>();
    for (const [at, piece] of inPieces(identities)) {
      if (at > 0) await pause();
      const rows = this.#ask(({ segments }) => segments.all(domain, JSON.stringify(piece)));
      for (const columns of rows) {
        const row = segmentOf(columns);
        found.set(row.identity, row);
      }
    }
    return found;
  }

  async removeSegment(domain: string, identity: Digest): Promise<void> {
    this.#ask(({ removeSegment }) => removeSegment.run(domain, identity));
  }

  async totals(domain: string): Promise<{ entries: number; storedBytes: number }> {
    const row = this.#ask(({ totals }) => totals.get(domain));
    return { entries: Number(row?.entries ?? 0), storedBytes: Number(row?.stored ?? 0) };
  }

  async epoch(): Promise<string | undefined> {
    return this.#ask(() => factOf(this.#database, 'epoch'));
  }

  async beginEpoch(epoch: string): Promise<void> {
    this.#begun = epoch;
  }

  async setEpoch(epoch: string): Promise<boolean> {
    if (this.#begun !== epoch) return false;
    this.#ask(() => setFact(this.#database, 'epoch', epoch));
    this.#begun = undefined;
    return true;
  }

  async doubt(): Promise<void> {
    this.#begun = undefined;
    this.#ask(() => removeFact(this.#database, 'epoch'));
  }

  async clear(): Promise<void> {
    await this.doubt();
    this.#use(() => emptyDatabase(this.#place));
  }

  async close(): Promise<void> {
    if (!this.#database.isOpen) return;
    try {
      closeDatabase(this.#database);
    } catch (error) {
      throw indexFault(error);
    }
  }

  /** Once more with an empty index where it finds that the file is damaged. */
  #ask<T>(question: (statements: Statements) => T): T {
    try {
      return question(this.#statements);
    } catch (error) {
      if (!isDamaged(error)) throw indexFault(error);
      this.#use(() => replaceDamaged(this.#place, error));
    }
    try {
      return question(this.#statements);
    } catch (error) {
      throw indexFault(error);
    }
  }

  /** Goes on with the database that `open` gives. */
  #use(open: () => DatabaseSync): void {
    this.#begun = undefined;
    this.#database.close();
    this.#database = open();
    this.#statements = prepareStatements(this.#database);
  }
}

/**
 * The newest of a wide range is found by age, because one of the next is in it; of a narrow one by key, because there are few to
 * compare. Either way round it could mean to look at every entry of the scope.
 */
function newestWithPrefix(statements: Statements, query: FindQuery, scope: string, prefix: string) {
  const [from, to] = rangeOf(prefix);
  const range = [query.domain, scope, from, to] as const;
  const roots = query.rootsDigest ?? null;
  const recent = statements.amongNewest.get(...range, roots);
  if (recent !== undefined) return recent;
  const isWide = statements.width.get(...range, WIDE)?.count === WIDE;
  return (isWide ? statements.byAge : statements.inRange).get(...range, roots);
}

function rangeOf(prefix: string): [from: string, to: string | Uint8Array] {
  const text = prefix.toWellFormed();
  return [text, successor(text) ?? ABOVE_ALL_TEXT];
}

function newestFirst(a: EntryRow, b: EntryRow): number {
  return b.created - a.created || (a.id < b.id ? 1 : -1);
}

function* inPieces<T>(items: readonly T[]): Generator<[at: number, piece: T[]]> {
  for (let at = 0; at < items.length; at += PIECE) yield [at, items.slice(at, at + PIECE)];
}

function inTransaction({ begin, commit, rollback }: Statements, work: () => void): void {
  begin.run();
  try {
    work();
    commit.run();
  } catch (error) {
    try {
      rollback.run();
    } catch {
      // SQLite has rolled back itself, as after a full disk; the first error says why.
    }
    throw error;
  }
}
