import { execFileSync, fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { loadSqlite } from '#protocol/sqlite-module.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { EntryIndex } from '#server/index/entry-index.ts';
import { openSqliteIndex, type SqliteIndexOptions } from '#server/index/sqlite.ts';
import { smallDisk } from '../store/small-disk.ts';
import { indexConformance } from './conformance.ts';
import { entryRow, segmentRow } from './index-rows.ts';

function open(t: Test, file: string, options: SqliteIndexOptions = {}): EntryIndex {
  const index = openSqliteIndex(file, { boot: 'this start', ...options });
  t.teardown(() => index.close());
  return index;
}

indexConformance('SQLite in a file', async (t) => open(t, join(t.testdir(), 'index.db')));
indexConformance('SQLite in memory', async (t) => open(t, ':memory:'));

async function fill(index: EntryIndex): Promise<void> {
  await index.put(entryRow({ id: 'a' }));
  await index.putSegments('local', [segmentRow(1)]);
  await index.beginEpoch('complete');
  await index.setEpoch('complete');
}

async function stateOf(
  index: EntryIndex,
): Promise<{ row: boolean; segment: boolean; epoch: string | undefined }> {
  return {
    row: (await index.byId('local', 'a')) !== undefined,
    segment: (await index.segments('local', [segmentRow(1).identity])).size === 1,
    epoch: await index.epoch(),
  };
}

const EVERYTHING = { row: true, segment: true, epoch: 'complete' };
const NOTHING = { row: false, segment: false, epoch: undefined };

test('what a closed index knew is known when it is opened again, on any start of the machine', async (t) => {
  const file = join(t.testdir(), 'index.db');
  for (const boot of ['one', 'one', 'two', undefined]) {
    const index = open(t, file, { boot });
    if (boot === 'one') await fill(index);
    t.same(await stateOf(index), EVERYTHING);
    await index.close();
    await index.close();
  }
  t.same(readdirSync(join(file, '..')), ['index.db'], 'and nothing lies beside it');
});

/** A process that fills the index in `file` and is killed with -9. */
async function fillAndDie(file: string): Promise<void> {
  const child = fork(fileURLToPath(new URL('./dying-index.ts', import.meta.url)), [file], { execArgv: [] });
  const signal = await new Promise((resolve) => child.once('exit', (_, by) => resolve(by)));
  if (signal !== 'SIGKILL') throw new Error(`it ended by ${signal}`);
}

test('fault "kill -9": the rows stay; a miss is a miss only after a reindex, for one row may never have been written', async (t) => {
  const file = join(t.testdir(), 'index.db');
  await fillAndDie(file);
  const index = open(t, file);
  t.same(await stateOf(index), { ...EVERYTHING, epoch: undefined });
  await index.beginEpoch('again');
  await index.setEpoch('again');
  await index.close();
  t.equal(await open(t, file).epoch(), 'again');
});

test('fault "power cut": the index begins empty, because nothing in it waited for the disk', async (t) => {
  for (const boot of ['the next start', undefined]) {
    const file = join(t.testdir(), 'index.db');
    await fillAndDie(file);
    t.same(await stateOf(open(t, file, { boot })), NOTHING);
  }
});

test('a file that is no database is set aside', async (t) => {
  const file = join(t.testdir(), 'index.db');
  writeFileSync(file, 'by no means a database '.repeat(1000));
  const said: string[] = [];
  const index = open(t, file, { onSetAside: (why) => said.push(why) });
  t.same(await stateOf(index), NOTHING);
  await fill(index);
  t.same(await stateOf(index), EVERYTHING);
  t.equal(said.length, 1);
  t.match(readFileSync(`${file}.damaged`, 'utf8'), /^by no means/);
});

test('a damaged file is set aside where the damage is met, and the question is answered', async (t) => {
  const file = join(t.testdir(), 'index.db');
  const before = open(t, file);
  await before.putSegments(
    'local',
    Array.from({ length: 5000 }, (_, n) => segmentRow(n)),
  );
  await fill(before);
  await before.close();
  const bytes = readFileSync(file);
  // The first page says what tables there are; every other one is overwritten.
  bytes.fill(0xa5, 4096);
  writeFileSync(file, bytes);
  const said: string[] = [];
  const index = open(t, file, { onSetAside: (why) => said.push(why) });
  t.same(await stateOf(index), NOTHING);
  await fill(index);
  t.same(await stateOf(index), EVERYTHING);
  t.equal(said.length, 1);
  t.equal(statSync(`${file}.damaged`).size, bytes.length);
});

test('damage in the middle of a batch: the batch is in the new file, whole', async (t) => {
  const file = join(t.testdir(), 'index.db');
  const before = open(t, file);
  const rows = Array.from({ length: 5000 }, (_, n) => segmentRow(n));
  await before.putSegments('local', rows);
  await before.close();
  const bytes = readFileSync(file);
  bytes.fill(0xa5, bytes.length - 200_000);
  writeFileSync(file, bytes);
  const index = open(t, file);
  const anew = rows.filter((_, n) => n % 6 === 0).map((row) => ({ ...row, length: 7 }));
  await index.putSegments('local', anew);
  t.equal(
    (
      await index.segments(
        'local',
        rows.map(({ identity }) => identity),
      )
    ).size,
    anew.length,
  );
});

test("another version's file is replaced", async (t) => {
  const file = join(t.testdir(), 'index.db');
  const other = new (loadSqlite().DatabaseSync)(file);
  other.exec('CREATE TABLE entries (something TEXT); PRAGMA user_version = 99');
  other.close();
  const index = open(t, file);
  await fill(index);
  t.same(await stateOf(index), EVERYTHING);
  t.notOk(existsSync(`${file}.damaged`), 'nothing was wrong with it');
});

test('nobody else may read the file', (t) => {
  const file = join(t.testdir(), 'index.db');
  writeFileSync(file, '', { mode: 0o644 });
  open(t, file);
  for (const name of readdirSync(join(file, '..')))
    t.equal(statSync(join(file, '..', name)).mode & 0o777, 0o600, name);
  t.end();
});

test('a second process on one file is told so', (t) => {
  const file = join(t.testdir(), 'index.db');
  open(t, file);
  const code = `
    import { openSqliteIndex } from '#server/index/sqlite.ts';
    try { openSqliteIndex(${JSON.stringify(file)}) } catch (error) { console.log(error.code, error.message) }
  `;
  const project = fileURLToPath(new URL('../../..', import.meta.url));
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: project,
    encoding: 'utf8',
  });
  t.match(said, /^INDEX_FAILED .*another process uses it/);
  t.end();
});

