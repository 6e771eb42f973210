/** A bound on memory that many requests share: who wants to hold bytes reserves them first and waits in line. */
import { InLine } from './in-line.ts';

export type Release = () => void;

export class ByteBudget {
  #free: number;
  readonly #total: number;
  readonly #line = new InLine((bytes) => this.#take(bytes));

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  get reserved(): number {
    return this.#total - this.#free;
  }

  /** More than the whole counts as the whole. Throws the signal's reason if that comes first. */
  reserve(bytes: number, signal?: AbortSignal): Promise<Release> {
    return this.#line.take(Math.min(bytes, this.#total), signal);
  }

  /** At once or not at all. */
  tryReserve(bytes: number): Release | undefined {
    return this.#line.takeNow(bytes);
  }

  #take(bytes: number): Release | undefined {
    if (bytes > this.#free) return undefined;
    this.#free -= bytes;
    let held = bytes;
    return () => {
      this.#free += held;
      held = 0;
      this.#line.moveUp();
    };
  }
}
