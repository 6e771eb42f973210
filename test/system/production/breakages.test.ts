/**
 * The checker is tested: where one part of the servers does less than it promises, the same workload shows it (breakages.ts). That it shows
 * nothing where all do is what faults.test.ts says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import { BREAKAGE_VARIABLE, type Breakage } from './breakages.ts';
import { counts, type Violation, violations } from './history.ts';
import { install } from './installation.ts';
import { LIFETIMES, run } from './run.ts';

/** At most; it ends when something was seen. */
const SECONDS = 20;

/** What each is seen by: any of these. */
const SEEN: Record<Breakage, Violation['kind'][]> = {
  'verification-skipped': ['foreign'],
  // A key whose entry has gone may hold another one by then.
  'commit-before-segments': ['lost', 'hole', 'changed'],
  'sweep-without-grace': ['lost', 'hole', 'changed'],
  'wrong-scope': ['foreign', 'hole'],
  'stale-layout': ['foreign'],
};

for (const [breakage, kinds] of Object.entries(SEEN)) {
  test(`${breakage}: the checker finds it`, async (t) => {
    const here = await install(t, {
      replicas: 2,
      workers: 0,
      lifetimes: LIFETIMES,
      env: { [BREAKAGE_VARIABLE]: breakage },
    });
    if (here === undefined) return;
    const { history, calm } = await run(here, { seed: 1, seconds: 5, harmed: 0.15 }, async (soFar) => {
      const end = performance.now() + SECONDS * 1_000;
      while (performance.now() < end && violations(soFar, Number.POSITIVE_INFINITY).length === 0)
        await sleep(100);
    });
    const found = violations(history, calm);
    t.comment(JSON.stringify(counts(history)), found.slice(0, 3));
    t.ok(
      found.some(({ kind }) => kinds.includes(kind)),
      kinds.join(' or '),
    );
  });
}
