/** Mark, condemn, wait, delete: what nobody needs goes, and nothing else. */
import { test } from 'tap';
import { sha256 } from '#protocol/format/digest.ts';
import { detailObject, refsObject, segmentObject } from '#protocol/format/object-name.ts';
import { localGrant } from '#server/auth/grant.ts';
import { LIFETIMES } from '#server/entries/lifetimes.ts';
import { sweep } from '#server/retention/sweep-job.ts';
import { archiveBytes, codeOf, lookup, ROOT, save } from '../entries/open-entries.ts';
import { commitRequest, type MadeSegment, someSegments } from '../made-segments.ts';
import { DAY, HOUR, openRetention, segmentsIn } from './open-retention.ts';

const OPENING = { kind: 'npm', name: 'shop', key: 'npm/shop/late', roots: [ROOT] };

const identitiesOf = (segments: MadeSegment[]) => segments.map(({ identity }) => identity);

test('what an entry needs stays, what nobody needs goes, in the second cycle and not before', async (t) => {
  const { entries, bucket, wait, sweep, said } = await openRetention(t);
  const kept = someSegments(3, 'kept');
  const left = someSegments(2, 'left');
  await save(entries, 'npm/shop/a', kept);
  const { entry } = await save(entries, 'npm/shop/b', [...left, kept[0] as MadeSegment]);
  await entries.remove(localGrant, entry);
  wait(LIFETIMES.grace);
  await sweep();
  t.equal(segmentsIn(bucket).length, 5, 'condemned, and still there');
  t.equal(bucket.names('condemned/local/segments/').length, 1);
  await sweep();
  t.equal(segmentsIn(bucket).length, 5, 'a cycle waits before it deletes');
  wait(LIFETIMES.hold);
  await sweep();
  t.equal(segmentsIn(bucket).length, 5, 'nothing is deleted by the cycle that condemned it');
  wait(LIFETIMES.hold);
  await sweep();
  t.same(segmentsIn(bucket).sort(), identitiesOf(kept).sort());
  t.same(bucket.names('condemned/'), []);
  t.match(said.join('\n'), /condemned: {"cycle":1,"objects":2}/);
  t.match(said.join('\n'), /swept: {"cycle":2,"deleted":2,"spared":0,"bytes":\d+}/);
  t.equal((await lookup(entries, ['npm/shop/a'])).hit, 'exact');
  t.ok((await archiveBytes(entries, (await lookup(entries, ['npm/shop/a'])).entry?.id ?? '')).length > 0);
});

test('nothing younger than the grace is condemned, whether anybody needs it or not', async (t) => {
  const { entries, bucket, wait, sweep, twoCycles } = await openRetention(t);
  const [segment] = someSegments(1) as [MadeSegment];
  await entries.admit(localGrant, Buffer.from(segment.stored));
  wait(LIFETIMES.grace - HOUR);
  await sweep();
  t.same(bucket.names('condemned/'), []);
  await twoCycles();
  t.same(segmentsIn(bucket), [segment.identity]);
  await twoCycles();
  t.same(segmentsIn(bucket), []);
});

test('details and times are kept with their entry, and go when it has gone', async (t) => {
  const { entries, bucket, wait, twoCycles } = await openRetention(t);
  const details = ['["a","1"]\n', '["b","1"]\n'].map((text) => Buffer.from(text));
  const times = Buffer.alloc(16, 1);
  for (const bytes of [...details, times]) await entries.putDetail(localGrant, sha256(bytes), bytes);
  const inputs = [{ name: 'lockfile', digest: sha256(details[0] as Buffer), detail: true as const }];
  const { entry } = await save(entries, 'npm/shop/a', someSegments(1), {
    request: { inputs, times: sha256(times) },
  });
  wait(LIFETIMES.grace);
  await twoCycles();
  const needed = [details[0] as Buffer, times].map((bytes) => detailObject('local', sha256(bytes)));
  t.same(bucket.names('details/'), needed.sort());
  await entries.remove(localGrant, entry);
  wait(LIFETIMES.grace);
  await twoCycles();
  t.same(bucket.names('details/'), []);
  t.same(bucket.names('segments/'), []);
});

test('what an open session has a list of stays, and a commit finds it', async (t) => {
  const { entries, bucket, wait, twoCycles, now } = await openRetention(t, {
    lifetimes: { session: 30 * HOUR, hold: HOUR },
  });
  const segments = someSegments(2);
  const { entry } = await save(entries, 'npm/shop/a', segments);
  await entries.remove(localGrant, entry);
  wait(LIFETIMES.grace);
  const { save: id } = await entries.openSave(localGrant, OPENING);
  t.same(await entries.lack(localGrant, id, identitiesOf(segments)), []);
  const opened = now();
  for (let cycles = 0; cycles < 3; cycles++) await twoCycles();
  wait(opened + 29 * HOUR - now());
  t.equal((await entries.commit(localGrant, id, commitRequest({ [ROOT]: segments }))).outcome, 'committed');
  wait(10 * DAY);
  for (let cycles = 0; cycles < 3; cycles++) await twoCycles();
  t.equal(segmentsIn(bucket).length, 2, 'and then because the entry needs it');
});

