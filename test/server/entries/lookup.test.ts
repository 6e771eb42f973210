import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import type { Grant } from '#server/auth/grant.ts';
import { localGrant } from '#server/auth/grant.ts';
import type { JobQueue } from '#server/queue/job-queue.ts';
import { someSegments } from '../made-segments.ts';
import { codeOf, instead, lookup, objects, openEntries, ROOT, save } from './open-entries.ts';

function grantOf(scope: string, reads: string[]): Grant {
  return { ...localGrant, scope, reads };
}

test('the exact key is a hit, another key with a prefix is near, and each says why', async (t) => {
  const { entries } = await openEntries(t);
  await save(entries, 'npm/shop/aaa', someSegments(2));
  const exact = await lookup(entries, ['npm/shop/aaa', 'npm/shop/']);
  t.equal(exact.hit, 'exact');
  const near = await lookup(entries, ['npm/shop/bbb', 'npm/shop/']);
  t.equal(near.hit, 'near');
  t.equal(near.entry?.id, exact.entry?.id);
  t.equal(
    near.reason,
    'No entry has the key npm/shop/bbb. The newest entry that begins with npm/shop/ was taken.',
  );
  const none = await lookup(entries, ['npm/other/bbb', 'npm/other/']);
  t.equal(none.hit, 'none');
  t.match(none.reason, /^No entry has the key npm\/other\/bbb/);
});

test('a want that stands in for an earlier one is not looked for where that is found exactly', async (t) => {
  const { entries, told } = await openEntries(t);
  await save(entries, 'npm/shop/aaa', someSegments(1, 'tree'));
  await save(entries, 'npm-contents/shop/aaa', someSegments(1, 'contents'));
  const ask = async (key: string) => {
    const wants = [
      { keys: [key, 'npm/shop/'], roots: [ROOT] },
      { keys: ['npm-contents/shop/aaa'], roots: [ROOT], unless: 0 },
    ];
    return (await entries.lookup(localGrant, wants)).map(({ hit }) => hit);
  };
  told.length = 0;
  t.same(await ask('npm/shop/aaa'), ['exact', 'none']);
  t.same(told, ['lookup: exact'], 'it is no miss either');
  t.same(await ask('npm/shop/bbb'), ['near', 'exact']);
});

test('the newest of a prefix is taken, and prefixes are tried in their order', async (t) => {
  const { entries } = await openEntries(t);
  await save(entries, 'generic/_/main-1', someSegments(1, 'one'));
  const two = await save(entries, 'generic/_/main-2', someSegments(1, 'two'));
  const other = await save(entries, 'generic/_/topic-1', someSegments(1, 'three'));
  t.equal((await lookup(entries, ['generic/_/x', 'generic/_/main-'])).entry?.id, two.entry);
  t.equal(
    (await lookup(entries, ['generic/_/x', 'generic/_/topic-', 'generic/_/main-'])).entry?.id,
    other.entry,
  );
  t.equal((await lookup(entries, ['generic/_/main-2'])).hit, 'exact');
  t.equal((await lookup(entries, ['generic/_/main-'])).hit, 'none', 'an exact key is no prefix');
});

test('entries of one key with other roots are different entries, and the miss says so', async (t) => {
  const { entries } = await openEntries(t);
  await save(entries, 'generic/_/k', someSegments(1), { root: 'workspace:node_modules' });
  const found = await lookup(entries, ['generic/_/k'], localGrant, ['workspace:dist']);
  t.equal(found.hit, 'none');
  t.equal(found.reason, 'The key generic/_/k is there, but for other paths: workspace:node_modules.');
  t.equal((await lookup(entries, ['generic/_/k'], localGrant, [])).hit, 'exact', 'without roots any will do');
});

