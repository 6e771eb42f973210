/** Doing a thing again that the SDK does not: a body that broke off, a write that met another one. */
import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_WAIT_MS = 50;
const MOST_WAIT_MS = 2_000;

export interface Retries {
  /** How often it is done at most. */
  attempts: number;
  /** From 0 to 1: waits are spread, or all who failed together would come again together. */
  random: () => number;
}

/** The result of `work`, or its error when it is another than `again` accepts, or the last. */
export async function withRetries<T>(
  { attempts, random }: Retries,
  again: (error: unknown) => boolean,
  work: () => Promise<T>,
): Promise<T> {
  for (let done = 1; ; done++) {
    try {
      return await work();
    } catch (error) {
      if (done >= attempts || !again(error)) throw error;
    }
    await waitByLot({ attempts, random }, done);
  }
}

/** After it has been `done` so often. */
export async function waitByLot({ random }: Retries, done: number): Promise<void> {
  await sleep(random() * Math.min(FIRST_WAIT_MS * 2 ** done, MOST_WAIT_MS));
}
