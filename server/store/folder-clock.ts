/**
 * The clock of a file system: what a file gets as its time when it is written now. On a network file system that is the
 * server's clock, and may be minutes from ours; ages are differences of two such times, so they need no agreement.
 */

/** A file is touched again after this time, so that a clock that was set meanwhile is followed. */
const TRUSTED_MS = 10_000;

export interface FolderClock {
  /** Milliseconds since 1970. */
  now(): Promise<number>;
}

/**
 * `touch` makes a file and answers its modification time in milliseconds; `monotonic` counts milliseconds and is never set.
 */
export function createFolderClock(
  touch: () => Promise<number>,
  monotonic: () => number = () => performance.now(),
): FolderClock {
  let offset = 0;
  let touched = Number.NEGATIVE_INFINITY;
  let touching: Promise<void> | undefined;

  async function compare(): Promise<void> {
    try {
      const time = await touch();
      touched = monotonic();
      offset = time - touched;
    } finally {
      touching = undefined;
    }
  }

  return {
    async now() {
      if (monotonic() - touched > TRUSTED_MS) {
        touching ??= compare();
        await touching;
      }
      return Math.round(monotonic() + offset);
    },
  };
}
