import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import type { EventLog } from '#server/events/event-log.ts';
import { type FileLogOptions, openFileLog } from '#server/events/file-log.ts';
import { smallDisk } from '../store/small-disk.ts';
import { eventLogConformance, readAll } from './conformance.ts';
import { logged } from './made-events.ts';

const LINE_BYTES = JSON.stringify(logged({ at: 100 })).length + 1;

async function open(t: Test, folder: string, options: FileLogOptions = {}): Promise<EventLog> {
  const log = await openFileLog(folder, options);
  t.teardown(() => log.close());
  return log;
}

eventLogConformance('in files', (t, pages) =>
  open(t, join(t.testdir(), 'events'), { pageBytes: 10 * LINE_BYTES, totalBytes: pages * 10 * LINE_BYTES }),
);

async function timesIn(log: EventLog): Promise<number[]> {
  return (await readAll(log)).events.map(({ at }) => at);
}

test('the log goes on after a restart', async (t) => {
  const folder = t.testdir();
  const first = await openFileLog(folder);
  await first.append([logged({ at: 1 })]);
  await first.close();
  const again = await open(t, folder);
  await again.append([logged({ at: 2 })]);
  t.same(await timesIn(again), [1, 2]);
  t.same(readdirSync(folder), ['000000000001.jsonl']);
  t.equal(statSync(join(folder, '000000000001.jsonl')).mode & 0o777, 0o600);
});

test('fault "kill -9" midway: a torn last line is not read, and the next line begins anew', async (t) => {
  const whole = `${JSON.stringify(logged({ at: 1 }))}\n`;
  for (let kept = 1; kept < LINE_BYTES; kept += 17) {
    const folder = t.testdir({
      '000000000001.jsonl': whole + JSON.stringify(logged({ at: 2 })).slice(0, kept),
    });
    const log = await openFileLog(folder);
    t.same(await timesIn(log), [1]);
    const { next } = await readAll(log);
    await log.append([logged({ at: 3 })]);
    t.same(await timesIn(log), [1, 3]);
    t.same((await readAll(log, next)).events, [logged({ at: 3 })], 'by whoever had read up to it');
    await log.close();
  }
});

test('lines that are no events of this version are left out', async (t) => {
  const folder = t.testdir();
  const log = await open(t, folder);
  await log.append([logged({ at: 1 })]);
  const unknown = [
    '',
    'null',
    '[]',
    '{}',
    '{"at":1}',
    JSON.stringify({ ...logged({}), event: { command: 'fly' } }),
    '\u0000\u0000',
  ];
  appendFileSync(join(folder, '000000000001.jsonl'), unknown.map((line) => `${line}\n`).join(''));
  await log.append([logged({ at: 2 })]);
  t.same(await timesIn(log), [1, 2]);
});

test('files of others in the folder are left alone', async (t) => {
  const folder = t.testdir({ 'notes.jsonl': 'x', '000000000001.jsonl.old': 'y' });
  const log = await open(t, folder, { pageBytes: 1, totalBytes: 1 });
  for (const at of [1, 2, 3]) await log.append([logged({ at })]);
  t.same(await timesIn(log), [3]);
  t.equal(readFileSync(join(folder, 'notes.jsonl'), 'utf8'), 'x');
});

test('lines longer than what is read at once come whole', async (t) => {
  const log = await open(t, t.testdir());
  const events = Array.from({ length: 300 }, (_, at) =>
    logged({ at, key: 'k'.repeat(2000), reason: 'é'.repeat(1999) }),
  );
  await log.append(events);
  t.same((await readAll(log)).events, events);
});

test('fault "disk full": STORE_FULL; what was there is read, and the log goes on when there is room', async (t) => {
  const folder = smallDisk(t, 64);
  if (folder === undefined) return;
  const log = await openFileLog(folder);
  await log.append([logged({ at: 1 })]);
  writeFileSync(join(folder, 'filler'), Buffer.alloc(48 * 1024));
  const many = Array.from({ length: 100 }, () => logged({ at: 2 }));
  const outcomes = await Promise.allSettled([log.append(many), log.append(many)]);
  for (const outcome of outcomes)
    t.ok(outcome.status === 'rejected' && isFault(outcome.reason, 'STORE_FULL'));
  truncateSync(join(folder, 'filler'));
  await log.append([logged({ at: 3 })]);
  const times = await timesIn(log);
  t.same([times[0], times.at(-1)], [1, 3]);
  t.same(new Set(times.slice(1, -1)), new Set([2]), 'and of what was torn, whole events at most');
  await log.close();
});
