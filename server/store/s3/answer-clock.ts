/**
 * The store's clock, read off its answers: each has a `Date`, in whole seconds. The time between is counted by our own
 * clock that is never set. What an object gets as its time comes from the same place, so ages need no agreement with us.
 */
export class AnswerClock {
  readonly #monotonic: () => number;
  /** What is to be added to the monotonic clock, in milliseconds. */
  #offset: number | undefined;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /**
   * An answer whose `Date` is `date`, to a request that was sent at `sent` and arrived at `received` by the monotonic clock. All
   * milliseconds. It was somewhere between the two that the store's clock stood somewhere in the second that begins at `date`;
   * so each answer narrows the offset from both sides, and a clock that was set is followed at once.
   */
  saw(date: number, sent: number, received: number): void {
    const least = date - received;
    const most = date + 1000 - sent;
    this.#offset = Math.min(Math.max(this.#offset ?? least, least), most);
  }

  /** Milliseconds since 1970 by the store's clock; undefined before the first answer. */
  now(): number | undefined {
    return this.#offset === undefined ? undefined : Math.round(this.#monotonic() + this.#offset);
  }
}
