/** Milliseconds between the attempts at a job. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Doubles with each attempt, and is up to half as long again, so that what failed together is not tried again together.
 * `random` is 0 to 1.
 */
export function pauseAfter(attempt: number, random: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (1 + random / 2);
}
