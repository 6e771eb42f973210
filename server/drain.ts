/**
 * Draining: a server that is told to stop says that it is not ready, refuses what is new, and lets what runs come to its end, for
 * a while.
 */
export class Drain {
  #running = 0;
  #draining = false;
  #idle: (() => void) | undefined;

  get draining(): boolean {
    return this.#draining;
  }

  /** Requests under way. */
  get running(): number {
    return this.#running;
  }

  enter(): void {
    this.#running++;
  }

  leave(): void {
    this.#running--;
    if (this.#running === 0) this.#idle?.();
  }

  /** Resolves when nothing runs any more, or after `seconds`. True if all came to their end. */
  async begin(seconds: number): Promise<boolean> {
    this.#draining = true;
    if (this.#running === 0) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#idle = () => resolve(true);
    const timer = setTimeout(() => resolve(false), seconds * 1000);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
