/**
 * Replicas and workers on one bucket and one Redis while all of it fails in turn, and the sweeper runs all through
 * (hardening.md, "Faults"). CACHALOT_TEST_FAULT_SECONDS makes it longer, CACHALOT_TEST_SEED another.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import { seeded } from '../../../bench/random.ts';
import { counts, violations } from './history.ts';
import { type Installation, install } from './installation.ts';
import { LIFETIMES, run } from './run.ts';
import type { Random } from './workload.ts';

const SECONDS = Number(process.env.CACHALOT_TEST_FAULT_SECONDS ?? 40);
const SEED = Number(process.env.CACHALOT_TEST_SEED ?? 1);

type Fault = (here: Installation, random: Random) => Promise<unknown>;

/** Each ends with everything as it was. */
const FAULTS: Record<string, Fault> = {
  'a replica is killed': ({ replicas, replace }, random) => replace(replicas, pick(replicas, random)),
  'a worker is killed': ({ workers, replace }, random) => replace(workers, pick(workers, random)),
  'Redis is flushed': ({ redis }) => redis.command('FLUSHALL'),
  async 'Redis is away'({ redis }) {
    await redis.stop();
    await sleep(1_500);
    await redis.start();
  },
  async 'Redis stands still'({ redis }) {
    redis.freeze();
    await sleep(1_500);
    redis.thaw();
  },
  async 'the bucket is slow'({ network }) {
    network.set({ delay: 200 });
    await sleep(2_000);
    network.set({});
  },
  async 'the bucket stalls'({ network }) {
    network.set({ swallowAfter: 0 });
    await sleep(2_500);
    network.set({});
    // What was swallowed never comes.
    network.cut();
  },
  async 'the bucket is cut off'({ network }) {
    network.set({ cutAfter: 10_000 });
    await sleep(1_000);
    network.set({});
  },
  async 'the bucket is away'({ network }) {
    network.set({ refuse: true });
    network.cut();
    await sleep(1_500);
    network.set({});
  },
};

test('nothing is lost and nothing is wrong, whatever fails', async (t) => {
  const here = await install(t, { replicas: 3, workers: 2, lifetimes: LIFETIMES });
  if (here === undefined) return;
  const { history, calm, met } = await run(here, { seed: SEED, seconds: SECONDS }, () =>
    disturb(here, seeded(SEED + 1), SECONDS * 1_000),
  );
  const swept = here.workers.map(({ log }) => log()).join('');
  t.comment(`seed ${SEED}, ${SECONDS} s: ${JSON.stringify(counts(history))}`);
  t.comment(
    `faults: ${JSON.stringify(met)}; sweeps: ${swept.match(/deleted what nobody needs/g)?.length ?? 0}`,
  );
  t.strictSame(violations(history, calm), [], `no violation in ${history.length} operations`);
  const done = counts(history);
  t.ok((done['restore hit'] ?? 0) > 20 && (done['save committed'] ?? 0) > 10, 'something was done');
});

/** One fault after another; how often each. */
async function disturb(
  here: Installation,
  random: Random,
  milliseconds: number,
): Promise<Record<string, number>> {
  const end = performance.now() + milliseconds;
  const met: Record<string, number> = {};
  while (performance.now() < end) {
    // In another order each time round, so that each comes.
    for (const [name, fault] of shuffled(Object.entries(FAULTS), random)) {
      await sleep(500 + random() * 1_500);
      if (performance.now() >= end) break;
      met[name] = (met[name] ?? 0) + 1;
      await fault(here, random);
    }
  }
  return met;
}

function shuffled<T>(all: readonly T[], random: Random): T[] {
  return all
    .map((one) => ({ one, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ one }) => one);
}

function pick(all: readonly unknown[], random: Random): number {
  return Math.floor(random() * all.length);
}
