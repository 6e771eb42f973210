import { execFileSync, fork } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { openFileSystemStore } from '#server/store/file-system.ts';
import type { ObjectStore } from '#server/store/object-store.ts';
import { namesOf, storeConformance, textOf } from './conformance.ts';
import { smallDisk } from './small-disk.ts';

const noLinks = async () => {
  throw Object.assign(new Error('not permitted'), { code: 'EPERM', syscall: 'link' });
};

storeConformance('a folder', (t) => openFileSystemStore(join(t.testdir(), 'store')));
storeConformance('a folder without hard links', (t) =>
  openFileSystemStore(join(t.testdir(), 'store'), { link: noLinks }),
);

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error);
}

function temporariesIn(folder: string): string[] {
  return readdirSync(join(folder, 'tmp')).filter((name) => name.includes('@'));
}

test('objects are files that a person can read and nobody else may', async (t) => {
  const folder = join(t.testdir(), 'data', 'store');
  const store = await openFileSystemStore(folder);
  await store.put('entries/local/x.json', Buffer.from('{}'), { durable: true });
  const modes = ['', 'entries', 'entries/local', 'entries/local/x.json', 'tmp'].map(
    (name) => statSync(join(folder, name)).mode & 0o777,
  );
  t.same(modes, [0o700, 0o700, 0o700, 0o600, 0o700]);
  t.equal(store.atomicCreate, true);
  t.same(temporariesIn(folder), []);
});

test('writing leaves nothing but the object, whether it won its name or not', async (t) => {
  for (const options of [{}, { link: noLinks }]) {
    const folder = t.testdir();
    const store = await openFileSystemStore(folder, options);
    await Promise.all([1, 2, 3].map(() => store.put('a/b', Buffer.from(''), { ifAbsent: true })));
    await store.put('a/b', Buffer.from(''), { ifAbsent: true });
    await store.put('a/b', Buffer.from(''), { durable: true });
    t.same(temporariesIn(folder), []);
    t.same(await namesOf(store), ['a/b']);
  }
});

test('what was stored is there when the folder is opened again', async (t) => {
  const folder = t.testdir();
  await (await openFileSystemStore(folder)).put('a/b', Buffer.from('bytes'));
  t.equal(await textOf(await openFileSystemStore(folder), 'a/b'), 'bytes');
});

test('every overwrite is another version, with the same bytes too', async (t) => {
  const store = await openFileSystemStore(t.testdir());
  const versions = new Set<string>();
  for (let n = 0; n < 50; n += 1) {
    const put = await store.put('a/b', Buffer.from('always the same'));
    if (put !== 'exists') versions.add(put.etag);
  }
  t.equal(versions.size, 50);
});

test('a stream that cannot be stored leaves no temporary file', async (t) => {
  const folder = t.testdir();
  const store = await openFileSystemStore(folder);
  async function* source() {
    yield Buffer.from('half of it');
    throw new Error('the client has gone');
  }
  await t.rejects(store.putStream('a/b', source()), { message: 'the client has gone' });
  t.same(temporariesIn(folder), []);
});

test('save sessions leave no empty folders', async (t) => {
  const folder = t.testdir();
  const store = await openFileSystemStore(folder);
  await store.put('uploads/one/0.refs', Buffer.from(''));
  await store.put('uploads/two/0.refs', Buffer.from(''));
  await store.delete('uploads/one/0.refs');
  t.same(readdirSync(join(folder, 'uploads')), ['two']);
  await store.delete('uploads/two/0.refs');
  t.notOk(existsSync(join(folder, 'uploads')));
  t.ok(existsSync(folder));
});

test('files that are not objects are not listed', async (t) => {
  const folder = t.testdir();
  const store = await openFileSystemStore(folder);
  await store.put('a/b', Buffer.from(''));
  writeFileSync(join(folder, 'a', 'with space'), '');
  writeFileSync(join(folder, 'tmp', 'x'), '');
  symlinkSync('b', join(folder, 'a', 'link'));
  t.same(await namesOf(store), ['a/b']);
});

