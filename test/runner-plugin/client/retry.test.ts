import { test } from 'tap';
import { fault } from '#protocol/wire/errors.ts';
import type { Clock } from '#runner-plugin/client/clock.ts';
import { Failure } from '#runner-plugin/client/failure.ts';
import { withRetries } from '#runner-plugin/client/retry.ts';

/** A clock whose pauses end at once and are written down. */
function eagerClock(): Clock & { pauses: number[] } {
  const pauses: number[] = [];
  return {
    pauses,
    now: () => 0,
    after(ms, run) {
      pauses.push(ms);
      queueMicrotask(run);
      return () => {};
    },
  };
}

const transient = (retryAfter = 0) =>
  new Failure(fault('SERVER_BUSY', { what: 'x' }), { transient: true, retryAfter });

test('what may succeed the next time is tried three times in all', async (t) => {
  const clock = eagerClock();
  let tried = 0;
  const { signal } = new AbortController();
  const failing = withRetries({ clock, random: () => 1 }, signal, async () => {
    tried++;
    throw transient();
  });
  t.match(await failing.catch((error: unknown) => error), { fault: { code: 'SERVER_BUSY' } });
  t.equal(tried, 3);
  t.same(clock.pauses, [200, 400]);
});

test('pauses are any part of their length, so that runners do not come back together', async (t) => {
  for (const part of [0, 0.25, 0.99]) {
    const clock = eagerClock();
    const once = [transient(), undefined];
    await withRetries({ clock, random: () => part }, new AbortController().signal, async () => {
      const error = once.shift();
      if (error !== undefined) throw error;
    });
    t.same(clock.pauses, [200 * part]);
  }
});

test('a pause that the server asks for is kept if it is short', async (t) => {
  const clock = eagerClock();
  const errors = [transient(1_000), transient(3_000)];
  await t.rejects(
    withRetries({ clock, random: () => 0 }, new AbortController().signal, async () => {
      throw errors.shift();
    }),
  );
  t.same(clock.pauses, [1_000], 'and the second, of 3 s, is not waited for');
});

test('what is final, or is no failure of the wire, is thrown at once', async (t) => {
  for (const error of [new Failure(fault('ENTRY_EXISTS', { key: 'k' })), new TypeError('a mistake')]) {
    const clock = eagerClock();
    await t.rejects(
      withRetries({ clock, random: () => 1 }, new AbortController().signal, () => Promise.reject(error)),
      error,
    );
    t.same(clock.pauses, []);
  }
});

test('a pause ends when the caller gives up', async (t) => {
  const stop = new AbortController();
  const clock: Clock = { now: () => 0, after: () => () => {} };
  const trying = withRetries({ clock, random: () => 1 }, stop.signal, () => Promise.reject(transient()));
  setImmediate(() => stop.abort(new Error('enough')));
  await t.rejects(trying, { message: 'enough' });
});
