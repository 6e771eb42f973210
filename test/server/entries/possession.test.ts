/** S12 inside a domain: who is not trusted neither reads nor is told of what others have, unless an entry shows it to him. */
import { test } from 'tap';
import { sha256 } from '#protocol/format/digest.ts';
import { type Grant, localGrant } from '#server/auth/grant.ts';
import type { Entries } from '#server/entries/entries.ts';
import { commitRequest, type MadeSegment, someSegments } from '../made-segments.ts';
import { codeOf, objects, openEntries, ROOT, save } from './open-entries.ts';

const main: Grant = { ...localGrant, scope: 'main', reads: ['main'] };
const secret: Grant = { ...localGrant, scope: 'secret', reads: ['secret'] };
const fork: Grant = { ...localGrant, tier: 'untrusted', scope: 'fork', reads: ['fork', 'main'] };
const reader: Grant = { ...localGrant, tier: 'read-only', reads: ['main'] };

const OPENING = { kind: 'npm', name: 'shop', key: 'npm/shop/f', roots: [ROOT] };
const DETAIL = Buffer.from('["react","19"]\n');
const NAMES = [{ name: 'lockfile', digest: sha256(DETAIL), detail: true as const }];
const DIFFERENT = Buffer.from('["react","20"]\n');

const identitiesOf = (segments: MadeSegment[]) => segments.map(({ identity }) => identity);

/** One entry that the fork may look up, and one that it may not. */
async function stage(entries: Entries) {
  const shown = someSegments(2, 'shown');
  const hidden = someSegments(2, 'hidden');
  await entries.putDetail(main, sha256(DETAIL), DETAIL);
  await entries.putDetail(secret, sha256(DIFFERENT), DIFFERENT);
  const { entry } = await save(entries, 'npm/shop/a', shown, { grant: main, request: { inputs: NAMES } });
  const request = { inputs: [{ name: 'lockfile', digest: sha256(DIFFERENT), detail: true as const }] };
  const other = await save(entries, 'npm/shop/a', hidden, { grant: secret, request });
  return { shown, hidden, entry, other: other.entry };
}

test('"have it" is said of what an entry shows, and of nothing else', async (t) => {
  const { entries } = await openEntries(t);
  const { shown, hidden } = await stage(entries);
  const { save: id } = await entries.openSave(fork, OPENING);
  const absent = 'f'.repeat(64);
  const asked = [...identitiesOf(shown), ...identitiesOf(hidden), absent];
  t.same(await entries.lack(fork, id, asked), [...identitiesOf(hidden), absent], 'as if nobody had it');
  const { save: own } = await entries.openSave(secret, OPENING);
  t.same(await entries.lack(secret, own, asked), [absent], 'a trusted one shares in its domain');
});

test('what is sent is answered in one way, whether it was there or not', async (t) => {
  const { entries } = await openEntries(t);
  const { hidden } = await stage(entries);
  const { save: id } = await entries.openSave(fork, OPENING);
  for (const { stored, identity } of [...hidden, ...someSegments(1, 'new')]) {
    for (let time = 0; time < 2; time++)
      t.equal((await entries.admit(fork, Buffer.from(stored), identity, id)).status, 'stored');
  }
  for (const bytes of [DIFFERENT, Buffer.from('new')])
    t.equal(await entries.putDetail(fork, sha256(bytes), bytes, id), 'stored');
  const [segment] = hidden as [MadeSegment];
  t.equal(
    await codeOf(entries.admit(fork, Buffer.from(segment.stored))),
    'REQUEST_INVALID',
    'for which save?',
  );
  t.equal(await codeOf(entries.putDetail(fork, sha256(DETAIL), DETAIL)), 'REQUEST_INVALID');
  const { save: others } = await entries.openSave(secret, OPENING);
  const sent = Buffer.from(segment.stored);
  t.equal(await codeOf(entries.admit(fork, sent, segment.identity, others)), 'SAVE_UNKNOWN');
});

test('a commit takes what was sent for it or shown, on every replica, and names nothing else', async (t) => {
  const first = await openEntries(t);
  const { shown, hidden } = await stage(first.entries);
  const own = someSegments(1, 'own');
  const second = await openEntries(t, { folder: first.folder });
  const request = (segments: MadeSegment[]) => commitRequest({ [ROOT]: segments });
  const { save: id } = await first.entries.openSave(fork, OPENING);
  await first.entries.lack(fork, id, identitiesOf([...shown, ...own]));

  const stolen = request([...shown, ...hidden]);
  for (const { entries } of [first, second, first])
    t.equal(await codeOf(entries.commit(fork, id, stolen)), 'SEGMENT_MISSING', 'also when it is tried again');
  const withDetail = {
    ...request(shown),
    inputs: [{ name: 'x', digest: sha256(DIFFERENT), detail: true as const }],
  };
  t.equal(await codeOf(first.entries.commit(fork, id, withDetail)), 'DETAIL_MISSING');
  t.equal(
    await codeOf(first.entries.commit(fork, id, { ...request(shown), times: sha256(DIFFERENT) })),
    'DETAIL_MISSING',
  );

  // Two at once: they share a list.
  const before = (await objects(first.parts, `uploads/${id}/`)).length;
  await Promise.all([
    ...own.map(({ stored, identity }) => second.entries.admit(fork, Buffer.from(stored), identity, id)),
    second.entries.putDetail(fork, sha256(DETAIL), DETAIL, id),
  ]);
  t.ok((await objects(first.parts, `uploads/${id}/`)).length - before <= 2);
  const { outcome } = await first.entries.commit(fork, id, { ...request([...shown, ...own]), inputs: NAMES });
  t.equal(outcome, 'committed');
  // What one save has shown to have is not another's.
  const { save: later } = await first.entries.openSave(fork, {
    ...OPENING,
    key: 'npm/other/f',
    name: 'other',
  });
  t.equal(await codeOf(first.entries.commit(fork, later, request(own))), 'SEGMENT_MISSING');
});

test('bytes are read through an entry that may be looked up', async (t) => {
  const { entries } = await openEntries(t);
  const { shown, hidden, entry, other } = await stage(entries);
  const [a, b] = [identitiesOf(shown)[0] ?? '', identitiesOf(hidden)[0] ?? ''];
  for (const grant of [fork, reader]) {
    t.ok(await entries.segment(grant, a, entry));
    for (const [identity, named] of [
      [a, undefined],
      [a, other],
      [b, undefined],
      [b, entry],
      [b, other],
    ] as const)
      t.equal(await entries.segment(grant, identity, named), undefined);
    t.ok((await entries.detail(grant, sha256(DETAIL), entry)).equals(DETAIL));
    for (const [digest, named] of [
      [sha256(DETAIL), undefined],
      [sha256(DIFFERENT), entry],
      [sha256(DIFFERENT), other],
    ] as const)
      t.equal(await codeOf(entries.detail(grant, digest, named)), 'DETAIL_MISSING');
  }
  t.ok(await entries.segment(secret, a));
});

test('a report of damage tells nothing of what may not be read', async (t) => {
  const { entries } = await openEntries(t);
  const { shown, hidden, entry, other } = await stage(entries);
  const [a, b] = [identitiesOf(shown)[0] ?? '', identitiesOf(hidden)[0] ?? ''];
  t.same(await entries.suspect(fork, a, entry), { confirmed: false, retired: [] });
  for (const identity of [b, 'f'.repeat(64)]) {
    for (const named of [undefined, entry, other])
      t.equal(await codeOf(entries.suspect(fork, identity, named)), 'SEGMENT_MISSING');
  }
});
