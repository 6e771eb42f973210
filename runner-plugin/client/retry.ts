/**
 * Asking again: at most twice, after a random part of a growing pause ("full jitter": many runners that lost one server at
 * the same moment must not come back at the same moment). Only for what may be sent twice without harm.
 */
import { type Clock, pause } from './clock.ts';
import { Failure } from './failure.ts';

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;
/** A server that asks for a longer wait is not waited for: a build is not worth less than a cache. */
const LONGEST_PAUSE_MS = 2_000;

export interface Retrying {
  clock: Clock;
  /** 0 to 1. */
  random: () => number;
}

/** Runs `attempt` until it succeeds, fails for good, or the signal aborts; throws the last {@link Failure}. */
export async function withRetries<T>(
  retrying: Retrying,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Failure) || !error.transient || tried === ATTEMPTS) throw error;
      if (error.retryAfter > LONGEST_PAUSE_MS) throw error;
      const jittered = retrying.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tried);
      await pause(retrying.clock, Math.max(error.retryAfter, jittered), signal);
    }
  }
}
