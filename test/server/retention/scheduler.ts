/**
 * A scheduler with a seed: who wants to call the store waits for his turn, and one of those who wait goes at a time. So one seed
 * is one order of everything, and the same order again.
 */

/** A generator of numbers from 0 to 1 (mulberry32), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Waiting {
  who: string;
  what: string;
  process: Process;
  isReady: () => boolean;
  go: () => void;
}

/** A server process: what it holds in memory, and whether it still runs. */
export class Process {
  readonly name: string;
  isDead = false;
  /** Rejects when it dies. */
  readonly death: Promise<never>;
  #die: (why: Error) => void = () => {};

  constructor(name: string) {
    this.name = name;
    this.death = new Promise((_, reject) => {
      this.#die = reject;
    });
    this.death.catch(() => undefined);
  }

  die(): void {
    this.isDead = true;
    this.#die(new ProcessDiedError(this.name));
  }
}

export class ProcessDiedError extends Error {}

export class Scheduler {
  readonly random: () => number;
  readonly trace: string[] = [];
  #waiting: Waiting[] = [];
  #running = 0;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  get running(): number {
    return this.#running;
  }

  note(line: string): void {
    this.trace.push(line);
  }

  /** Waits for a turn once it is ready; for ever where the process has died. */
  async turn(process: Process, what: string, isReady: () => boolean = () => true): Promise<void> {
    await new Promise<void>((go) => {
      if (!process.isDead) this.#waiting.push({ who: process.name, what, process, isReady, go });
    });
  }

  /** Begins something that takes turns; its end is awaited by nobody but the scheduler. */
  start(process: Process, what: string, work: () => Promise<string>): void {
    this.note(`${process.name} begins: ${what}`);
    this.#running += 1;
    Promise.race([work(), process.death])
      .then(
        (outcome) => this.note(`${process.name} ends: ${what}: ${outcome}`),
        (error: unknown) => {
          if (error instanceof ProcessDiedError) this.note(`${what} died with ${process.name}`);
          else throw error;
        },
      )
      .catch((error: unknown) => {
        this.#failure ??= error as Error;
      })
      .finally(() => {
        this.#running -= 1;
      });
  }

  #failure: Error | undefined;

  /** Lets everything go on that needs no turn, and then one of those who wait. False where nobody does. Throws what work threw. */
  async step(): Promise<boolean> {
    await settled();
    if (this.#failure !== undefined) throw this.#failure;
    this.#waiting = this.#waiting.filter(({ process }) => !process.isDead);
    const ready = this.#waiting.filter(({ isReady }) => isReady());
    if (ready.length === 0) return false;
    const next = this.pick(ready);
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.note(`  ${next.who}: ${next.what}`);
    next.go();
    await settled();
    if (this.#failure !== undefined) throw this.#failure;
    return true;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)] as T;
  }

  /** True in this share of cases. */
  chance(share: number): boolean {
    return this.random() < share;
  }
}

// All that is pending without a turn is promises, streams of what is in memory, and what those put off by a tick.
async function settled(): Promise<void> {
  for (let ticks = 0; ticks < 3; ticks++) await new Promise((resolve) => setImmediate(resolve));
}
