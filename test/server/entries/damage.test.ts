/** Damaged segments: found, quarantined, healed by the next save; never called "have it" while in doubt. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { segmentObject } from '#protocol/format/object-name.ts';
import { localGrant } from '#server/auth/grant.ts';
import { damaged, type MadeSegment, someSegments, storedOtherwise } from '../made-segments.ts';
import {
  archiveBytes,
  codeOf,
  instead,
  lookup,
  type OpenEntries,
  objects,
  openEntries,
  ROOT,
  save,
} from './open-entries.ts';

const KEY = 'npm/shop/a';

function fileOf({ folder }: OpenEntries, { identity }: MadeSegment): string {
  return join(folder, 'objects', segmentObject('local', identity));
}

/** As a failing disk does it: the file's times stay. */
function rot(file: string): void {
  const bytes = damaged(readFileSync(file));
  writeFileSync(file, bytes);
}

test('S1: what is not one verified segment leaves nothing behind', async (t) => {
  const open = await openEntries(t);
  const [segment, other] = someSegments(2) as [MadeSegment, MadeSegment];
  const { stored, identity } = segment;
  const bad: Record<string, [Buffer, string, string]> = {
    'a flipped bit': [damaged(stored), identity, 'SEGMENT_DAMAGED'],
    'cut short': [stored.subarray(0, -1), identity, 'SEGMENT_UNREADABLE'],
    'something behind it': [Buffer.concat([stored, Buffer.alloc(1)]), identity, 'SEGMENT_UNREADABLE'],
    'another segment': [other.stored, identity, 'SEGMENT_DAMAGED'],
    'no frame at all': [Buffer.alloc(300, 7), identity, 'SEGMENT_UNREADABLE'],
    nothing: [Buffer.alloc(0), identity, 'SEGMENT_UNREADABLE'],
  };
  for (const [what, [bytes, name, code]] of Object.entries(bad)) {
    t.equal(await codeOf(open.entries.admit(localGrant, Buffer.from(bytes), name)), code, what);
  }
  t.same(await objects(open.parts, ''), []);
  t.equal((await open.parts.index.segments('local', [identity])).size, 0);
});

test('the first writer’s bytes serve both, whatever the second one’s compression', async (t) => {
  const { entries, parts } = await openEntries(t);
  const [segment] = someSegments(1) as [MadeSegment];
  t.equal((await entries.admit(localGrant, Buffer.from(segment.stored))).status, 'stored');
  t.equal((await entries.admit(localGrant, Buffer.from(segment.stored))).status, 'had');
  t.equal((await entries.admit(localGrant, storedOtherwise(segment))).status, 'had');
  const found = await parts.store.get(segmentObject('local', segment.identity));
  t.ok(found !== undefined && found !== 'changed' && found.bytes.equals(segment.stored));
});

test('a damaged copy is replaced when the segment comes again, and kept aside', async (t) => {
  const open = await openEntries(t);
  const { entries, parts, told } = open;
  const [segment] = someSegments(1) as [MadeSegment];
  await entries.admit(localGrant, Buffer.from(segment.stored));
  rot(fileOf(open, segment));
  t.equal((await entries.admit(localGrant, storedOtherwise(segment))).status, 'stored');
  t.match(told.join(), new RegExp(`damaged: ${segment.identity}.*healed: ${segment.identity}`));
  t.equal((await objects(parts, 'quarantine/')).length, 1);
  const row = (await parts.index.segments('local', [segment.identity])).get(segment.identity);
  t.equal(row?.length, storedOtherwise(segment).length, 'the index has learnt where it is now');
});

test('S7c: a segment of a key is damaged, the key is rebuilt with other content and saved: it restores', async (t) => {
  const open = await openEntries(t);
  const { entries, told } = open;
  const old = someSegments(3, 'old');
  const { entry } = await save(entries, KEY, old);
  rot(fileOf(open, old[1] as MadeSegment));
  const report = await entries.suspect(localGrant, old[1]?.identity ?? '', entry);
  t.same(report, { confirmed: true, retired: [entry] });
  t.equal((await lookup(entries, [KEY])).hit, 'none');
  const rebuilt = [old[0] as MadeSegment, ...someSegments(2, 'new')];
  const next = await save(entries, KEY, rebuilt);
  t.equal(next.outcome, 'committed');
  const bytes = await archiveBytes(entries, next.entry);
  t.ok(bytes.indexOf(Buffer.concat(rebuilt.map(({ stored }) => stored))) === 0);
  t.match(told.join(), /retired/);
});