test('a save is told that it lacks what is condemned, and what it sends again is not deleted', async (t) => {
  const { entries, bucket, wait, sweep } = await openRetention(t);
  const segments = someSegments(2);
  const { entry } = await save(entries, 'npm/shop/a', segments);
  await entries.remove(localGrant, entry);
  wait(LIFETIMES.grace);
  await sweep();
  wait(LIFETIMES.hold);
  await sweep();
  wait(LIFETIMES.hold);
  const { save: id } = await entries.openSave(localGrant, OPENING);
  t.same(await entries.lack(localGrant, id, identitiesOf(segments)), identitiesOf(segments));
  for (const { stored } of segments) {
    t.equal((await entries.admit(localGrant, Buffer.from(stored))).status, 'stored', 'it is put again');
  }
  await sweep();
  t.equal(segmentsIn(bucket).length, 2);
  t.equal((await entries.commit(localGrant, id, commitRequest({ [ROOT]: segments }))).outcome, 'committed');
});

test('a commit puts again what was condemned after its save was told to have it', async (t) => {
  const { entries, bucket, wait, sweep, twoCycles } = await openRetention(t);
  const detail = Buffer.from('["a","1"]\n');
  const segments = someSegments(2);
  const { entry } = await save(entries, 'npm/shop/a', segments);
  await entries.remove(localGrant, entry);
  await entries.putDetail(localGrant, sha256(detail), detail);
  wait(LIFETIMES.grace);
  await sweep();
  // Not asked for, so that nothing protects it but the commit itself.
  const { save: id } = await entries.openSave(localGrant, OPENING);
  const inputs = [{ name: 'lockfile', digest: sha256(detail), detail: true as const }];
  const before = bucket
    .names('')
    .filter((name) => /^(segments|details)/.test(name))
    .map((name) => bucket.objects.get(name)?.etag);
  const { entry: next } = await entries.commit(
    localGrant,
    id,
    commitRequest({ [ROOT]: segments }, { inputs }),
  );
  const after = bucket
    .names('')
    .filter((name) => /^(segments|details)/.test(name))
    .map((name) => bucket.objects.get(name)?.etag);
  t.equal(after.filter((etag) => before.includes(etag)).length, 0, 'all three are new versions');
  for (let cycles = 0; cycles < 3; cycles++) await twoCycles();
  t.ok((await archiveBytes(entries, next)).length > 0);
  t.same(await entries.detail(localGrant, sha256(detail)), detail);
});

test('a detail that is sent again is put again when it is not young', async (t) => {
  const { entries, bucket, wait } = await openRetention(t);
  const detail = Buffer.from('["a","1"]\n');
  const name = detailObject('local', sha256(detail));
  t.equal(await entries.putDetail(localGrant, sha256(detail), detail), 'stored');
  const first = bucket.objects.get(name)?.etag;
  t.equal(await entries.putDetail(localGrant, sha256(detail), detail), 'had');
  t.equal(bucket.objects.get(name)?.etag, first);
  wait(LIFETIMES.session);
  t.equal(await entries.putDetail(localGrant, sha256(detail), detail), 'had');
  t.not(bucket.objects.get(name)?.etag, first);
});

test('a list beside an entry that is another’s, torn or missing is not believed: the manifest is read, and it is written anew', async (t) => {
  const harms: Record<string, (before: Buffer) => Buffer | undefined> = {
    missing: () => undefined,
    'of another version': (before) => Buffer.concat([Buffer.alloc(32, 7), before.subarray(32, 64)]),
    torn: (before) => before.subarray(0, 50),
    empty: () => Buffer.alloc(0),
  };
  for (const [what, harm] of Object.entries(harms)) {
    const { entries, bucket, wait, twoCycles, now } = await openRetention(t);
    const segments = someSegments(3);
    const detail = Buffer.from('["a","1"]\n');
    await entries.putDetail(localGrant, sha256(detail), detail);
    const inputs = [{ name: 'lockfile', digest: sha256(detail), detail: true as const }];
    await save(entries, 'npm/shop/a', segments, { request: { inputs } });
    const [manifest = ''] = bucket.names('entries/');
    const refs = refsObject(manifest);
    const before = bucket.objects.get(refs)?.bytes ?? Buffer.alloc(0);
    const after = harm(before);
    if (after === undefined) bucket.drop(refs);
    else bucket.keep(refs, after, now());
    wait(LIFETIMES.grace);
    await twoCycles();
    t.same(segmentsIn(bucket).sort(), identitiesOf(segments).sort(), what);
    t.equal(bucket.names('details/').length, 1, what);
    t.ok(bucket.objects.get(refs)?.bytes.equals(before), `${what}: written anew`);
  }
});

