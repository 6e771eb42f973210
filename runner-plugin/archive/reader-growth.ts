/**
 * How many connections an archive is read over: one is added for as long as the last one made the whole faster. Over a
 * long way each brings a window of its own, and all start at once; where the decoders or the disk are the slowest, more
 * change nothing.
 */

/** A connection is worth another if the bytes a second grew by this factor. */
const WORTH_IT = 1.15;
/**
 * A first byte that takes so long, in milliseconds, comes from far away: each connection begins with a small window there, and a
 * short restore would be over before they had been added one by one.
 */
const FAR_MS = 8;

export class ReaderGrowth {
  readonly #now: () => number;
  #began: number;
  #bytes = 0;
  #ranges = 0;
  #waited = false;
  #bestRate = 0;
  #over = false;

  /** `now` in milliseconds. */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#began = now();
  }

  /** A reader had nowhere to put what it would read. */
  noteWait(): void {
    this.#waited = true;
  }

  /** Whether all may be started at once: `ms` after the archive was asked for, its first byte has come. */
  isFar(ms: number): boolean {
    return !this.#waited && ms >= FAR_MS;
  }

  /** Asked after each range; `bytes` is the count since the beginning. */
  isWorthAnother(readers: number, bytes: number): boolean {
    // Each has brought one range since the last answer.
    if (this.#over || ++this.#ranges < readers) return false;
    const now = this.#now();
    const rate = (bytes - this.#bytes) / Math.max(1, now - this.#began);
    this.#over = this.#waited || rate < this.#bestRate * WORTH_IT;
    this.#bestRate = rate;
    this.#began = now;
    this.#bytes = bytes;
    this.#ranges = 0;
    return !this.#over;
  }
}