test('an exact key of the kind maven is its newest generation, with the index and without', async (t) => {
  const { entries, parts, folder } = await openEntries(t);
  await save(entries, 'maven/org.example:shop/f1', someSegments(1, 'first'));
  await save(entries, 'maven/org.example:shop/f1/g1', someSegments(1, 'second'));
  const newest = await save(entries, 'maven/org.example:shop/f1/g2', someSegments(1, 'third'));
  await save(entries, 'maven/org.example:shop/f10/g9', someSegments(1, 'another fingerprint'));
  t.equal((await lookup(entries, ['maven/org.example:shop/f1'])).entry?.id, newest.entry);
  await parts.index.clear();
  const blind = await openEntries(t, { folder, change: (all) => ({ ...all, queue: idleQueue(all.queue) }) });
  t.equal((await lookup(blind.entries, ['maven/org.example:shop/f1'])).entry?.id, newest.entry);
});

test('a hit in an earlier scope wins over a newer one in a later scope', async (t) => {
  const { entries } = await openEntries(t);
  const branch = grantOf('refs/heads/topic', ['refs/heads/topic', 'refs/heads/main']);
  const main = grantOf('refs/heads/main', ['refs/heads/main']);
  const own = await save(entries, 'npm/shop/a', someSegments(1, 'own'), { grant: branch });
  const base = await save(entries, 'npm/shop/a', someSegments(1, 'base'), { grant: main });
  const onlyBase = await save(entries, 'npm/shop/b', someSegments(1, 'only base'), { grant: main });
  t.equal((await lookup(entries, ['npm/shop/a'], branch)).entry?.id, own.entry);
  t.equal((await lookup(entries, ['npm/shop/a'], main)).entry?.id, base.entry);
  t.equal(
    (await lookup(entries, ['npm/shop/b', 'npm/shop/'], branch)).entry?.id,
    onlyBase.entry,
    'exact before near',
  );
  t.equal(
    (await lookup(entries, ['npm/shop/z', 'npm/shop/'], branch)).entry?.id,
    own.entry,
    'near: own scope first',
  );
});

test('S6: a prefix never reaches into a sibling scope, with the index and without', async (t) => {
  const { entries, folder } = await openEntries(t);
  const sibling = grantOf('refs/heads/main2', ['refs/heads/main2']);
  const below = grantOf('refs/heads/main/npm', ['refs/heads/main/npm']);
  await save(entries, 'npm/shop/a', someSegments(1), { grant: sibling });
  await save(entries, 'npm/shop/a', someSegments(1), { grant: below });
  const grant = grantOf('refs/heads/main', ['refs/heads/main']);
  const blind = await openEntries(t, { folder, change: (all) => ({ ...all, queue: idleQueue(all.queue) }) });
  for (const one of [entries, blind.entries]) {
    for (const keys of [
      ['npm/shop/a'],
      ['npm/x/y', 'npm/'],
      ['npm/x/y', 'n'],
      ['generic/_/x', 'npm/shop/'],
    ]) {
      t.equal((await lookup(one, keys, grant)).hit, 'none', keys.join());
    }
  }
});

test('S5: keys that no entry can have are refused, and the field is named', async (t) => {
  const { entries } = await openEntries(t);
  const bad = [
    'a/./b',
    'a/../b',
    '..',
    '%2e%2e/a',
    'a/%2E/b',
    'a%00',
    'a\0',
    'a\r\nb',
    'x'.repeat(600),
    '/a',
    'a,b',
    '',
  ];
  for (const rest of bad) {
    t.equal(await codeOf(lookup(entries, [`generic/_/${rest}`])), 'KEY_UNREADABLE', JSON.stringify(rest));
    const roots = [ROOT];
    const opening = entries.openSave(localGrant, {
      kind: 'generic',
      name: '_',
      key: `generic/_/${rest}`,
      roots,
    });
    t.equal(await codeOf(opening), 'KEY_UNREADABLE', JSON.stringify(rest));
  }
  for (const prefix of [
    'generic/_/../',
    'generic/_/a\n',
    'generic/_/a,',
    `generic/_/${'x'.repeat(600)}`,
    'Generic/',
    '',
  ]) {
    t.equal(await codeOf(lookup(entries, ['generic/_/a', prefix])), 'KEY_UNREADABLE', JSON.stringify(prefix));
  }
  t.equal(await fieldOf(lookup(entries, ['generic/_/a', 'generic/_/a,'])), '/wants/0/keys/1');
  t.equal(await fieldOf(lookup(entries, ['generic/_/a'], localGrant, ['nowhere:x'])), '/wants/0/roots/0');
});

