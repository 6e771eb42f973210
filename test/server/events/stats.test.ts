import { join } from 'node:path';
import { test } from 'tap';
import { Value } from 'typebox/value';
import { type Stats, StatsSchema } from '#protocol/wire/routes.ts';
import type { EventLog } from '#server/events/event-log.ts';
import { openFileLog } from '#server/events/file-log.ts';
import { createStats } from '#server/events/stats.ts';
import { logged } from './made-events.ts';

const totals = async () => ({ entries: 7, storedBytes: 1234 });
const seconds = (given: { command?: number; saved?: number }) => ({
  lookup: 0,
  restore: 0,
  command: 0,
  save: 0,
  saved: 0,
  ...given,
});

test('without events the figures are those of what is stored', async (t) => {
  const log = await openFileLog(t.testdir());
  t.teardown(() => log.close());
  t.same(await createStats({ log, totals }).of('local', 'local'), {
    runs: 0,
    hits: { exact: 0, near: 0, none: 0 },
    hitRate: 0,
    skipped: 0,
    verified: { right: 0, wrong: 0 },
    bytes: { down: 0, up: 0, reused: 0 },
    secondsSaved: 0,
    entries: 7,
    storedBytes: 1234,
    kinds: [],
    costliestMisses: [],
  });
});

test('hit rate, bytes moved and saved, seconds saved, and the costliest misses with their reasons', async (t) => {
  const log = await openFileLog(t.testdir());
  t.teardown(() => log.close());
  const reason = 'the lockfile changed: 3 packages';
  await log.append([
    logged({
      at: 2000,
      hit: 'exact',
      skipped: true,
      bytes: { down: 10, up: 0, reused: 90 },
      seconds: seconds({ saved: 30.25 }),
    }),
    logged({
      at: 1000,
      hit: 'none',
      name: 'web',
      reason,
      bytes: { down: 0, up: 50, reused: 0 },
      seconds: seconds({ command: 40 }),
    }),
    logged({ at: 3000, hit: 'none', name: 'web', reason, seconds: seconds({ command: 2 }) }),
    logged({
      at: 4000,
      command: 'restore',
      kind: 'generic',
      hit: 'near',
      reason: 'the key has gone',
      seconds: seconds({ command: 41 }),
    }),
    logged({ at: 5000, command: 'save', kind: 'generic', hit: 'none', bytes: { down: 0, up: 7, reused: 3 } }),
    logged({ at: 500, domain: 'other', hit: 'exact', seconds: seconds({ saved: 1000 }) }),
  ]);
  const stats = await createStats({ log, totals }).of('local', 'local');
  t.same(stats, {
    since: '1970-01-01T00:00:01.000Z',
    runs: 4,
    hits: { exact: 1, near: 1, none: 2 },
    hitRate: 0.25,
    skipped: 1,
    verified: { right: 0, wrong: 0 },
    bytes: { down: 10, up: 57, reused: 93 },
    secondsSaved: 30.25,
    entries: 7,
    storedBytes: 1234,
    kinds: [
      { kind: 'npm', runs: 3, exact: 1, near: 0, none: 2, secondsSaved: 30.25 },
      { kind: 'generic', runs: 1, exact: 0, near: 1, none: 0, secondsSaved: 0 },
    ],
    costliestMisses: [
      { kind: 'npm', name: 'web', reason, count: 2, seconds: 42 },
      { kind: 'generic', name: '_', reason: 'the key has gone', count: 1, seconds: 41 },
    ],
  });
  t.ok(Value.Check(StatsSchema, stats), 'in the form that goes over the wire');
});

/** The log, and how many events were read of it. */
function counting(log: EventLog): { log: EventLog; read: () => number } {
  let count = 0;
  const read: EventLog['read'] = async function* (after) {
    for await (const run of log.read(after)) {
      count += run.events.length;
      yield run;
    }
  };
  return {
    log: { append: (events) => log.append(events), read, pages: () => log.pages(), close: () => log.close() },
    read: () => count,
  };
}

test('a project hears of its own, whatever else is in its domain', async (t) => {
  const log = await openFileLog(t.testdir());
  t.teardown(() => log.close());
  await log.append([logged({}), logged({ project: 'shop' }), logged({ domain: 'other', project: 'shop' })]);
  const stats = createStats({ log, totals });
  for (const [domain, project, runs] of [
    ['local', 'local', 1],
    ['local', 'shop', 1],
    ['other', 'shop', 1],
    ['other', 'local', 0],
  ] as const)
    t.equal((await stats.of(domain, project)).runs, runs, `${domain} ${project}`);
});

test('each event is read once, however often and by how many at once figures are asked for', async (t) => {
  const file = await openFileLog(t.testdir());
  t.teardown(() => file.close());
  const { log, read } = counting(file);
  const stats = createStats({ log, totals });
  for (let n = 1; n <= 20; n += 1) {
    await log.append([logged({ at: n })]);
    const answers = await Promise.all([
      stats.of('local', 'local'),
      stats.of('local', 'local'),
      stats.of('other', 'local'),
    ]);
    t.same(
      answers.map(({ runs }) => runs),
      [n, n, 0],
    );
  }
  t.equal(read(), 20);
});

test('figures are what the log holds: the same before and after a restart, also when old pages have gone', async (t) => {
  const folder = join(t.testdir(), 'events');
  const log = await openFileLog(folder, { pageBytes: 2_000, totalBytes: 8_000 });
  const running = createStats({ log, totals });
  let before: Stats | undefined;
  for (let n = 0; n < 200; n += 1) {
    await log.append([
      logged({
        at: n,
        hit: n % 3 === 0 ? 'none' : 'exact',
        reason: `reason ${n % 5}`,
        seconds: seconds({ command: n, saved: 0.5 }),
      }),
    ]);
    if (n % 10 === 0) before = await running.of('local', 'local');
  }
  before = await running.of('local', 'local');
  await log.close();
  const reopened = await openFileLog(folder);
  t.teardown(() => reopened.close());
  t.same(await createStats({ log: reopened, totals }).of('local', 'local'), before);
  t.ok(before.runs > 10 && before.runs < 100, 'and old ones have gone');
});

test('a log that fails once is read on where it was', async (t) => {
  const file = await openFileLog(t.testdir());
  t.teardown(() => file.close());
  let fails = false;
  const log: EventLog = {
    ...counting(file).log,
    read: async function* (after) {
      for await (const run of file.read(after)) {
        if (fails) throw new Error('midway');
        yield run;
      }
    },
  };
  const stats = createStats({ log, totals });
  await log.append([logged({ at: 1 })]);
  await stats.of('local', 'local');
  await log.append([logged({ at: 2 })]);
  fails = true;
  await t.rejects(stats.of('local', 'local'), { message: 'midway' });
  fails = false;
  t.equal((await stats.of('local', 'local')).runs, 2);
});
