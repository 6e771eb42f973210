/**
 * What every object store must do (server/store/object-store.ts). Call {@link storeConformance} with a factory of fresh, empty
 * stores.
 */
import { buffer } from 'node:stream/consumers';
import { type Test, test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import type { ObjectStore } from '#server/store/object-store.ts';

/** A fresh, empty store; `t.teardown` closes and removes it. */
export type OpenStore = (t: Test) => Promise<ObjectStore>;

const bytesOf = (text: string) => Buffer.from(text);

export async function textOf(store: ObjectStore, name: string): Promise<string | undefined> {
  const found = await store.get(name);
  return found === undefined || found === 'changed' ? found : found.bytes.toString();
}

export async function namesOf(store: ObjectStore, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(prefix)) names.push(name);
  return names;
}

async function* piecesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

type Answer<T> = T | 'changed' | undefined;

/** What must be there. */
function there<T>(answer: Answer<T>): T {
  if (answer === undefined || answer === 'changed') throw new Error(`the answer is ${answer}`);
  return answer;
}

async function etagOf(store: ObjectStore, name: string): Promise<string> {
  return there(await store.head(name)).etag;
}

export function storeConformance(what: string, open: OpenStore): void {
  test(`${what}: what is put is there, whole`, async (t) => {
    const store = await open(t);
    for (const size of [0, 1, 65_536, 3_000_001]) {
      const name = `segments/local/ab/${size}`;
      const bytes = Buffer.alloc(size, 'cachalot');
      const put = await store.put(name, bytes);
      const head = await store.head(name);
      const found = await store.get(name);
      t.ok(put !== 'exists' && found !== undefined && found !== 'changed' && head !== undefined);
      if (put === 'exists' || found === undefined || found === 'changed' || head === undefined) return;
      t.ok(found.bytes.equals(bytes), `${size} bytes come back`);
      t.same([head.name, head.size], [name, size]);
      t.same(put, { etag: head.etag }, 'put and head agree on the version');
      t.equal(found.etag, head.etag, 'get and head do');
      t.equal(found.modified, head.modified);
    }
  });

  test(`${what}: the bytes that get gives are the caller's alone`, async (t) => {
    const store = await open(t);
    await store.put('a/small', bytesOf('twelve bytes'));
    const found = there(await store.get('a/small'));
    t.equal(found.bytes.buffer.byteLength, found.bytes.byteLength, 'no pool is behind them');
    structuredClone(found.bytes.buffer, { transfer: [found.bytes.buffer as ArrayBuffer] });
    t.equal(await textOf(store, 'a/small'), 'twelve bytes');
  });

  test(`${what}: what has the size of the memory that is given for it is received there`, async (t) => {
    const store = await open(t);
    const put = await store.put('a/small', bytesOf('twelve bytes'));
    if (put === 'exists') throw new Error('it is there');
    const into = (size: number) => ({ ifMatch: put.etag, into: { bytes: Buffer.alloc(size) } });
    const fits = into(12);
    const found = there(await store.get('a/small', fits));
    t.equal(found.bytes, fits.into.bytes);
    t.equal(fits.into.bytes.toString(), 'twelve bytes');
    t.equal(found.etag, put.etag);
    for (const size of [0, 11, 13]) {
      const other = into(size);
      t.equal(there(await store.get('a/small', other)).bytes.toString(), 'twelve bytes');
      t.notOk(other.into.bytes.some(Boolean), 'what does not fit is elsewhere');
    }
    t.equal(await store.get('a/none', into(12)), undefined);
    t.equal(await store.get('a/small', { ...into(12), ifMatch: 'other' }), 'changed');
  });

  test(`${what}: what was never put is undefined, not an error`, async (t) => {
    const store = await open(t);
    await store.put('entries/local/x.json', bytesOf('{}'));
    for (const name of [
      'entries/local/y.json',
      'entries/other/x.json',
      'nothing',
      'entries/local',
      'entries/local/x.json/z',
    ]) {
      t.equal(await store.head(name), undefined, `head ${name}`);
      t.equal(await store.get(name), undefined, `get ${name}`);
      t.equal(await store.get(name, { ifMatch: 'any' }), undefined, `get ${name} in a version`);
      t.equal(await store.read(name, 0, 1), undefined, `read ${name}`);
      t.equal(await store.delete(name), false, `delete ${name}`);
    }
    t.same(await namesOf(store), ['entries/local/x.json']);
  });

  test(`${what}: read gives a run of bytes, end exclusive`, async (t) => {
    const store = await open(t);
    const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251));
    await store.put('a/b', bytes);
    const ifMatch = await etagOf(store, 'a/b');
    for (const [start, end] of [
      [0, 1_000_000],
      [0, 0],
      [1, 2],
      [255, 700_000],
      [999_999, 1_000_000],
      [500_000, 500_000],
    ] as const) {
      const stream = there(await store.read('a/b', start, end, { ifMatch }));
      t.ok((await buffer(stream)).equals(bytes.subarray(start, end)), `${start} to ${end}`);
    }
    const over = there(await store.read('a/b', 999_990, 2_000_000));
    t.ok((await buffer(over)).equals(bytes.subarray(999_990)), 'what lies behind the end is not there');
  });

  test(`${what}: a stream that is left in the middle ends`, async (t) => {
    const store = await open(t);
    await store.put('a/b', Buffer.alloc(4_000_000));
    const stream = there(await store.read('a/b', 0, 4_000_000));
    for await (const chunk of stream) {
      t.ok(chunk.length < 4_000_000, 'it comes in chunks');
      break;
    }
    t.ok(stream.destroyed);
  });

  test(`${what}: every overwrite by other bytes is another version`, async (t) => {
    const store = await open(t);
    const versions = new Set<string>();
    for (let n = 100; n < 150; n += 1) {
      const put = await store.put('a/b', bytesOf(`always as long: ${n}`));
      if (put !== 'exists') versions.add(put.etag);
    }
    t.equal(versions.size, 50);
  });

  test(`${what}: a stream of any length is put whole`, async (t) => {
    const store = await open(t);
    for (const [size, piece] of [
      [0, 1],
      [1, 1],
      [70_000, 999],
      [20_000_000, 3_333_333],
    ] as const) {
      const name = `blobs/local/${size}`;
      const bytes = Buffer.from(Array.from({ length: Math.min(size, 251) }, (_, index) => index));
      const whole = Buffer.alloc(size, bytes.length === 0 ? undefined : bytes);
      for (const options of [{}, { expected: size }, { expected: Math.ceil(size / 3) }]) {
        const put = await store.putStream(name, piecesOf(whole, piece), options);
        const found = there(await store.get(name));
        t.ok(found.bytes.equals(whole), `${size} bytes come back`);
        t.same(put, { etag: found.etag, size });
      }
    }
    t.equal((await namesOf(store)).length, 4, 'nothing else is left');
  });

  test(`${what}: a stream that is put is not there before its end, and replaces at once`, async (t) => {
    const store = await open(t);
    await store.put('blobs/local/1', bytesOf('old'));
    for (const [name, before] of [
      ['blobs/local/1', 'old'],
      ['blobs/local/2', undefined],
    ] as const) {
      async function* source() {
        yield Buffer.alloc(9_000_000, 'new');
        t.equal(await textOf(store, name), before);
        yield Buffer.alloc(9_000_000, 'new');
      }
      await store.putStream(name, source());
      t.equal((await store.head(name))?.size, 18_000_000);
    }
  });

  test(`${what}: fault "client vanishes midway": a source that fails leaves what was there`, async (t) => {
    const store = await open(t);
    await store.put('blobs/local/kept', bytesOf('old'));
    const vanished = new Error('the client has gone');
    for (const bytes of [0, 100, 20_000_000]) {
      async function* source() {
        yield Buffer.alloc(bytes);
        throw vanished;
      }
      for (const name of ['blobs/local/kept', 'blobs/local/fresh']) {
        const outcome = await store.putStream(name, source()).catch((error: unknown) => error);
        t.equal(outcome, vanished, 'its own error comes back');
      }
    }
    t.same(await namesOf(store), ['blobs/local/kept']);
    t.equal(await textOf(store, 'blobs/local/kept'), 'old');
  });

  test(`${what}: D5: a read in a version that has gone is "changed", never other bytes`, async (t) => {
    const store = await open(t);
    await store.put('a/b', bytesOf('first'));
    const first = await etagOf(store, 'a/b');
    const begun = there(await store.read('a/b', 0, 5));
    await store.put('a/b', bytesOf('other'));
    t.equal(await store.get('a/b', { ifMatch: first }), 'changed');
    t.equal(await store.read('a/b', 0, 5, { ifMatch: first }), 'changed');
    t.equal((await buffer(begun)).toString(), 'first', 'a read that has begun goes on in its version');
    const now = there(await store.get('a/b', { ifMatch: await etagOf(store, 'a/b') }));
    t.equal(now.bytes.toString(), 'other');
  });

  test(`${what}: ifAbsent keeps what is there`, async (t) => {
    const store = await open(t);
    t.not(await store.put('a/b', bytesOf('first'), { ifAbsent: true }), 'exists');
    t.equal(await store.put('a/b', bytesOf('second'), { ifAbsent: true, durable: true }), 'exists');
    t.equal(await textOf(store, 'a/b'), 'first');
    await store.delete('a/b');
    t.not(await store.put('a/b', bytesOf('third'), { ifAbsent: true, durable: true }), 'exists');
    t.equal(await textOf(store, 'a/b'), 'third');
  });

  test(`${what}: fault "50 saves of one key at once": one ifAbsent put wins, and its bytes stay`, async (t) => {
    const store = await open(t);
    if (!store.atomicCreate) {
      t.pass('this store leaves it to the index');
      return;
    }
    for (let round = 0; round < 5; round += 1) {
      const name = `entries/local/local/npm/web/${round}.json`;
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) => store.put(name, bytesOf(`writer ${n}`), { ifAbsent: true })),
      );
      const winners = answers.flatMap((answer, n) => (answer === 'exists' ? [] : [n]));
      t.equal(winners.length, 1, 'one wins');
      t.equal(await textOf(store, name), `writer ${winners[0]}`);
    }
    t.equal((await namesOf(store)).length, 5, 'nothing else is left');
  });

  test(`${what}: readers see the old bytes or the new ones while a name is overwritten`, async (t) => {
    const store = await open(t);
    const versions = ['a', 'b'].map((letter) => letter.repeat(200_000));
    await store.put('a/b', bytesOf(versions[0] ?? ''));
    const seen = new Set<string | undefined>();
    let writing = true;
    const reader = (async () => {
      while (writing) seen.add(await textOf(store, 'a/b'));
    })();
    for (let n = 0; n < 60; n += 1) await store.put('a/b', bytesOf(versions[n % 2] ?? ''));
    writing = false;
    await reader;
    t.same(
      [...seen].filter((text) => text === undefined || !versions.includes(text)),
      [],
    );
  });

  test(`${what}: delete removes the version that it is asked for`, async (t) => {
    const store = await open(t);
    await store.put('a/b', bytesOf('first'));
    const first = await etagOf(store, 'a/b');
    await store.put('a/b', bytesOf('second'));
    t.equal(await store.delete('a/b', { ifMatch: first }), false);
    t.equal(await textOf(store, 'a/b'), 'second');
    t.equal(await store.delete('a/b', { ifMatch: await etagOf(store, 'a/b') }), true);
    t.equal(await store.head('a/b'), undefined);
    t.equal(await store.delete('a/b'), false);
  });

  test(`${what}: delete tells a later put of the same bytes apart by its time`, async (t) => {
    const store = await open(t);
    await store.put('a/b', bytesOf('the same'));
    const { etag, modified } = there(await store.head('a/b'));
    t.equal(await store.delete('a/b', { ifMatch: etag, modified: modified - 1000 }), false);
    t.equal(await textOf(store, 'a/b'), 'the same');
    t.equal(await store.delete('a/b', { ifMatch: etag, modified }), true);
    t.equal(await store.head('a/b'), undefined);
  });

  test(`${what}: of many deletions of one version, one says that it did it`, async (t) => {
    const store = await open(t);
    await store.put('a/b', bytesOf('first'));
    const etag = await etagOf(store, 'a/b');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => store.delete('a/b', { ifMatch: etag })),
    );
    t.equal(answers.filter(Boolean).length, 1);
  });

  test(`${what}: deleting a version never takes the one that replaces it`, async (t) => {
    const store = await open(t);
    for (let round = 0; round < 100; round += 1) {
      await store.put('a/b', bytesOf('old'));
      const old = await etagOf(store, 'a/b');
      const deletions = Array.from({ length: 3 }, () => store.delete('a/b', { ifMatch: old }));
      await Promise.all([...deletions, store.put('a/b', bytesOf('new'))]);
      t.equal(await textOf(store, 'a/b'), 'new', `round ${round}`);
    }
  });

  test(`${what}: objects come and go at one place at once`, async (t) => {
    const store = await open(t);
    await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const name = `uploads/${n % 3}/${n}.refs`;
        for (let round = 0; round < 5; round += 1) {
          await store.put(name, bytesOf(`${n}`), { ifAbsent: true });
          t.equal(await textOf(store, name), `${n}`);
          await store.delete(name);
        }
      }),
    );
    t.same(await namesOf(store), []);
  });

  test(`${what}: list gives names in byte order, with what head says`, async (t) => {
    const store = await open(t);
    const names = [
      'a',
      'a-b/c',
      'a.b',
      'a0',
      'b/A',
      'b/a',
      'b/a%20b',
      'b/a.json',
      'b/a.refs',
      'b/c/d/e',
      'b/cc',
      'b0',
      'c/~x',
      'segments/d/00/1',
    ];
    for (const name of [...names].reverse()) await store.put(name, bytesOf(name));
    t.same(await namesOf(store), names);
    for await (const head of store.list('')) t.same(head, await store.head(head.name));
  });

  test(`${what}: list keeps to a prefix, as text`, async (t) => {
    const store = await open(t);
    for (const name of ['e/d/npm/web/1', 'e/d/npm/web-2/1', 'e/d/npm/we', 'e/d/np', 'e/d2/npm/web/1'])
      await store.put(name, bytesOf(''));
    t.same(await namesOf(store, 'e/d/npm/web'), ['e/d/npm/web-2/1', 'e/d/npm/web/1']);
    t.same(await namesOf(store, 'e/d/npm/web/'), ['e/d/npm/web/1']);
    t.same(await namesOf(store, 'e/d/npm/we'), ['e/d/npm/we', 'e/d/npm/web-2/1', 'e/d/npm/web/1']);
    t.same(await namesOf(store, 'e/d'), [
      'e/d/np',
      'e/d/npm/we',
      'e/d/npm/web-2/1',
      'e/d/npm/web/1',
      'e/d2/npm/web/1',
    ]);
    t.same(await namesOf(store, 'e/d/npm/web/1'), ['e/d/npm/web/1']);
    t.same(await namesOf(store, 'e/d/npm/web/1/'), []);
    t.same(await namesOf(store, 'f/'), []);
  });

  test(`${what}: a listing lives with deletions and can be left`, async (t) => {
    const store = await open(t);
    for (let n = 100; n < 200; n += 1) await store.put(`a/${n % 7}/${n}`, bytesOf(''));
    let seen = 0;
    for await (const { name } of store.list('a/')) {
      await store.delete(name);
      seen += 1;
    }
    t.equal(seen, 100);
    for (let n = 0; n < 100; n += 1) await store.put(`a/${n}`, bytesOf(''));
    for await (const { name } of store.list('a/')) {
      t.equal(name, 'a/0');
      break;
    }
  });

  test(`${what}: ages are differences of one clock`, async (t) => {
    const store = await open(t);
    const before = await store.now();
    await store.put('a/b', bytesOf(''));
    const modified = (await store.head('a/b'))?.modified ?? 0;
    const after = await store.now();
    t.ok(modified >= before - 1000 && modified <= after + 1000, `${before} ${modified} ${after}`);
    t.ok(after >= before);
  });

  test(`${what}: S5: names that could lead elsewhere are refused by every call`, async (t) => {
    const store = await open(t);
    const refused = [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      'a/../b',
      'a/./b',
      '../a',
      'a\0b',
      'a\nb',
      'a b',
      'ä',
      `a/${'x'.repeat(201)}`,
      'tmp/a',
      'tmp',
    ];
    for (const name of refused) {
      const calls = [
        () => store.head(name),
        () => store.get(name),
        () => store.read(name, 0, 1),
        () => store.put(name, bytesOf('x')),
        () => store.put(name, bytesOf('x'), { ifAbsent: true }),
        () => store.putStream(name, piecesOf(bytesOf('x'), 1)),
        () => store.delete(name),
      ];
      for (const call of calls) {
        const outcome = await call().then(
          () => 'nothing',
          (error: unknown) => error,
        );
        t.ok(isFault(outcome, 'OBJECT_NAME_REFUSED'), `${JSON.stringify(name)}: ${outcome}`);
      }
    }
    t.same(await namesOf(store), []);
    for (const name of ['...', 'a/..b', 'a/%2E%2E/b', `a/${'x'.repeat(200)}`, '~', 'tmpx/a']) {
      await store.put(name, bytesOf(name));
      t.equal(await textOf(store, name), name, `${name} is an ordinary name`);
    }
  });
}
