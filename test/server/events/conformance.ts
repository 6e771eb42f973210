/**
 * What every event log must do (server/events/event-log.ts). Call {@link eventLogConformance} with a factory of fresh, empty logs.
 */
import { type Test, test } from 'tap';
import type { Cursor, EventLog, LoggedEvent } from '#server/events/event-log.ts';
import { logged } from './made-events.ts';

/** A fresh, empty log that keeps about `pages` pages of about ten events; `t.teardown` closes and removes it. */
export type OpenLog = (t: Test, pages: number) => Promise<EventLog>;

export async function readAll(
  log: EventLog,
  after?: Cursor,
): Promise<{ events: LoggedEvent[]; next: Cursor | undefined }> {
  const events: LoggedEvent[] = [];
  let next = after;
  for await (const run of log.read(after)) {
    events.push(...run.events);
    next = run.next;
  }
  return { events, next };
}

const timesOf = ({ events }: { events: LoggedEvent[] }) => events.map(({ at }) => at);
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);

export function eventLogConformance(what: string, open: OpenLog): void {
  test(`${what}: an empty log has nothing to read`, async (t) => {
    const log = await open(t, 10);
    t.same(await readAll(log), { events: [], next: undefined });
    await log.append([]);
    t.same((await readAll(log)).events, []);
  });

  test(`${what}: an event comes back as it was appended`, async (t) => {
    const log = await open(t, 10);
    const event = logged({
      at: 1_700_000_000_123,
      domain: 'github:1',
      reason: 'two lines\nand “ü” \u2028',
      name: '@scope/web',
    });
    await log.append([event]);
    t.same((await readAll(log)).events, [event]);
  });

  test(`${what}: events are read in the order of appending, whoever appends at once`, async (t) => {
    const log = await open(t, 100);
    for (const round of numbers(0, 10)) {
      const pairs = numbers(3 * round, 3 * round + 3);
      await Promise.all(pairs.map((n) => log.append([logged({ at: 2 * n }), logged({ at: 2 * n + 1 })])));
    }
    t.same(timesOf(await readAll(log)), numbers(0, 60));
    t.ok((await log.pages()).length > 1, 'over several pages');
  });

  test(`${what}: reading goes on behind a cursor`, async (t) => {
    const log = await open(t, 100);
    let cursor: Cursor | undefined;
    const seen: number[] = [];
    for (const n of numbers(0, 50)) {
      await log.append([logged({ at: n })]);
      if (n % 7 !== 0) continue;
      const read = await readAll(log, cursor);
      seen.push(...timesOf(read));
      cursor = read.next;
    }
    const rest = await readAll(log, cursor);
    t.same([...seen, ...timesOf(rest)], numbers(0, 50));
    t.same(await readAll(log, rest.next), { events: [], next: rest.next });
  });

  test(`${what}: events are read of the page that they belong to`, async (t) => {
    const log = await open(t, 100);
    for (const n of numbers(0, 40)) await log.append([logged({ at: n })]);
    const pages: string[] = [];
    for await (const { page } of log.read()) if (pages.at(-1) !== page) pages.push(page);
    t.same(pages, await log.pages());
  });

  test(`${what}: it is bounded: the oldest go, a page at a time`, async (t) => {
    const log = await open(t, 3);
    let cursor: Cursor | undefined;
    for (const n of numbers(0, 200)) {
      await log.append([logged({ at: n })]);
      if (n === 20) cursor = (await readAll(log)).next;
    }
    const times = timesOf(await readAll(log));
    t.ok(times.length < 80, `${times.length} are kept`);
    t.same(times, numbers(200 - times.length, 200), 'the newest');
    t.ok((await log.pages()).length <= 4);
    t.same(
      timesOf(await readAll(log, cursor)),
      times,
      'a cursor into a page that has gone goes on with the oldest',
    );
  });

  test(`${what}: reading while others append reads each event once`, async (t) => {
    const log = await open(t, 1000);
    const seen: number[] = [];
    let cursor: Cursor | undefined;
    const appending = (async () => {
      for (const n of numbers(0, 200)) await log.append([logged({ at: n })]);
    })();
    while (seen.length < 200) {
      const read = await readAll(log, cursor);
      seen.push(...timesOf(read));
      cursor = read.next;
    }
    await appending;
    t.same(seen, numbers(0, 200));
  });
}