test('a row whose manifest has gone is removed, and is a miss', async (t) => {
  const { entries, parts, pass } = await openEntries(t);
  const { entry } = await save(entries, 'npm/shop/a', someSegments(1));
  t.equal((await lookup(entries, ['npm/shop/a'])).hit, 'exact', 'and the answer is in memory now');
  const [object = ''] = (await objects(parts, 'entries/')).filter((name) => name.endsWith('.json'));
  await parts.store.delete(object);
  pass(5_000);
  t.equal((await lookup(entries, ['npm/shop/a'])).hit, 'none');
  t.equal(await parts.index.byId('local', entry), undefined);
});

test('S8: a manifest whose signature was flipped is refused and retired when it is read', async (t) => {
  const { entries, parts, pass, told } = await openEntries(t);
  await save(entries, 'npm/shop/a', someSegments(1));
  const [object = ''] = (await objects(parts, 'entries/')).filter((name) => name.endsWith('.json'));
  const found = await parts.store.get(object);
  if (found === undefined || found === 'changed') throw new Error('no manifest');
  const signed = JSON.parse(found.bytes.toString());
  const first = signed.signature.value[0];
  signed.signature.value = (first === 'A' ? 'B' : 'A') + signed.signature.value.slice(1);
  await parts.store.put(object, Buffer.from(JSON.stringify(signed)));
  pass(5_000);
  const miss = await lookup(entries, ['npm/shop/a']);
  t.equal(miss.hit, 'none');
  t.match(miss.reason, /not of a key that is trusted/);
  t.same(
    told.filter((line) => line.startsWith('retired')),
    [`retired: ${object}`],
  );
  t.equal((await objects(parts, 'retired/')).length, 1);
  t.equal((await save(entries, 'npm/shop/a', someSegments(1))).outcome, 'committed', 'the key is free again');
});

