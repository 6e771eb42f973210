/**
 * From a row of the index, or the name of a manifest's object, to an entry that is whole: read, checked, laid out and
 * remembered. What turns out not to be whole is retired here and now.
 */
import type { EntryRow } from '../index/entry-index.ts';
import { layoutOf } from './layout.ts';
import type { EntryParts } from './parts.ts';
import { readManifest } from './read-manifest.ts';
import type { Retirement } from './retire.ts';
import type { SegmentRows } from './segment-rows.ts';
import { entryRow, TRUST_MS, type WholeEntries, type WholeEntry, wholeEntry } from './whole-entry.ts';

export type Reading =
  | { entry: WholeEntry; row: EntryRow }
  /** `why` is for a person; without it there was nothing. `stays`: it is still in the store, and so is its row. */
  | { entry?: undefined; why?: string; stays: boolean };

export class EntryReader {
  readonly #parts: EntryParts;
  readonly #rows: SegmentRows;
  readonly #retirement: Retirement;
  readonly #known: WholeEntries;
  /** By object: several look-ups for one entry that is not in memory read it once. */
  readonly #underWay = new Map<string, Promise<Reading>>();

  constructor(parts: EntryParts, rows: SegmentRows, retirement: Retirement, known: WholeEntries) {
    this.#parts = parts;
    this.#rows = rows;
    this.#retirement = retirement;
    this.#known = known;
  }

  /** The entry of that id, if it is in memory and the store still holds it. */
  async remembered(domain: string, id: string): Promise<WholeEntry | undefined> {
    const known = this.#known.get(id);
    return known?.domain === domain && (await this.#isStillThere(known)) ? known : undefined;
  }

  /** The entry of a row; where it is not that entry (any more), the row is removed. */
  async ofRow(row: EntryRow): Promise<Reading> {
    const known = this.#known.get(row.id);
    if (known !== undefined && (await this.#isStillThere(known))) return { entry: known, row };
    const reading = await this.ofObject(row.domain, row.object);
    if (reading.entry?.id === row.id || (reading.entry === undefined && reading.stays)) return reading;
    await this.#retirement.forget(row, row.id);
    if (reading.entry === undefined) return reading;
    // Another entry has taken its place in the store, and the index had not heard of it.
    await this.#parts.index.put(reading.row);
    return { why: 'it has been replaced', stays: false };
  }

  /** The entry whose manifest is this object. The index is not asked and not told. */
  async ofObject(domain: string, object: string): Promise<Reading> {
    const running = this.#underWay.get(object);
    if (running !== undefined) return await running;
    const reading = this.#read(domain, object).finally(() => this.#underWay.delete(object));
    this.#underWay.set(object, reading);
    return await reading;
  }

  async #isStillThere(entry: WholeEntry): Promise<boolean> {
    const now = this.#parts.clock();
    if (now - entry.seen < TRUST_MS) return true;
    const head = await this.#parts.store.head(entry.object);
    if (head?.etag === entry.etag) {
      entry.seen = now;
      return true;
    }
    this.#known.delete(entry.id);
    return false;
  }

  async #read(domain: string, object: string): Promise<Reading> {
    const found = await readManifest(this.#parts, object);
    if (found.state === 'absent') return { stays: false };
    if (found.state === 'too-new') return { why: found.why, stays: true };
    if (found.state === 'bad') return await this.#retire(domain, object, found.etag, found.why);
    const seen = this.#parts.clock();
    const layout = await layoutOf(this.#rows, found.signed);
    if ('hole' in layout) {
      return await this.#retire(domain, object, found.etag, `its segment ${layout.hole} is not there`);
    }
    const entry = wholeEntry({ ...found, object }, layout, seen);
    this.#known.set(entry.id, entry);
    return { entry, row: entryRow({ ...found, object }, layout) };
  }

  async #retire(domain: string, object: string, etag: string, why: string): Promise<Reading> {
    await this.#retirement.retire({ domain, object, etag, ids: [] }, why);
    return { why: `it was not whole (${why}) and has been retired`, stays: false };
  }
}