test('a file that cannot be made is a clear error', (t) => {
  const outcome = (() => {
    try {
      return openSqliteIndex(join(t.testdir(), 'no folder', 'index.db'));
    } catch (error) {
      return error;
    }
  })();
  t.ok(isFault(outcome, 'INDEX_FAILED'));
  t.end();
});

test('fault "disk full": STORE_FULL, and what was there is still found', async (t) => {
  const folder = smallDisk(t, 1024);
  if (folder === undefined) return;
  const index = openSqliteIndex(join(folder, 'index.db'), { boot: 'this start' });
  await fill(index);
  const rows = Array.from({ length: 10_000 }, (_, n) => segmentRow(n + 10));
  const outcome = await index.putSegments('local', rows).catch((error: unknown) => error);
  t.ok(isFault(outcome, 'STORE_FULL'), String(outcome));
  t.same(await stateOf(index), EVERYTHING);
  await index.close().catch(() => undefined);
});

test('a piece of work as large as an entry may be does not hold the event loop', async (t) => {
  const index = open(t, ':memory:');
  const rows = Array.from({ length: 20_000 }, (_, n) => segmentRow(n));
  let turns = 0;
  let working = true;
  const others = (async () => {
    while (working) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
  })();
  await index.putSegments('local', rows);
  await index.segments(
    'local',
    rows.map(({ identity }) => identity),
  );
  working = false;
  await others;
  t.ok(turns >= 30, `others had ${turns} turns`);
});