test('S8: a true manifest under the name of another scope is refused and retired', async (t) => {
  const { entries, parts } = await openEntries(t);
  const fork = grantOf('mr/1/main', ['mr/1/main', 'refs/heads/main']);
  const main = grantOf('refs/heads/main', ['refs/heads/main']);
  await save(entries, 'npm/shop/a', someSegments(1), { grant: fork });
  const [object = ''] = (await objects(parts, 'entries/')).filter((name) => name.endsWith('.json'));
  const found = await parts.store.get(object);
  if (found === undefined || found === 'changed') throw new Error('no manifest');
  const moved = object.replace(/local\/[^/]+\//, 'local/refs%2Fheads%2Fmain/');
  t.not(moved, object);
  await parts.store.put(moved, found.bytes);
  await parts.index.clear();
  t.equal((await lookup(entries, ['npm/shop/a'], main)).hit, 'none');
  await parts.queue.idle();
  t.equal((await lookup(entries, ['npm/shop/a'], main)).hit, 'none', 'nor after a reindex');
  t.equal(await parts.store.head(moved), undefined);
  t.equal((await lookup(entries, ['npm/shop/a'], fork)).hit, 'exact', 'where it belongs it is one');
});

test('S8: retiring a copied manifest does not take the true entry with it', async (t) => {
  const { entries, parts } = await openEntries(t);
  const fork = grantOf('mr/1/main', ['mr/1/main']);
  const main = grantOf('refs/heads/main', ['refs/heads/main']);
  const { entry } = await save(entries, 'npm/shop/a', someSegments(1), { grant: fork });
  const row = await parts.index.byId('local', entry);
  const found = await parts.store.get(row?.object ?? '');
  if (row === undefined || found === undefined || found === 'changed') throw new Error('no manifest');
  const object = row.object.replace(/local\/[^/]+\//, 'local/refs%2Fheads%2Fmain/');
  await parts.store.put(object, found.bytes);
  await parts.index.put({ ...row, id: 'f'.repeat(32), scope: 'refs/heads/main', object });
  t.equal((await lookup(entries, ['npm/shop/a'], main)).hit, 'none');
  t.equal(await parts.store.head(object), undefined, 'the copy has gone');
  t.equal((await lookup(entries, ['npm/shop/a'], fork)).entry?.id, entry);
});

test('while the index may have lost rows, an earlier scope still wins', async (t) => {
  const first = await openEntries(t);
  const branch = grantOf('refs/heads/topic', ['refs/heads/topic', 'refs/heads/main']);
  const main = grantOf('refs/heads/main', ['refs/heads/main']);
  const own = await save(first.entries, 'npm/shop/a', someSegments(1, 'own'), { grant: branch });
  const base = await save(first.entries, 'npm/shop/a', someSegments(1, 'base'), { grant: main });
  const row = await first.parts.index.byId('local', base.entry);
  const blind = await openEntries(t, {
    folder: first.folder,
    change: (all) => ({ ...all, queue: idleQueue(all.queue) }),
  });
  if (row !== undefined) await blind.parts.index.put(row);
  t.equal((await lookup(blind.entries, ['npm/shop/a'], branch)).entry?.id, own.entry);
});

test('an entry of a later format version is a miss that says so, and stays', async (t) => {
  const { entries, parts, pass } = await openEntries(t);
  await save(entries, 'npm/shop/a', someSegments(1));
  const [object = ''] = (await objects(parts, 'entries/')).filter((name) => name.endsWith('.json'));
  await parts.store.put(
    object,
    Buffer.from(JSON.stringify({ manifest: { format: 2, key: 'npm/shop/a' }, signature: {} })),
  );
  pass(5_000);
  for (const keys of [['npm/shop/a'], ['npm/shop/b', 'npm/shop/']]) {
    const miss = await lookup(entries, keys);
    t.equal(miss.hit, 'none');
    t.match(miss.reason, /has format version 2, which this program does not know/);
  }
  t.ok(await parts.store.head(object), 'it is not retired');
});

test('without an epoch the store is asked, by name and by listing, and one reindex is queued', async (t) => {
  const { entries, folder } = await openEntries(t);
  const a = await save(entries, 'npm/shop/a', someSegments(1, 'a'));
  const b = await save(entries, 'npm/shop/b', someSegments(1, 'b'));
  const added: string[] = [];
  const blind = await openEntries(t, {
    folder,
    change: (all) => {
      const queue = idleQueue(all.queue, added);
      return { ...all, queue };
    },
  });
  t.equal((await lookup(blind.entries, ['npm/shop/a'])).entry?.id, a.entry);
  t.equal(
    (await lookup(blind.entries, ['npm/shop/x', 'npm/shop/'])).entry?.id,
    b.entry,
    'the newest of the listing',
  );
  t.equal((await lookup(blind.entries, ['npm/shop/x', 'npm/nothing/'])).hit, 'none');
  t.same([...new Set(added)], ['reindex']);
});

test('with an epoch a miss costs no question to the store', async (t) => {
  const asked: string[] = [];
  const { entries, parts } = await openEntries(t, {
    change: (all) => ({ ...all, store: watched(all.store, asked) }),
  });
  await parts.queue.idle();
  asked.length = 0;
  t.equal((await lookup(entries, ['npm/shop/a', 'npm/shop/', 'npm/'])).hit, 'none');
  t.same(asked, []);
});

async function fieldOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => (isFault(error) ? error.field : undefined),
  );
}

/** A queue that takes jobs and never runs them. */
function idleQueue(queue: JobQueue, added: string[] = []): JobQueue {
  return instead(queue, {
    handle: () => {},
    idle: async () => {},
    add: async ({ name }) => {
      added.push(name);
      return 'added';
    },
  });
}

function watched<S extends object>(store: S, asked: string[]): S {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        asked.push(String(name));
        return value.apply(target, given);
      };
    },
  });
}
