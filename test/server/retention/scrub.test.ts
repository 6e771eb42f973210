/** What the disk has damaged is found before anybody needs it, at a bounded rate. */
import { test } from 'tap';
import { sha256 } from '#protocol/format/digest.ts';
import { detailObject, segmentObject } from '#protocol/format/object-name.ts';
import { localGrant } from '#server/auth/grant.ts';
import { SCRUB } from '#server/retention/retention.ts';
import { scrub } from '#server/retention/scrub.ts';
import { lookup, save } from '../entries/open-entries.ts';
import { type MadeSegment, someSegments } from '../made-segments.ts';
import { HOUR, openRetention } from './open-retention.ts';

const NEVER = new AbortController().signal;

test('a damaged segment and a damaged detail are quarantined, and the next save heals them', async (t) => {
  const { entries, bucket, retention, said, wait } = await openRetention(t);
  const segments = someSegments(3);
  const detail = Buffer.from('["a","1"]\n');
  await entries.putDetail(localGrant, sha256(detail), detail);
  await save(entries, 'npm/shop/a', segments);
  bucket.rot(segmentObject('local', segments[1]?.identity ?? ''));
  bucket.rot(detailObject('local', sha256(detail)));
  await scrub(retention, true, NEVER);
  t.equal(bucket.names('quarantine/').length, 2);
  t.match(said.at(-1), /scrubbed: {"objects":4,"bytes":\d+,"damaged":2}/);
  wait(HOUR);
  t.equal((await lookup(entries, ['npm/shop/a'])).hit, 'none', 'the entry is not whole, and has left');
  t.equal((await save(entries, 'npm/shop/a', segments)).outcome, 'committed');
  await scrub(retention, true, NEVER);
  t.match(said.at(-1), /"damaged":0/);
});

test('it reads no faster than it may', async (t) => {
  const { entries, retention, now, bucket } = await openRetention(t, {
    parts: { scrub: { ...SCRUB, bytesPerSecond: 100 } },
  });
  await save(entries, 'npm/shop/a', someSegments(4));
  const bytes = bucket
    .names('segments/')
    .reduce((sum, name) => sum + (bucket.objects.get(name)?.bytes.length ?? 0), 0);
  const begun = now();
  await scrub(retention, true, NEVER);
  t.ok(now() - begun >= (bytes / 100) * 1000 - 1);
  t.ok(now() - begun < (bytes / 100) * 1000 + 1000);
});

test('a run takes a bounded time, and the next one goes on where it was; a pass waits for its time', async (t) => {
  const { entries, retention, said, bucket, wait } = await openRetention(t, {
    parts: { scrub: { bytesPerSecond: 100, run: 5_000, every: 24 * HOUR } },
  });
  const segments = someSegments(6);
  await save(entries, 'npm/shop/a', segments);
  bucket.rot(
    segmentObject(
      'local',
      segments
        .map(({ identity }) => identity)
        .sort()
        .at(-1) as string,
    ),
  );
  let runs = 0;
  for (; runs < 50 && said.length === 0; runs++) await scrub(retention, false, NEVER);
  t.ok(runs > 1, `${runs} runs`);
  t.match(said.at(-1), /"objects":6,.*"damaged":1/);
  wait(23 * HOUR);
  await scrub(retention, false, NEVER);
  t.equal(said.length, 1);
  wait(HOUR);
  for (; runs < 100 && said.length === 1; runs++) await scrub(retention, false, NEVER);
  t.match(said.at(-1), /"objects":5,/);
});

test('what somebody else has put among the segments is passed over', async (t) => {
  const { entries, retention, said, bucket, now } = await openRetention(t);
  const [segment] = someSegments(1) as [MadeSegment];
  await entries.admit(localGrant, Buffer.from(segment.stored));
  for (const name of ['segments/local/ab/readme.txt', 'segments/%zz/ab/x', 'segments/x'])
    bucket.keep(name, Buffer.from('x'), now());
  await scrub(retention, true, NEVER);
  t.match(said.at(-1), /"objects":1,.*"damaged":0/);
  t.equal(bucket.names('segments/').length, 4);
});
