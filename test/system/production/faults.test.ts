/**
 * Replicas and workers on one bucket and one Redis while all of it fails in turn, and the sweeper runs all through
 * (hardening.md, "Faults"). CACHALOT_TEST_FAULT_SECONDS makes it longer, CACHALOT_TEST_SEED another.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import { seeded } from '../../../bench/random.ts';
import { ask } from '../../server/api/open-server.ts';
import { counts, type History, violations } from './history.ts';
import { type Installation, install } from './installation.ts';
import { type Random, Workload } from './workload.ts';

const SECONDS = Number(process.env.CACHALOT_TEST_FAULT_SECONDS ?? 40);
const SEED = Number(process.env.CACHALOT_TEST_SEED ?? 1);
const CLIENTS = 8;
/** The share of saves that take their time before they commit. */
const SLOW = 0.2;
/** So few that they are met again, so many that there are always new ones. */
const KEYS_A_SECOND = 4;
/** Days in seconds; each is longer than what it has to outlast (server/entries/lifetimes.ts). */
const LIFETIMES = { session: 6_000, grace: 14_000, hold: 1_500, known: 500, cycle: 2_000, use: 2_000 };

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
  const { history, calm, met } = await run(here, (milliseconds) =>
    disturb(here, seeded(SEED + 1), milliseconds),
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

/** Clients and sweeps for so long, with what happens meanwhile; then every key is restored in peace. */
async function run<T>(
  here: Installation,
  meanwhile: (milliseconds: number) => Promise<T>,
): Promise<{ history: History; calm: number; met: T }> {
  const begun = performance.now();
  const clock = () => Math.round(performance.now() - begun);
  const urls = () => here.replicas.map(({ url }) => url);
  const workload = new Workload({
    urls,
    random: seeded(SEED),
    clock,
    keys: SECONDS * KEYS_A_SECOND,
    slow: SLOW,
  });
  const stop = new AbortController();
  const clients = Array.from({ length: CLIENTS }, () => workload.client(stop.signal));
  const sweeper = sweepAllThrough(here, stop.signal);
  const met = await meanwhile(SECONDS * 1_000);
  stop.abort();
  await Promise.all([...clients, sweeper]);
  await settled(here);
  const calm = clock();
  await workload.restoreAll();
  return { history: workload.history, calm, met };
}

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

async function sweepAllThrough({ replicas, adminToken }: Installation, signal: AbortSignal): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}` };
  while (!signal.aborted) {
    for (const { url } of replicas)
      await ask(url, '/admin/jobs', {
        json: { job: 'sweep' },
        headers,
        signal: AbortSignal.timeout(3_000),
      }).catch(() => undefined);
    await sleep(500);
  }
}

/** Every replica is ready. Throws for one that has ended by itself. */
async function settled({ replicas }: Installation): Promise<void> {
  for (const { url, child, log } of replicas) {
    for (;;) {
      if (child.exitCode !== null) throw new Error(`a replica has ended by itself: ${log().slice(-2_000)}`);
      const answer = await ask(url, '//readyz', { signal: AbortSignal.timeout(3_000) }).catch(
        () => undefined,
      );
      if (answer?.json?.status === 'ready') break;
      await sleep(100);
    }
  }
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