test('an object cannot stand below another one: an error, not a missing folder', async (t) => {
  const store = await openFileSystemStore(t.testdir());
  await store.put('a', Buffer.from(''));
  t.ok(isFault(await outcomeOf(store.put('a/b', Buffer.from(''))), 'STORE_FAILED'));
  t.ok(isFault(await outcomeOf(store.put('a/b', Buffer.from(''), { ifAbsent: true })), 'STORE_FAILED'));
  t.same(await namesOf(store), ['a']);
});

test('an error of the system is never read as missing', async (t) => {
  const folder = t.testdir();
  const store = await openFileSystemStore(folder);
  mkdirSync(join(folder, 'a'));
  symlinkSync('b', join(folder, 'a', 'b'));
  for (const call of [() => store.head('a/b'), () => store.get('a/b'), () => store.read('a/b', 0, 1)]) {
    const outcome = await outcomeOf(call());
    t.ok(isFault(outcome, 'STORE_FAILED'));
    t.match((outcome as Error).message, /answered ELOOP/);
  }
});

test('a store whose volume has gone has failed, and has not lost its objects', async (t) => {
  const top = t.testdir();
  const folder = join(top, 'store');
  const store = await openFileSystemStore(folder);
  await store.put('a/b', Buffer.from(''));
  renameSync(folder, join(top, 'elsewhere'));
  mkdirSync(folder);
  const calls = [
    () => store.head('a/b'),
    () => store.get('a/b'),
    () => store.read('a/b', 0, 1),
    () => store.put('a/b', Buffer.from('')),
    () => store.delete('a/b'),
    () => namesOf(store),
  ];
  for (const call of calls) t.ok(isFault(await outcomeOf(call()), 'STORE_FAILED'), call.toString());
  t.same(readdirSync(folder), []);
});

test('a folder that cannot be made is a clear error', async (t) => {
  const folder = t.testdir({ file: '' });
  const outcome = await outcomeOf(openFileSystemStore(join(folder, 'file', 'store')));
  t.ok(isFault(outcome, 'STORE_FAILED'));
  t.match((outcome as Error).message, /mkdir answered ENOTDIR/);
});

test('fault "disk full": STORE_FULL, nothing is left, and room that is made is used', async (t) => {
  const folder = smallDisk(t, 1024);
  if (folder === undefined) return;
  const store = await openFileSystemStore(folder);
  await store.put('a/kept', Buffer.alloc(400_000, 1));
  for (const options of [{}, { ifAbsent: true }, { durable: true }]) {
    t.ok(isFault(await outcomeOf(store.put('b/large', Buffer.alloc(900_000), options)), 'STORE_FULL'));
    t.same(await namesOf(store), ['a/kept']);
    t.same(temporariesIn(folder), []);
  }
  t.ok(isFault(await outcomeOf(store.put('a/kept', Buffer.alloc(900_000))), 'STORE_FULL'));
  const kept = await store.get('a/kept');
  t.equal(
    kept !== undefined && kept !== 'changed' && kept.bytes.length,
    400_000,
    'what should be replaced stays',
  );
  const pieces = async function* () {
    for (let n = 0; n < 9; n += 1) yield Buffer.alloc(100_000);
  };
  t.ok(isFault(await outcomeOf(store.putStream('b/large', pieces())), 'STORE_FULL'));
  t.same(temporariesIn(folder), []);
  await store.delete('a/kept');
  t.not(await store.put('b/large', Buffer.alloc(900_000)), 'exists');
});

test('fault "disk full": a store on a full disk opens and answers', async (t) => {
  const folder = smallDisk(t, 1024);
  if (folder === undefined) return;
  await (await openFileSystemStore(folder)).put('a/kept', Buffer.from('bytes'));
  execFileSync('sh', ['-c', 'cat /dev/zero > filler 2>/dev/null || true'], { cwd: folder });
  const store = await openFileSystemStore(folder);
  t.equal(await textOf(store, 'a/kept'), 'bytes');
  t.ok(isFault(await outcomeOf(store.put('a/more', Buffer.alloc(10_000))), 'STORE_FULL'));
});

/** Starts a process that puts `a/b` and kills itself at `point`. */
async function dieAt(point: string, folder: string, put: string): Promise<NodeJS.Signals | null> {
  const child = fork(fileURLToPath(new URL('./dying-writer.ts', import.meta.url)), [point, folder, put], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  });
  return new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
}

