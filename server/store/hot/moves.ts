/**
 * Whole segments on their way into the tier, from the bucket, or from a copy on disk that nobody has verified yet or that is to be in
 * memory. However many ask for one, it is moved once; all of them together hold no more than a bound. They wait until it is
 * verified, and are then served from the memory that it is in, as far as the memory tier lends it.
 *
 * What does not verify is remembered, so that it is not fetched whole for every run of it that somebody reads.
 */
import { letGo } from '../../entries/let-go.ts';
import { closeObject, readWhole } from '../object-file.ts';
import type { Confirmation } from './confirmation.ts';
import { isSegment } from './copy-check.ts';
import type { Lent } from './memory-tier.ts';
import type { HotStoreParts } from './parts.ts';

/** Versions that are remembered as refused. */
const REMEMBERED = 100_000;

/** A segment that was verified. */
export interface Moved {
  from: 'disk' | 'bucket';
  /** Undefined where the memory tier has no room for it. Who wants it longer takes it again. */
  lent: Lent | undefined;
  /** Whether it is on disk, when that is settled. */
  placed: Promise<boolean>;
}

/** `refused`: it is there, and it is damaged. */
export type Outcome = Moved | 'refused' | 'changed' | undefined;

export interface Wanted {
  name: string;
  etag: string;
  /** Of the whole object. */
  size: number;
  /** Somebody asked for it a short time before. */
  favourite: boolean;
}

interface Flight {
  outcome: Promise<Outcome>;
  readers: number;
  favourite: boolean;
  /** It was deleted or replaced meanwhile. */
  overtaken: boolean;
}

export class Moves {
  readonly #parts: HotStoreParts;
  readonly #confirmation: Confirmation;
  /** By name and version. */
  readonly #flights = new Map<string, Flight>();
  readonly #refused = new Set<string>();

  constructor(parts: HotStoreParts, confirmation: Confirmation) {
    this.#parts = parts;
    this.#confirmation = confirmation;
  }

  isRefused(name: string, etag: string): boolean {
    return this.#refused.has(`${name} ${etag}`);
  }

  /** Moves it, or joins those who wait for it, and calls `use` with what came of it. Throws what the bucket throws. */
  async share<T>(wanted: Wanted, use: (outcome: Outcome) => Promise<T>): Promise<T> {
    const flight = this.#flightOf(wanted);
    flight.readers += 1;
    flight.favourite ||= wanted.favourite;
    let outcome: Outcome;
    try {
      outcome = await flight.outcome;
      return await use(outcome);
    } finally {
      flight.readers -= 1;
      if (flight.readers === 0 && typeof outcome === 'object') outcome.lent?.giveBack();
    }
  }

  /** What is on its way under that name is not to be kept, unless it is that version. */
  overtake(name: string, by: string | undefined): void {
    for (const [key, flight] of this.#flights)
      if (key.startsWith(`${name} `) && key !== `${name} ${by}`) flight.overtaken = true;
  }

  /** Nothing is on its way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#flights.values()].map(({ outcome }) => outcome));
  }

  #flightOf(wanted: Wanted): Flight {
    const key = `${wanted.name} ${wanted.etag}`;
    const under = this.#flights.get(key);
    if (under !== undefined) return under;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const flight: Flight = { outcome: promise, readers: 0, favourite: false, overtaken: false };
    this.#flights.set(key, flight);
    resolve(this.#move(wanted, flight).finally(() => this.#flights.delete(key)));
    return flight;
  }

  async #move({ name, etag, size }: Wanted, flight: Flight): Promise<Outcome> {
    const { bucket, disk, moves } = this.#parts;
    const release = await moves.reserve(size);
    let placed = Promise.resolve(false);
    try {
      // One that was lent only may still be on its way to the disk.
      await disk?.settled(name);
      const near = await this.#fromDisk(name, etag);
      if (near !== undefined) {
        this.#confirmation.used(name, etag);
        const lent = this.#lend(name, etag, near, flight);
        if (lent?.bytes !== near) letGo(near);
        return { from: 'disk', lent, placed: Promise.resolve(true) };
      }
      const found = await bucket.get(name, { ifMatch: etag });
      if (found === undefined || found === 'changed') return found;
      const { bytes } = found;
      if (!(await this.#isGood(name, etag, bytes))) return 'refused';
      this.#confirmation.note(name, etag);
      if (disk !== undefined && !flight.overtaken) placed = disk.place(name, etag, bytes, true);
      const lent = this.#lend(name, etag, bytes, flight);
      if (lent?.bytes !== bytes) placed.then(() => letGo(bytes));
      return { from: 'bucket', lent, placed };
    } finally {
      // The bytes are in use until they are on disk; what is lent counts with the memory tier.
      placed.then(release, release);
    }
  }

  async #isGood(name: string, etag: string, bytes: Buffer): Promise<boolean> {
    const { observer } = this.#parts;
    observer.moved(bytes.length);
    if (await isSegment(name, bytes)) return true;
    observer.refused('damaged');
    if (this.#refused.size >= REMEMBERED) this.#refused.clear();
    this.#refused.add(`${name} ${etag}`);
    return false;
  }

  #lend(name: string, etag: string, bytes: Buffer, { favourite, overtaken }: Flight): Lent | undefined {
    const { memory } = this.#parts;
    const kept = favourite && !overtaken ? memory.keep(name, etag, bytes) : undefined;
    return kept ?? memory.pass(name, etag, bytes);
  }

  /** The copy, verified. Undefined where there is none that is good; a bad one is dropped. */
  async #fromDisk(name: string, etag: string): Promise<Buffer | undefined> {
    const { disk, observer } = this.#parts;
    const isChecked = disk?.has(name, etag) === 'checked';
    const file = await disk?.open(name, etag);
    if (file === undefined) return undefined;
    try {
      const bytes = await readWhole(file);
      if (isChecked || (await isSegment(name, bytes))) {
        disk?.markChecked(name, etag);
        return bytes;
      }
    } catch {
      // A copy that cannot be read is as good as one that is bad.
    } finally {
      closeObject(file);
    }
    observer.badCopy(name);
    await disk?.drop(name, etag);
    return undefined;
  }
}
