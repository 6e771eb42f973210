/** What was asked for a short time ago: the second reader is what tells a favourite from one large scan. */
const MOST = 20_000;

export class Recent {
  readonly #milliseconds: number;
  readonly #clock: () => number;
  /** When each was last asked for, the longest ago first. */
  readonly #asked = new Map<string, number>();

  constructor(milliseconds: number, clock: () => number) {
    this.#milliseconds = milliseconds;
    this.#clock = clock;
  }

  /** Notes that it is asked for. True if it was within the time. */
  again(name: string): boolean {
    const now = this.#clock();
    const before = this.#asked.get(name);
    this.#asked.delete(name);
    this.#asked.set(name, now);
    if (this.#asked.size > MOST) {
      const [oldest] = this.#asked.keys();
      if (oldest !== undefined) this.#asked.delete(oldest);
    }
    return before !== undefined && now - before <= this.#milliseconds;
  }
}
