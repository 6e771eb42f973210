/**
 * Whole segments on their way into the tier, from the bucket, or from a copy on disk that nobody has verified yet or that is to be in
 * memory. However many ask for one, it is moved once; all of them together hold no more than a bound.
 *
 * What comes from the bucket may be followed by its readers while it comes (arrival.ts), as far as the memory tier lends it. Else they wait
 * until it is verified and on disk.
 *
 * What does not verify is remembered, so that it is not fetched whole for every run of it that somebody reads.
 */
import { fault } from '#protocol/wire/errors.ts';
import { closeObject, readWhole } from '../object-file.ts';
import { Arrival } from './arrival.ts';
import type { Confirmation } from './confirmation.ts';
import { CopyCheck, isSegment } from './copy-check.ts';
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

/** It has begun to come, and readers may follow it. Who wants it longer than he is asked takes it again. */
export interface Following {
  lent: Lent;
  arrival: Arrival;
}

interface Flight {
  /** What may be followed; undefined where nothing may be before the outcome. Never fails. */
  begun: Promise<Following | undefined>;
  begin(following?: Following): void;
  outcome: Promise<Outcome>;
  isOver: boolean;
  readers: number;
  /** Held until it is over and its readers have what they want. */
  lent: Lent | undefined;
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

  /**
   * Moves it, or joins those who wait for it, and calls `use` as soon as it may be followed, or else with what came of it. Throws
   * what the bucket throws.
   */
  async share<T>(wanted: Wanted, use: (outcome: Following | Outcome) => Promise<T>): Promise<T> {
    const flight = this.#flightOf(wanted);
    flight.readers += 1;
    flight.favourite ||= wanted.favourite;
    try {
      return await use((await flight.begun) ?? (await flight.outcome));
    } finally {
      flight.readers -= 1;
      giveBackOf(flight);
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
    const { promise: begun, resolve: begin } = Promise.withResolvers<Following | undefined>();
    const { promise: outcome, resolve } = Promise.withResolvers<Outcome>();
    const own = { isOver: false, readers: 0, lent: undefined, favourite: false, overtaken: false };
    const flight: Flight = { begun, begin, outcome, ...own };
    this.#flights.set(key, flight);
    const end = () => {
      this.#flights.delete(key);
      flight.isOver = true;
      begin(undefined);
      giveBackOf(flight);
    };
    resolve(this.#move(wanted, flight).finally(end));
    // Where all follow, nobody asks what came of it.
    outcome.catch(() => {});
    return flight;
  }

  async #move({ name, etag, size }: Wanted, flight: Flight): Promise<Outcome> {
    const { disk, memory, moves } = this.#parts;
    const room = await moves.reserve(size);
    let holders = 1;
    const leave = () => {
      holders -= 1;
      if (holders === 0) room.release();
    };
    const pass = (bytes: Buffer): Lent | undefined => {
      const isOurs = bytes === room.bytes;
      const lent = memory.pass(name, etag, bytes, isOurs ? leave : undefined);
      if (isOurs && lent !== undefined) holders += 1;
      return lent;
    };
    let placed = Promise.resolve(false);
    try {
      // One that was lent only may still be on its way to the disk.
      await disk?.settled(name);
      const near = await this.#fromDisk(name, etag, room.bytes);
      if (near !== undefined) {
        this.#confirmation.used(name, etag);
        flight.lent = this.#keep(name, etag, near, flight) ?? pass(near);
        return { from: 'disk', lent: flight.lent, placed: Promise.resolve(true) };
      }
      const found = await this.#fetch({ name, etag }, room.bytes, (arrival) => {
        flight.lent = pass(room.bytes);
        if (flight.lent !== undefined) flight.begin({ lent: flight.lent, arrival });
      });
      if (!Buffer.isBuffer(found)) return found;
      this.#confirmation.note(name, etag);
      if (disk !== undefined && !flight.overtaken) placed = disk.place(name, etag, found, true);
      const kept = this.#keep(name, etag, found, flight);
      if (flight.lent === undefined) flight.lent = kept ?? pass(found);
      else kept?.giveBack();
      return { from: 'bucket', lent: flight.lent, placed };
    } finally {
      const settle = () => {
        // The bytes are in use until they are on disk; what is lent counts with the memory tier.
        room.arrived();
        leave();
      };
      placed.then(settle, settle);
    }
  }

  /** From the bucket, verified. `onBegun` is called when the first of it has come to `room`. */
  async #fetch(
    { name, etag }: { name: string; etag: string },
    room: Buffer,
    onBegun: (arrival: Arrival) => void,
  ): Promise<Buffer | 'refused' | 'changed' | undefined> {
    const arrival = new Arrival();
    const check = new CopyCheck(room);
    let hasBegun = false;
    const grown = (count: number) => {
      check.grown(count);
      arrival.grown(count);
      if (!hasBegun) onBegun(arrival);
      hasBegun = true;
    };
    try {
      const found = await this.#parts.bucket.get(name, { ifMatch: etag, into: { bytes: room, grown } });
      if (found === undefined || found === 'changed') {
        arrival.ended(fault('STORE_FAILED', { why: 'a segment went while it was read' }));
        return found;
      }
      const isRight = await (found.bytes === room ? check : new CopyCheck(found.bytes)).isSegment(name);
      this.#parts.observer.moved(found.bytes.length);
      if (!isRight) this.#refuse(name, etag);
      arrival.ended(isRight ? undefined : damaged(name));
      return isRight ? found.bytes : 'refused';
    } catch (error) {
      arrival.ended(error as Error);
      throw error;
    }
  }

  #refuse(name: string, etag: string): void {
    this.#parts.observer.refused('damaged');
    if (this.#refused.size >= REMEMBERED) this.#refused.clear();
    this.#refused.add(`${name} ${etag}`);
  }

  #keep(name: string, etag: string, bytes: Buffer, { favourite, overtaken }: Flight): Lent | undefined {
    return favourite && !overtaken ? this.#parts.memory.keep(name, etag, bytes) : undefined;
  }

  /** The copy, verified. Undefined where there is none that is good; a bad one is dropped. */
  async #fromDisk(name: string, etag: string, room: Buffer): Promise<Buffer | undefined> {
    const { disk, observer } = this.#parts;
    const isChecked = disk?.has(name, etag) === 'checked';
    const file = await disk?.open(name, etag);
    if (file === undefined) return undefined;
    try {
      const bytes = await readWhole(file, room);
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

function giveBackOf(flight: Flight): void {
  if (!flight.isOver || flight.readers > 0) return;
  flight.lent?.giveBack();
  flight.lent = undefined;
}

function damaged(name: string): Error {
  const identity = name.slice(name.lastIndexOf('/') + 1);
  return fault('SEGMENT_DAMAGED', { identity, why: 'what the bucket holds is not what its trailer says' });
}
