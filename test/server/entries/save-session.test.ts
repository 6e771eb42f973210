import { test } from 'tap';
import { localGrant } from '#server/auth/grant.ts';
import { LIFETIMES } from '#server/entries/lifetimes.ts';
import { commitRequest, someSegments } from '../made-segments.ts';
import { codeOf, instead, objects, openEntries, ROOT, save } from './open-entries.ts';

const OPENING = { kind: 'npm', name: 'shop', key: 'npm/shop/a', roots: [ROOT] };

test('a session outlives the server: opened by one, asked by a second, committed by a third', async (t) => {
  const first = await openEntries(t);
  const { folder } = first;
  const segments = someSegments(2);
  const identities = segments.map(({ identity }) => identity);
  const { save: id } = await first.entries.openSave(localGrant, OPENING);
  t.same(await first.entries.lack(localGrant, id, identities), identities);
  const second = await openEntries(t, { folder });
  for (const { stored } of segments) await second.entries.admit(localGrant, Buffer.from(stored));
  t.same(await second.entries.lack(localGrant, id, identities), []);
  const third = await openEntries(t, { folder });
  const { outcome } = await third.entries.commit(localGrant, id, commitRequest({ [ROOT]: segments }));
  t.equal(outcome, 'committed');
  const lists = await objects(third.parts, `uploads/${id}/`);
  t.same(
    lists.map((name) => name.split('/').at(-1)),
    ['0.refs', '1.refs', '2.refs', 'save.json'],
    'no list was written over',
  );
});

test('what a session was told to have is in its lists before the answer', async (t) => {
  const { entries, parts } = await openEntries(t);
  const segments = someSegments(2);
  await save(entries, 'npm/shop/b', segments);
  const { save: id } = await entries.openSave(localGrant, OPENING);
  let atAnswer: string[] = [];
  const head = parts.store.head.bind(parts.store);
  parts.store.head = async (name) => {
    if (name.startsWith('segments/')) atAnswer = await objects(parts, `uploads/${id}/`);
    return head(name);
  };
  t.same(
    await entries.lack(
      localGrant,
      id,
      segments.map(({ identity }) => identity),
    ),
    [],
  );
  t.ok(
    atAnswer.some((name) => name.endsWith('.refs')),
    'when the store is asked the list is there',
  );
});

test('a session ends after twelve hours of the store’s time', async (t) => {
  let later = 0;
  const { entries } = await openEntries(t, {
    change: (parts) => {
      const now = async () => (await parts.store.now()) + later;
      return { ...parts, store: instead(parts.store, { now }) };
    },
  });
  const { save: id, expires } = await entries.openSave(localGrant, OPENING);
  later = LIFETIMES.session - 10_000;
  t.ok(Date.parse(expires) > Date.now() + later - 60_000);
  t.equal(await codeOf(entries.lack(localGrant, id, ['a'.repeat(64)])), 'no error');
  later = LIFETIMES.session + 10_000;
  t.equal(await codeOf(entries.lack(localGrant, id, ['a'.repeat(64)])), 'SAVE_EXPIRED');
  t.equal(await codeOf(entries.commit(localGrant, id, commitRequest({ [ROOT]: [] }))), 'SAVE_EXPIRED');
});

test('nobody else’s session can be used, and a reader opens none', async (t) => {
  const { entries } = await openEntries(t);
  const { save: id } = await entries.openSave(localGrant, OPENING);
  const otherDomain = { ...localGrant, domain: 'other' };
  const otherScope = { ...localGrant, scope: 'other' };
  const reader = { ...localGrant, tier: 'read-only' as const };
  for (const grant of [otherDomain, otherScope]) {
    t.equal(await codeOf(entries.lack(grant, id, ['a'.repeat(64)])), 'SAVE_UNKNOWN');
  }
  t.equal(await codeOf(entries.lack(localGrant, 'unknown', ['a'.repeat(64)])), 'SAVE_UNKNOWN');
  t.equal(await codeOf(entries.openSave(reader, OPENING)), 'REQUEST_REFUSED');
  t.equal(await codeOf(entries.admit(reader, Buffer.alloc(1))), 'REQUEST_REFUSED');
  t.equal(await codeOf(entries.putDetail(reader, 'a'.repeat(64), Buffer.alloc(1))), 'REQUEST_REFUSED');
});

test('S12: what one domain has, another lacks', async (t) => {
  const { entries } = await openEntries(t);
  const segments = someSegments(2);
  const { entry } = await save(entries, 'npm/shop/a', segments);
  const other = { ...localGrant, domain: 'other' };
  const { save: id } = await entries.openSave(other, OPENING);
  const identities = segments.map(({ identity }) => identity);
  t.same(await entries.lack(other, id, identities), identities);
  t.equal(await entries.segment(other, identities[0] ?? ''), undefined);
  t.equal(await codeOf(entries.entry(other, entry)), 'ENTRY_MISSING');
  t.same(await entries.list(other, { limit: 10 }), []);
});
