/** Time as the client and the steps see it: passed in, so that tests let five seconds pass without waiting for them. */

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs `run` once after `ms`; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** A timer that fires so much too late says that the process stood still, not that nobody answered. */
const STOOD_STILL_MS = 100;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    let due = performance.now() + ms;
    let graced = false;
    let immediate: NodeJS.Immediate | undefined;
    const fire = () => {
      const late = performance.now() - due;
      if (late > STOOD_STILL_MS && !graced) {
        // An answer may lie at the door: Node looks at its timers first. As long again as it stood still, once.
        graced = true;
        const wait = Math.min(late, ms);
        due = performance.now() + wait;
        timer = setTimeout(fire, wait);
        return;
      }
      immediate = setImmediate(run);
    };
    let timer = setTimeout(fire, ms);
    return () => {
      clearTimeout(timer);
      clearImmediate(immediate);
    };
  },
};

/** Resolves after `ms`; rejects with the signal's reason if that comes first. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}
