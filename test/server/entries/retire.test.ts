import { test } from 'tap';
import { fault } from '#protocol/wire/errors.ts';
import { localGrant } from '#server/auth/grant.ts';
import { someSegments } from '../made-segments.ts';
import { codeOf, instead, lookup, objects, openEntries, save } from './open-entries.ts';

test('what is removed is copied aside, its lists go with it, and its key is free', async (t) => {
  const { entries, parts } = await openEntries(t);
  const { entry } = await save(entries, 'npm/shop/a', someSegments(2));
  await entries.remove(localGrant, entry);
  t.same(await objects(parts, 'entries/'), []);
  const [copy = ''] = await objects(parts, 'retired/');
  t.match(copy, /^retired\/local\/.*npm\/shop\/a@[0-9a-f]{16}\.json$/);
  t.equal((await lookup(entries, ['npm/shop/a', 'npm/'])).hit, 'none');
  t.equal(await codeOf(entries.remove(localGrant, entry)), 'ENTRY_MISSING');
  t.equal((await save(entries, 'npm/shop/a', someSegments(2, 'other'))).outcome, 'committed');
});

test('only what the grant may write can be removed', async (t) => {
  const { entries } = await openEntries(t);
  const main = { ...localGrant, scope: 'main', reads: ['main'] };
  const { entry } = await save(entries, 'npm/shop/a', someSegments(1), { grant: main });
  const topic = { ...localGrant, scope: 'topic', reads: ['topic', 'main'] };
  t.equal(await codeOf(entries.remove(topic, entry)), 'REQUEST_REFUSED');
  t.equal(await codeOf(entries.remove({ ...main, tier: 'read-only' }, entry)), 'REQUEST_REFUSED');
  t.equal(
    await codeOf(entries.remove({ ...main, reads: ['other'] }, entry)),
    'ENTRY_MISSING',
    'nor what it may not see',
  );
  t.equal((await lookup(entries, ['npm/shop/a'], topic)).hit, 'exact');
});

test('a retirement that comes late does not take the entry that has followed', async (t) => {
  const { entries, parts } = await openEntries(t);
  const old = await save(entries, 'npm/shop/a', someSegments(1, 'old'));
  const { entry: found } = await lookup(entries, ['npm/shop/a']);
  const next = await save(entries, 'npm/shop/a', someSegments(1, 'next'), { replace: true });
  t.equal(found?.id, old.entry);
  t.equal(await codeOf(entries.remove(localGrant, old.entry)), 'ENTRY_MISSING');
  t.equal((await lookup(entries, ['npm/shop/a'])).entry?.id, next.entry);
  t.equal((await objects(parts, 'entries/')).length, 2, 'manifest and refs');
});

test('a full store keeps no copy, and the key is free all the same', async (t) => {
  const { entries, parts, told } = await openEntries(t, {
    change: (all) => {
      const put: typeof all.store.put = async (name, ...rest) => {
        if (name.startsWith('retired/')) throw fault('STORE_FULL', { why: 'no room' });
        return all.store.put(name, ...rest);
      };
      return { ...all, store: instead(all.store, { put }) };
    },
  });
  const { entry } = await save(entries, 'npm/shop/a', someSegments(1));
  await entries.remove(localGrant, entry);
  t.same(await objects(parts, 'entries/'), []);
  t.match(told.join(), /failed: keeping a retired manifest/);
});