test('S7c: also where the same content is rebuilt, and where nobody reported anything', async (t) => {
  for (const harm of [rot, (file: string) => truncateSync(file, 100)]) {
    const open = await openEntries(t);
    const { entries, parts } = open;
    const segments = someSegments(3);
    const first = await save(entries, KEY, segments);
    harm(fileOf(open, segments[1] as MadeSegment));
    const next = await save(entries, KEY, segments);
    t.equal(next.outcome, 'committed', 'the entry that was not whole has made way');
    t.not(next.entry, first.entry);
    t.ok((await archiveBytes(entries, next.entry)).length > 0);
    t.equal((await objects(parts, 'quarantine/')).length, 1);
  }
});

test('a damaged segment is found on read: no byte of it leaves, the entry is retired, the key can be saved', async (t) => {
  for (const harm of [
    rot,
    (file: string) => truncateSync(file, 100),
    (file: string) => writeFileSync(file, ''),
  ]) {
    const open = await openEntries(t);
    const { entries, told, parts } = open;
    const segments = someSegments(3);
    const { entry } = await save(entries, KEY, segments);
    t.equal((await lookup(entries, [KEY])).hit, 'exact');
    harm(fileOf(open, segments[1] as MadeSegment));
    const sent: Buffer[] = [];
    const archive = await entries.archive(localGrant, entry);
    const reading = async () => {
      for await (const { bytes } of entries.send(archive, 0, archive.bytes)) sent.push(bytes);
    };
    t.equal(await codeOf(reading()), 'ENTRY_MISSING');
    t.ok(Buffer.concat(sent).equals(segments[0]?.stored ?? Buffer.alloc(0)), 'only what stands before it');
    t.match(told.join(), new RegExp(`damaged: ${segments[1]?.identity}.*retired`));
    await parts.queue.idle();
    t.equal((await lookup(entries, [KEY])).hit, 'none');
    t.equal((await save(entries, KEY, segments)).outcome, 'committed');
  }
});

test('a report that is not true changes nothing', async (t) => {
  const { entries } = await openEntries(t);
  const segments = someSegments(2);
  const { entry } = await save(entries, KEY, segments);
  const report = await entries.suspect(localGrant, segments[0]?.identity ?? '', entry);
  t.same(report, { confirmed: false, retired: [] });
  t.equal((await lookup(entries, [KEY])).hit, 'exact');
});

test('a true report about a segment that the named entry does not use retires nothing', async (t) => {
  const { entries } = await openEntries(t);
  const { entry } = await save(entries, KEY, someSegments(2));
  const report = await entries.suspect(localGrant, 'd'.repeat(64), entry);
  t.same(report, { confirmed: true, retired: [] });
  t.equal((await lookup(entries, [KEY])).hit, 'exact');
});

test('a confirmed report has every segment of the entry verified before it is answered', async (t) => {
  const open = await openEntries(t);
  const { entries, parts } = open;
  const segments = someSegments(4);
  const { entry } = await save(entries, KEY, segments);
  for (const at of [0, 2, 3]) rot(fileOf(open, segments[at] as MadeSegment));
  await entries.suspect(localGrant, segments[0]?.identity ?? '', entry);
  t.equal((await objects(parts, 'quarantine/')).length, 3);
  t.same(await objects(parts, 'segments/'), [segmentObject('local', segments[1]?.identity ?? '')]);
});

test('until they have been verified, none of the entry’s segments counts as there', async (t) => {
  let answered: string[] | undefined;
  let asking: Promise<void> | undefined;
  const open = await openEntries(t, {
    change: (all) => {
      const verify: typeof all.verifier.verify = async (stored) => {
        await asking;
        return all.verifier.verify(stored);
      };
      return { ...all, verifier: { verify } };
    },
  });
  const { entries } = open;
  const segments = someSegments(3);
  const { entry } = await save(entries, KEY, segments);
  await save(entries, 'npm/shop/b', someSegments(1, 'apart'));
  rot(fileOf(open, segments[0] as MadeSegment));
  const { save: id } = await entries.openSave(localGrant, {
    kind: 'npm',
    name: 'shop',
    key: 'npm/shop/c',
    roots: [ROOT],
  });
  const identities = [...segments, ...someSegments(1, 'apart')].map(({ identity }) => identity);
  open.parts.reach = (point) => {
    // In the middle of the report: the entry has been retired, its other segments are being looked at.
    if (point !== 'retire-deleted') return;
    asking = entries.lack(localGrant, id, identities).then((lack) => {
      answered = lack;
    });
  };
  await entries.suspect(localGrant, segments[0]?.identity ?? '', entry);
  t.same(answered, identities.slice(0, 3), 'the three are lacking, the one apart is not');
  t.same(
    await entries.lack(localGrant, id, identities),
    identities.slice(0, 1),
    'afterwards only the bad one is',
  );
});

