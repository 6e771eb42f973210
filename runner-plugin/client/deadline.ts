/**
 * The times of one exchange: one for all of it, and one for the step that it is in (first byte, silence). When one of them
 * is over, `signal` aborts with a CLIENT_TIMEOUT that says which.
 */
import { fault } from '#protocol/wire/errors.ts';
import type { Clock } from './clock.ts';

export class Deadline {
  /** Aborts when a time is over, or with the caller's own signal. */
  readonly signal: AbortSignal;
  readonly #clock: Clock;
  readonly #url: string;
  readonly #own = new AbortController();
  #cancelTotal: (() => void) | undefined;
  #cancelStep: (() => void) | undefined;

  constructor(clock: Clock, url: string, caller?: AbortSignal) {
    this.#clock = clock;
    this.#url = url;
    this.signal = caller === undefined ? this.#own.signal : AbortSignal.any([caller, this.#own.signal]);
  }

  /** All of it, from now. */
  total(ms: number): void {
    this.#cancelTotal?.();
    this.#cancelTotal = this.#clock.after(ms, () => this.#over(`no whole answer within ${ms / 1000} s`));
  }

  /** No longer all of it: what follows may take as long as it flows. */
  endTotal(): void {
    this.#cancelTotal?.();
    this.#cancelTotal = undefined;
  }

  /** The step that begins now; the one before it has ended. */
  step(ms: number, what: string): void {
    this.#cancelStep?.();
    this.#cancelStep = this.#clock.after(ms, () => this.#over(`${what} within ${ms / 1000} s`));
  }

  endStep(): void {
    this.#cancelStep?.();
    this.#cancelStep = undefined;
  }

  end(): void {
    this.endTotal();
    this.endStep();
  }

  #over(what: string): void {
    this.end();
    this.#own.abort(fault('CLIENT_TIMEOUT', { url: this.#url, what }));
  }
}
