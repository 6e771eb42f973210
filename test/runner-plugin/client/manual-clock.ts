/** A clock that stands still until a test moves it. */
import type { Clock } from '#runner-plugin/client/clock.ts';

export interface ManualClock extends Clock {
  /** Lets time pass, running what falls due in its order. */
  pass(ms: number): void;
  /** Timers that are set. */
  readonly waiting: number;
  /** In how many ms the next timer is due. */
  due(): number | undefined;
  /** Resolves when a timer is set that is due within `ms` and was not there before. */
  armed(ms: number): Promise<void>;
}

export function manualClock(start = 1_700_000_000_000): ManualClock {
  let now = start;
  const timers = new Set<{ at: number; run: () => void }>();
  const watchers = new Set<() => void>();
  return {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      for (const watcher of watchers) watcher();
      return () => timers.delete(timer);
    },
    pass(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers.delete(due);
        now = due.at;
        due.run();
      }
      now = end;
    },
    get waiting() {
      return timers.size;
    },
    due: () => (timers.size === 0 ? undefined : Math.min(...[...timers].map(({ at }) => at - now))),
    armed(ms) {
      const due = () => [...timers].some(({ at }) => at <= now + ms);
      return new Promise((resolve) => {
        const look = () => {
          if (!due()) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      });
    },
  };
}