test('where a newer program wrote a manifest and its list does not fit, nothing is deleted', async (t) => {
  const { entries, bucket, wait, sweep, now } = await openRetention(t);
  const { entry } = await save(entries, 'npm/shop/a', someSegments(1));
  await save(entries, 'npm/shop/b', someSegments(1, 'b'));
  await entries.remove(localGrant, entry);
  const [manifest = ''] = bucket.names('entries/');
  bucket.keep(manifest, Buffer.from(JSON.stringify({ manifest: { format: 99 }, signature: {} })), now());
  wait(LIFETIMES.grace);
  t.equal(await codeOf(sweep()), 'FORMAT_TOO_NEW');
  t.same(bucket.names('condemned/'), []);
  t.equal(segmentsIn(bucket).length, 2);
});

test('what one domain needs does not keep what another has left, nor is it lost with it', async (t) => {
  const { entries, bucket, wait, twoCycles } = await openRetention(t);
  const segments = someSegments(2);
  const other = { ...localGrant, domain: 'github:4711' };
  await save(entries, 'npm/shop/a', segments);
  const { entry } = await save(entries, 'npm/shop/a', segments, { grant: other });
  await entries.remove(other, entry);
  wait(LIFETIMES.grace);
  await twoCycles();
  t.same(
    bucket.names('segments/').map((name) => name.split('/')[1]),
    ['local', 'local'],
  );
});

test('a cycle is taken up by another worker wherever it was interrupted', async (t) => {
  const garbage = someSegments(2, 'garbage');
  const kept = someSegments(2, 'kept');
  for (let interrupted = 1; interrupted < 60; interrupted += 1) {
    const { entries, bucket, wait, retention, sweep: run } = await openRetention(t);
    await save(entries, 'npm/shop/a', kept);
    for (const { stored } of garbage) await entries.admit(localGrant, Buffer.from(stored));
    wait(LIFETIMES.grace);
    let calls = 0;
    const dying = new Proxy(retention.store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function' || name === 'now') return value;
        return (...given: unknown[]) => {
          calls += 1;
          if (calls >= interrupted) throw new Error('the worker has died');
          return value.apply(target, given);
        };
      },
    });
    let died = 0;
    for (let runs = 0; runs < 3; runs++) {
      const parts = died === 0 ? { ...retention, store: dying } : retention;
      await sweep(parts, true, new AbortController().signal).catch(() => (died += 1));
      if (died === 1) await run();
      if (died === 1) died = 2;
      wait(LIFETIMES.hold);
    }
    t.same(segmentsIn(bucket).sort(), identitiesOf(kept).sort(), `died at its call ${interrupted}`);
    if (died === 0) break;
  }
});

test('a run does nothing before it is due, unless it is asked for', async (t) => {
  const { retention, said, wait } = await openRetention(t);
  const run = (isAsked: boolean) => sweep(retention, isAsked, new AbortController().signal);
  await run(false);
  await run(true);
  t.equal(said.filter((line) => line.startsWith('marked')).length, 1, 'it waits for those who read');
  wait(LIFETIMES.hold);
  await run(false);
  t.match(said.at(-1), /^swept/, 'the next cycle is not due');
  await run(true);
  t.equal(said.filter((line) => line.startsWith('marked')).length, 2);
});

test('lists of sessions, retired manifests, damaged bytes and orphans go when they are old', async (t) => {
  const { entries, bucket, wait, sweep, now } = await openRetention(t);
  const { entry } = await save(entries, 'npm/shop/a', someSegments(1));
  await save(entries, 'npm/shop/b', someSegments(1, 'b'));
  await entries.remove(localGrant, entry);
  bucket.keep('quarantine/local/20300101T000000000Z/segments/ab/x', Buffer.from('x'), now());
  const [manifest = ''] = bucket.names('entries/');
  bucket.keep(refsObject(manifest.replace('/b@', '/gone@')), Buffer.alloc(32), now());
  const list = bucket.objects.get(refsObject(manifest))?.etag;
  const areas = () =>
    ['uploads/', 'retired/', 'quarantine/', 'entries/'].map((area) => bucket.names(area).length);
  await sweep();
  t.same(areas(), [6, 1, 1, 3]);
  wait(LIFETIMES.grace);
  await sweep();
  t.same(areas().slice(0, 1), [2], 'what the sessions were is known a while longer');
  wait(31 * DAY);
  await sweep();
  await sweep();
  t.same(areas(), [0, 0, 0, 2]);
  t.equal(bucket.objects.get(refsObject(manifest))?.etag, list, 'the list of what is there is left alone');
  t.equal((await lookup(entries, ['npm/shop/b'])).hit, 'exact');
});

test('a segment that was deleted is forgotten by the index too', async (t) => {
  const { entries, parts, wait, twoCycles } = await openRetention(t);
  const [segment] = someSegments(1) as [MadeSegment];
  await entries.admit(localGrant, Buffer.from(segment.stored));
  wait(LIFETIMES.grace);
  await twoCycles();
  t.equal((await parts.index.segments('local', [segment.identity])).size, 0);
  t.equal(await parts.store.head(segmentObject('local', segment.identity)), undefined);
});
