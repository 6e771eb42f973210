import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { segmentObject } from '#protocol/format/object-name.ts';
import { localGrant } from '#server/auth/grant.ts';
import { someSegments } from '../made-segments.ts';
import { archiveBytes, instead, lookup, objects, openEntries, save } from './open-entries.ts';

test('the index is lost: exact keys are hits at once, a reindex brings prefixes, lists and totals back', async (t) => {
  const first = await openEntries(t);
  const saved = [];
  for (const name of ['a', 'b', 'c'])
    saved.push(await save(first.entries, `npm/shop/${name}`, someSegments(2, name)));
  const totals = await first.entries.totals('local');
  const { entries, parts, told } = await openEntries(t, { folder: first.folder });
  for (const [at, name] of ['a', 'b', 'c'].entries()) {
    const found = await lookup(entries, [`npm/shop/${name}`]);
    t.equal(found.hit, 'exact');
    t.equal(found.entry?.id, saved[at]?.entry, 'under the same id');
  }
  await parts.queue.idle();
  t.same(
    told.filter((line) => line.startsWith('reindexed')),
    ['reindexed: 3'],
  );
  t.equal((await lookup(entries, ['npm/shop/x', 'npm/shop/'])).entry?.id, saved[2]?.entry);
  t.same(
    (await entries.list(localGrant, { limit: 10 })).map(({ entry }) => entry),
    saved.map(({ entry }) => entry).reverse(),
  );
  t.same(await entries.totals('local'), totals);
  t.ok(await parts.index.epoch());
  t.ok((await archiveBytes(entries, saved[0]?.entry ?? '')).length > 0);
});

test('a reindex retires what is not whole and passes over what it does not know', async (t) => {
  const first = await openEntries(t);
  const hole = someSegments(2, 'hole');
  await save(first.entries, 'npm/shop/hole', hole);
  await save(first.entries, 'npm/shop/whole', someSegments(2, 'whole'));
  await save(first.entries, 'npm/shop/later', someSegments(1, 'later'));
  const [later = ''] = (await objects(first.parts, 'entries/')).filter(
    (name) => name.includes('later') && name.endsWith('.json'),
  );
  await first.parts.store.put(
    later,
    Buffer.from(JSON.stringify({ manifest: { format: 99, key: 'npm/shop/later' } })),
  );
  rmSync(join(first.folder, 'objects', segmentObject('local', hole[1]?.identity ?? '')));
  const { entries, parts, told } = await openEntries(t, { folder: first.folder });
  t.same(
    told.filter((line) => line.startsWith('reindexed')),
    ['reindexed: 1'],
  );
  t.equal(told.filter((line) => line.startsWith('retired')).length, 1);
  t.same(
    (await entries.list(localGrant, { limit: 10 })).map(({ key }) => key),
    ['npm/shop/whole'],
  );
  t.ok(await parts.store.head(later));
});

test('a commit while the index is being rebuilt is found, before and after', async (t) => {
  const first = await openEntries(t);
  await save(first.entries, 'npm/shop/a', someSegments(1, 'a'));
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { entries, parts } = await openEntries(t, {
    folder: first.folder,
    change: (all) => {
      const add: typeof all.queue.add = async (job) => {
        void gate.then(() => all.queue.add(job));
        return 'added';
      };
      return { ...all, queue: instead(all.queue, { add }) };
    },
  });
  const { entry } = await save(entries, 'npm/shop/b', someSegments(1, 'b'));
  t.equal((await lookup(entries, ['npm/shop/x', 'npm/shop/'])).entry?.id, entry);
  release();
  await gate;
  await parts.queue.idle();
  t.equal((await lookup(entries, ['npm/shop/x', 'npm/shop/'])).entry?.id, entry);
  t.equal((await lookup(entries, ['npm/shop/a'])).hit, 'exact');
});
