/**
 * A bound on memory that many requests share: who wants to hold bytes reserves them first and waits its turn. Nobody
 * reserves twice before letting go, so nobody waits for somebody who waits.
 */

export type Release = () => void;

export class ByteBudget {
  #free: number;
  readonly #total: number;
  readonly #waiting: { bytes: number; grant: () => void }[] = [];

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  get reserved(): number {
    return this.#total - this.#free;
  }

  /** Waits in line. More than the whole counts as the whole. Throws the signal's reason if that comes first. */
  async reserve(bytes: number, signal?: AbortSignal): Promise<Release> {
    signal?.throwIfAborted();
    const wanted = Math.min(bytes, this.#total);
    if (this.#waiting.length > 0 || wanted > this.#free) await this.#turn(wanted, signal);
    else this.#free -= wanted;
    return this.#releaseOnce(wanted);
  }

  /** At once or not at all. */
  tryReserve(bytes: number): Release | undefined {
    if (this.#waiting.length > 0 || bytes > this.#free) return undefined;
    this.#free -= bytes;
    return this.#releaseOnce(bytes);
  }

  #turn(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const place = {
        bytes,
        grant: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(place), 1);
        reject(signal?.reason);
        this.#admit();
      };
      this.#waiting.push(place);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  #releaseOnce(bytes: number): Release {
    let held = bytes;
    return () => {
      this.#free += held;
      held = 0;
      this.#admit();
    };
  }

  #admit(): void {
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || first.bytes > this.#free) return;
      this.#waiting.shift();
      this.#free -= first.bytes;
      first.grant();
    }
  }
}