test('entries that share a damaged segment are no hits either', async (t) => {
  const open = await openEntries(t);
  const { entries } = open;
  const shared = someSegments(1, 'shared') as [MadeSegment];
  const first = await save(entries, 'npm/shop/a', [...shared, ...someSegments(1, 'a')]);
  await save(entries, 'npm/shop/b', [...shared, ...someSegments(1, 'b')]);
  t.equal((await lookup(entries, ['npm/shop/b'])).hit, 'exact', 'and its answer is in memory');
  rot(fileOf(open, shared[0]));
  await entries.suspect(localGrant, shared[0].identity, first.entry);
  const miss = await lookup(entries, ['npm/shop/b']);
  t.equal(miss.hit, 'none');
  t.match(miss.reason, /is not there\) and has been retired/);
});

test('after the machine stopped uncleanly each segment is verified at its first read', async (t) => {
  const first = await openEntries(t);
  const [lost, fine, torn] = someSegments(3) as [MadeSegment, MadeSegment, MadeSegment];
  await save(first.entries, 'npm/shop/a', [lost]);
  const { entry } = await save(first.entries, 'npm/shop/b', [fine, torn]);
  // What a power cut leaves of bytes that were not yet on disk: the name, the size, and zeros for all of it or a part.
  const zeros = (file: string, bytes?: number) => writeFileSync(file, readFileSync(file).fill(0, 0, bytes));
  zeros(fileOf(first, lost));
  zeros(fileOf(first, torn), 20);
  const verified: number[] = [];
  const { entries } = await openEntries(t, {
    folder: first.folder,
    change: (all) => {
      const verify: typeof all.verifier.verify = async (stored) => {
        verified.push(stored.length);
        return all.verifier.verify(stored);
      };
      const store = instead(all.store, { doubtedBefore: Date.now() + 60_000 });
      return { ...all, store, verifier: { verify } };
    },
  });
  t.equal((await lookup(entries, ['npm/shop/a'])).hit, 'none', 'it has not even a trailer');
  t.equal((await lookup(entries, ['npm/shop/b'])).hit, 'exact');
  verified.length = 0;
  t.equal(await codeOf(archiveBytes(entries, entry)), 'ENTRY_MISSING');
  t.same(verified, [fine.stored.length, torn.stored.length], 'the good one before it was verified too');
  t.equal((await save(entries, 'npm/shop/b', [fine, torn])).outcome, 'committed');
});

test('after the machine stopped uncleanly nothing is called "have it" that has not been verified', async (t) => {
  const first = await openEntries(t);
  const [fine, torn] = someSegments(2) as [MadeSegment, MadeSegment];
  await save(first.entries, KEY, [fine, torn]);
  const file = fileOf(first, torn);
  writeFileSync(file, readFileSync(file).fill(0, 0, 20));
  const { entries } = await openEntries(t, {
    folder: first.folder,
    change: (all) => ({ ...all, store: instead(all.store, { doubtedBefore: Date.now() + 60_000 }) }),
  });
  const opening = { kind: 'npm', name: 'shop', key: 'npm/shop/b', roots: [ROOT] };
  const { save: id } = await entries.openSave(localGrant, opening);
  t.same(await entries.lack(localGrant, id, [fine.identity, torn.identity]), [torn.identity]);
});

test('what has been verified once since is not verified at every read', async (t) => {
  let verified = 0;
  const { entries } = await openEntries(t, {
    change: (all) => {
      const verify: typeof all.verifier.verify = async (stored) => {
        verified++;
        return all.verifier.verify(stored);
      };
      return {
        ...all,
        store: instead(all.store, { doubtedBefore: Date.now() + 60_000 }),
        verifier: { verify },
      };
    },
  });
  const { entry } = await save(entries, KEY, someSegments(2));
  verified = 0;
  await archiveBytes(entries, entry);
  await archiveBytes(entries, entry);
  t.equal(verified, 0, 'they were verified when they came');
});