test('fault "kill -9" between the temporary file and its name: the old state, and the next start cleans up', async (t) => {
  for (const put of ['replace', 'create']) {
    const folder = join(t.testdir(), put);
    if (put === 'replace') await (await openFileSystemStore(folder)).put('a/b', Buffer.from('old'));
    t.equal(await dieAt('before the name', folder, put), 'SIGKILL');
    t.equal(temporariesIn(folder).length, 1, 'the writer left a file');
    const store = await openFileSystemStore(folder);
    t.same(temporariesIn(folder), [], 'and it has gone');
    t.equal(await textOf(store, 'a/b'), put === 'replace' ? 'old' : undefined);
    t.same(await namesOf(store), put === 'replace' ? ['a/b'] : []);
  }
});

test('fault "kill -9" after the name: the new state', async (t) => {
  for (const put of ['replace', 'create']) {
    const folder = join(t.testdir(), put);
    t.equal(await dieAt('after the name', folder, put), 'SIGKILL');
    const store = await openFileSystemStore(folder);
    t.same(temporariesIn(folder), []);
    t.equal(await textOf(store, 'a/b'), 'new');
  }
});

test('opening removes nothing that somebody is writing', async (t) => {
  const folder = join(t.testdir(), 'store');
  await openFileSystemStore(folder);
  const hour = 3_600_000;
  const files = {
    'of a process that lives': { name: `${process.ppid}@{host}.0123456789ab.1`, age: 0, stays: true },
    'of another host, fresh': { name: '1@elsewhere.0123456789ab.1', age: hour / 2, stays: true },
    'of another host, old': { name: '1@elsewhere.0123456789ab.2', age: hour * 2, stays: false },
    'of our number, before us': { name: `${process.pid}@{host}.0123456789ab.3`, age: 0, stays: false },
    'of somebody else': { name: 'notes', age: hour * 2, stays: true },
  };
  const host = encodeURIComponent(hostname());
  for (const file of Object.values(files)) {
    file.name = file.name.replace('{host}', host);
    const path = join(folder, 'tmp', file.name);
    writeFileSync(path, '');
    const time = (Date.now() - file.age) / 1000;
    utimesSync(path, time, time);
  }
  await openFileSystemStore(folder);
  for (const [what, { name, stays }] of Object.entries(files))
    t.equal(existsSync(join(folder, 'tmp', name)), stays, what);
});

test('where hard links do not work, the store says that it cannot arbitrate', async (t) => {
  const store = await openFileSystemStore(t.testdir(), { link: noLinks });
  t.equal(store.atomicCreate, false);
});

test('an object that is a hard link elsewhere keeps its bytes when it is overwritten', async (t) => {
  const folder = t.testdir();
  const store = await openFileSystemStore(folder);
  await store.put('a/b', Buffer.from('old'));
  linkSync(join(folder, 'a/b'), join(folder, 'copy'));
  await store.put('a/b', Buffer.from('new'));
  t.equal(await textOf(store, 'copy'), 'old');
});

async function putAndReopen(folder: string, boots: (string | undefined)[]): Promise<ObjectStore[]> {
  const stores: ObjectStore[] = [];
  for (const boot of boots) {
    const store = await openFileSystemStore(folder, { boot });
    await store.put(`a/${stores.length}`, Buffer.from(''));
    stores.push(store);
  }
  return stores;
}

test('what was written before the machine started again is in doubt, for every later process', async (t) => {
  const [first, again, restarted, afterwards] = await putAndReopen(t.testdir(), ['one', 'one', 'two', 'two']);
  t.same([first?.doubtedBefore, again?.doubtedBefore], [0, 0], 'a process that dies takes nothing with it');
  const before = (await afterwards?.head('a/1'))?.modified ?? Number.POSITIVE_INFINITY;
  t.ok(restarted !== undefined && restarted.doubtedBefore >= before);
  t.equal(afterwards?.doubtedBefore, restarted?.doubtedBefore);
});

test('a machine that does not say when it started is in doubt at each start', async (t) => {
  const [first, second, third] = await putAndReopen(t.testdir(), [undefined, undefined, undefined]);
  t.equal(first?.doubtedBefore, 0, 'nothing was stored yet');
  t.ok((second?.doubtedBefore ?? 0) > 0);
  t.ok((third?.doubtedBefore ?? 0) >= (second?.doubtedBefore ?? 0));
});
