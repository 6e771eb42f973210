/**
 * First come, first served, for something that there is only so much of: who does not find enough waits, and nobody overtakes. Nobody
 * takes twice before giving back, so nobody waits for somebody who waits.
 */

export class InLine<T> {
  readonly #take: (bytes: number) => T | undefined;
  readonly #waiting: { bytes: number; grant: (taken: T) => void }[] = [];

  /** `take` answers undefined where there is not enough. */
  constructor(take: (bytes: number) => T | undefined) {
    this.#take = take;
  }

  /** Throws the signal's reason if that comes first. */
  async take(bytes: number, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    return this.takeNow(bytes) ?? (await this.#turn(bytes, signal));
  }

  /** Undefined where it would have to be waited for. */
  takeNow(bytes: number): T | undefined {
    return this.#waiting.length > 0 ? undefined : this.#take(bytes);
  }

  /** To be called when something has been given back. */
  moveUp(): void {
    for (;;) {
      const first = this.#waiting[0];
      const taken = first && this.#take(first.bytes);
      if (first === undefined || taken === undefined) return;
      this.#waiting.shift();
      first.grant(taken);
    }
  }

  #turn(bytes: number, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const place = {
        bytes,
        grant: (taken: T) => {
          signal?.removeEventListener('abort', leave);
          resolve(taken);
        },
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(place), 1);
        reject(signal?.reason);
        this.moveUp();
      };
      this.#waiting.push(place);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
