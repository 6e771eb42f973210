/**
 * Use of entries: when each was last asked for, and what it is worth, for eviction. It stands in an object of its own per entry
 * (`uses/…`), whose age is the time of the last use. It is put again when the entry is a hit and that time is older than
 * `lifetimes.use`, so that look-ups cost next to nothing; whatever of this is lost is a use that counts as older.
 */
import { LRUCache } from 'lru-cache';
import type { Digest, SignedManifest } from '#protocol/format/manifest.ts';
import { useObject } from '#protocol/format/object-name.ts';
import type { SegmentRow } from '../index/entry-index.ts';
import { LIFETIMES } from './lifetimes.ts';
import type { EntryParts } from './parts.ts';
import { layoutOfEntry, signedOfEntry, type WholeEntry } from './whole-entry.ts';

/** Entries whose use is remembered as noted. */
const REMEMBERED = 100_000;
/** Notes under way at once; beyond them the next hit will do. */
const AT_ONCE = 4;

export interface Use {
  /** Bytes that the entry's segments take in the store. */
  stored: number;
  /** What its writer says that the command took. */
  seconds: number;
}

export function encodeUse(use: Use): Buffer {
  return Buffer.from(JSON.stringify(use));
}

/** Undefined where it is not what {@link encodeUse} wrote. */
export function decodeUse(bytes: Buffer): Use | undefined {
  try {
    const { stored, seconds } = JSON.parse(bytes.toString()) as Partial<Use>;
    return Number.isFinite(stored) && Number.isFinite(seconds) ? ({ stored, seconds } as Use) : undefined;
  } catch {
    return undefined;
  }
}

/** Of an entry that is being committed, with the rows of all its segments. */
export function useOf({ manifest }: SignedManifest, rows: ReadonlyMap<Digest, SegmentRow>): Use {
  let stored = 0;
  for (const { length } of rows.values()) stored += length;
  return { stored, seconds: manifest.timings.command ?? 0 };
}

export class Uses {
  readonly #parts: EntryParts;
  /** By object, when it was noted by the clock of this process. */
  readonly #noted = new LRUCache<string, number>({ max: REMEMBERED });
  #underWay = 0;

  constructor(parts: EntryParts) {
    this.#parts = parts;
  }

  /** The entry was a hit. Nobody waits for what becomes of that. */
  note(entry: WholeEntry): void {
    const { clock, lifetimes = LIFETIMES } = this.#parts;
    const now = clock();
    const noted = this.#noted.get(entry.object);
    if ((noted !== undefined && now - noted < lifetimes.use) || this.#underWay >= AT_ONCE) return;
    this.#noted.set(entry.object, now);
    void this.#write(entry);
  }

  async #write(entry: WholeEntry): Promise<void> {
    this.#underWay += 1;
    try {
      const { store } = this.#parts;
      const name = useObject(entry.object);
      const head = await store.head(name);
      const { use } = this.#parts.lifetimes ?? LIFETIMES;
      // Another server, or this one before it was started again.
      if (head !== undefined && (await store.now()) - head.modified < use) return;
      await store.put(name, encodeUse(useOfEntry(entry)));
    } catch (error) {
      this.#parts.observer.failed('noting that an entry was used', error);
    } finally {
      this.#underWay -= 1;
    }
  }
}

function useOfEntry(entry: WholeEntry): Use {
  const { segments } = layoutOfEntry(entry);
  const { manifest } = signedOfEntry(entry);
  const lengths = new Map(segments.map(({ identity, length }) => [identity, length]));
  let stored = 0;
  for (const length of lengths.values()) stored += length;
  return { stored, seconds: manifest.timings.command ?? 0 };
}
