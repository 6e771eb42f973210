/**
 * Segments in memory, for what many jobs ask for at once. Bounded by what is really held: a reader who is slow keeps his
 * segment's bytes alive, so they count until he is through, kept or not. What is being read is never pushed out; where only such
 * is left, nothing more is taken, and readers are served from disk a chunk at a time.
 */

/** A reader's hold on bytes. */
export interface Lent {
  readonly bytes: Buffer;
  /** The same bytes for one more reader. */
  again(): Lent;
  /** Once. */
  giveBack(): void;
}

interface Item {
  name: string;
  etag: string;
  bytes: Buffer;
  readers: number;
  kept: boolean;
  /** Was never kept. */
  passing: boolean;
  /** When nobody has it any more. */
  onGone?: (() => void) | undefined;
}

/** Of the whole, what segments may have that are lent without being kept. */
export const PASSING_SHARE = 0.5;

export class MemoryTier {
  readonly #bound: number;
  /** Those that are kept, least recently used first. */
  readonly #kept = new Map<string, Item>();
  #held = 0;
  #passing = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  /** Bytes held, for readers of what has gone too. */
  get held(): number {
    return this.#held;
  }

  lend(name: string, etag: string): Lent | undefined {
    const item = this.#kept.get(name);
    if (item === undefined || item.etag !== etag) return undefined;
    this.#kept.delete(name);
    this.#kept.set(name, item);
    return this.#hold(item);
  }

  /** Keeps a copy, if there is room or can be made, and lends it. */
  keep(name: string, etag: string, bytes: Buffer): Lent | undefined {
    if (!this.hasRoom(bytes.length)) return undefined;
    this.drop(name);
    this.#makeRoom(bytes.length);
    // Its older version may be somebody's still.
    if (this.#held + bytes.length > this.#bound) return undefined;
    const own = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(own);
    const item = { name, etag, bytes: own, readers: 0, kept: true, passing: false };
    this.#held += bytes.length;
    this.#kept.set(name, item);
    return this.#hold(item);
  }

  /**
   * Lends what is not kept, where there is room without pushing anything out. The bytes are the tier's from then on, until `onGone`:
   * nobody has them any more.
   */
  pass(name: string, etag: string, bytes: Buffer, onGone?: () => void): Lent | undefined {
    const size = bytes.length;
    if (this.#held + size > this.#bound || this.#passing + size > this.#bound * PASSING_SHARE)
      return undefined;
    this.#held += size;
    this.#passing += size;
    return this.#hold({ name, etag, bytes, readers: 0, kept: false, passing: true, onGone });
  }

  /** Whether so many bytes could be kept now. */
  hasRoom(bytes: number): boolean {
    let free = this.#bound - this.#held;
    if (bytes <= free) return true;
    if (bytes > this.#bound) return false;
    for (const item of this.#kept.values()) {
      if (item.readers === 0) free += item.bytes.length;
      if (bytes <= free) return true;
    }
    return false;
  }

  drop(name: string): void {
    const item = this.#kept.get(name);
    if (item === undefined) return;
    this.#kept.delete(name);
    item.kept = false;
    if (item.readers === 0) this.#held -= item.bytes.length;
  }

  /** Drops it unless it is that version. */
  dropOthers(name: string, etag: string): void {
    if (this.#kept.get(name)?.etag !== etag) this.drop(name);
  }

  #makeRoom(bytes: number): void {
    for (const item of this.#kept.values()) {
      if (this.#held + bytes <= this.#bound) return;
      if (item.readers === 0) this.drop(item.name);
    }
  }

  #hold(item: Item): Lent {
    item.readers += 1;
    return {
      bytes: item.bytes,
      again: () => this.#hold(item),
      giveBack: () => {
        item.readers -= 1;
        if (item.readers > 0 || item.kept) return;
        this.#held -= item.bytes.length;
        if (item.passing) this.#passing -= item.bytes.length;
        item.onGone?.();
      },
    };
  }
}
