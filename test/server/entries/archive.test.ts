import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { archiveEnd } from '#protocol/format/frame.ts';
import { segmentObject } from '#protocol/format/object-name.ts';
import { archiveTag } from '#protocol/wire/archive-tag.ts';
import { localGrant } from '#server/auth/grant.ts';
import {
  commitRequest,
  type MadeSegment,
  noise,
  segmentOf,
  someSegments,
  storedOtherwise,
} from '../made-segments.ts';
import { archiveBytes, codeOf, lookup, openEntries, save } from './open-entries.ts';

/** What tar makes of an archive: contents by path. */
function unpacked(t: Test, archive: Buffer): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'cachalot-unpacked-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync('tar', ['--zstd', '-x', '-C', folder], { input: archive });
  const names = execFileSync('find', [folder, '-type', 'f', '-printf', '%P\n'], { encoding: 'utf8' });
  const paths = names
    .split('\n')
    .filter((path) => path !== '')
    .sort();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path), 'utf8')]));
}

test('an archive is its segments one after another and the end of a tar stream, and any part of it can be had', async (t) => {
  const { entries } = await openEntries(t);
  const segments = someSegments(4);
  const { entry } = await save(entries, 'npm/shop/a', segments);
  const whole = Buffer.concat([...segments.map(({ stored }) => stored), archiveEnd()]);
  t.ok((await archiveBytes(entries, entry)).equals(whole));
  const archive = await entries.archive(localGrant, entry);
  t.equal(archive.bytes, whole.length);
  const edge = segments[0]?.stored.length ?? 0;
  const end = whole.length;
  for (const [from, to] of [
    [0, 1],
    [edge - 1, edge + 1],
    [edge, edge * 2 + 7],
    [end - 20, end],
    [end - 3, end],
    [5, 5],
    [0, end],
  ]) {
    const chunks: Buffer[] = [];
    for await (const { bytes } of entries.send(archive, from ?? 0, to ?? 0)) chunks.push(bytes);
    t.ok(Buffer.concat(chunks).equals(whole.subarray(from, to)), `${from} to ${to}`);
  }
});

test('its tag is the one that a reader computes from the layout', async (t) => {
  const { entries } = await openEntries(t);
  const { entry } = await save(entries, 'npm/shop/a', someSegments(3));
  const found = await lookup(entries, ['npm/shop/a']);
  const { layout } = JSON.parse(`{${found.entry?.answer.toString()}}`);
  t.equal((await entries.archive(localGrant, entry)).tag, archiveTag(layout));
});

test('an entry with roots in several anchors has an archive for each', async (t) => {
  const { entries } = await openEntries(t);
  const workspace = [segmentOf({ 'node_modules/a.txt': 'in the workspace' })];
  const home = [segmentOf({ '.cache/b.txt': 'at home' })];
  const roots = { 'workspace:node_modules': workspace, 'home:.cache': home };
  const { save: id } = await entries.openSave(localGrant, {
    kind: 'npm',
    name: 'shop',
    key: 'npm/shop/a',
    roots: Object.keys(roots),
  });
  for (const { stored } of [...workspace, ...home]) await entries.admit(localGrant, Buffer.from(stored));
  const { entry } = await entries.commit(localGrant, id, commitRequest(roots));
  const read = async (anchor?: 'workspace' | 'home') => {
    const archive = await entries.archive(localGrant, entry, anchor);
    const chunks: Buffer[] = [];
    for await (const { bytes } of entries.send(archive, 0, archive.bytes)) chunks.push(bytes);
    return unpacked(t, Buffer.concat(chunks));
  };
  t.same(await read('workspace'), { 'node_modules/a.txt': 'in the workspace' });
  t.same(await read('home'), { '.cache/b.txt': 'at home' });
  t.same(Object.keys(await read()), ['.cache/b.txt', 'node_modules/a.txt']);
  t.equal(await codeOf(entries.archive(localGrant, entry, 'abs')), 'REQUEST_INVALID');
});

test('S7b: two writers with other zstd levels and entries that share segments restore, in both orders', async (t) => {
  const shared = segmentOf({ 'node_modules/shared.txt': 'the same for both '.repeat(300) });
  const entriesOf: Record<string, MadeSegment[]> = {
    'npm/one/a': [shared, segmentOf({ 'node_modules/one.txt': 'first '.repeat(300) })],
    'npm/two/a': [segmentOf({ 'node_modules/two.txt': 'second '.repeat(300) }), shared],
  };
  const contents: Record<string, Record<string, string>> = {
    'npm/one/a': {
      'node_modules/one.txt': 'first '.repeat(300),
      'node_modules/shared.txt': 'the same for both '.repeat(300),
    },
    'npm/two/a': {
      'node_modules/shared.txt': 'the same for both '.repeat(300),
      'node_modules/two.txt': 'second '.repeat(300),
    },
  };
  for (const order of [
    ['npm/one/a', 'npm/two/a'],
    ['npm/two/a', 'npm/one/a'],
  ]) {
    const open = await openEntries(t);
    const { entries, parts } = open;
    // Both writers send everything, as they do when they ask at the same time.
    for (const [at, key] of order.entries()) {
      for (const segment of entriesOf[key] ?? []) {
        await entries.admit(localGrant, at === 0 ? Buffer.from(segment.stored) : storedOtherwise(segment));
      }
      await save(entries, key, entriesOf[key] ?? []);
    }
    const check = async () => {
      for (const key of order) {
        const found = await lookup(entries, [key]);
        t.same(unpacked(t, await archiveBytes(entries, found.entry?.id ?? '')), contents[key]);
      }
    };
    await check();
    // A scrub that finds the copy bad makes the next writer's bytes the ones that count.
    await parts.store.put(segmentObject('local', shared.identity), Buffer.from('damaged'));
    await entries.admit(localGrant, storedOtherwise(shared));
    await check();
  }
});

test('D5: a segment that was rewritten between two ranges is never mixed with the old one', async (t) => {
  const { entries, parts } = await openEntries(t);
  const segments = someSegments(3) as [MadeSegment, MadeSegment, MadeSegment];
  const { entry } = await save(entries, 'npm/shop/a', segments);
  const before = await entries.archive(localGrant, entry);
  const rewritten = storedOtherwise(segments[1]);
  await parts.store.put(segmentObject('local', segments[1].identity), rewritten);
  const read = async (archive: typeof before) => {
    const chunks: Buffer[] = [];
    for await (const { bytes } of entries.send(archive, 0, archive.bytes)) chunks.push(bytes);
    return Buffer.concat(chunks);
  };
  t.equal(await codeOf(read(before)), 'LAYOUT_STALE');
  const after = await entries.archive(localGrant, entry);
  t.not(after.tag, before.tag);
  t.ok(
    (await read(after)).equals(
      Buffer.concat([segments[0].stored, rewritten, segments[2].stored, archiveEnd()]),
    ),
  );
});

test('a reader that goes away in the middle leaves no file open', async (t) => {
  const { entries, parts } = await openEntries(t);
  let open = 0;
  const read = parts.store.read.bind(parts.store);
  parts.store.read = async (...given) => {
    const stream = await read(...given);
    if (typeof stream !== 'object') return stream;
    open++;
    stream.once('close', () => open--);
    return stream;
  };
  const { entry } = await save(entries, 'npm/shop/a', [
    segmentOf({ 'node_modules/noise': noise(2_000_000, 1) }),
  ]);
  const archive = await entries.archive(localGrant, entry);
  const reading = entries.send(archive, 0, archive.bytes);
  await reading.next();
  await reading.return(undefined);
  await setImmediate();
  t.equal(open, 0);
});

test('the first bytes of an archive are whole segments', async (t) => {
  const { entries } = await openEntries(t);
  const segments = someSegments(3) as [MadeSegment, MadeSegment, MadeSegment];
  await save(entries, 'npm/shop/a', segments);
  const { entry } = await lookup(entries, ['npm/shop/a']);
  if (entry === undefined) throw new Error('a miss');
  const [one, two] = segments.map(({ stored }) => stored.length) as [number, number];
  t.equal(await entries.firstBytes(entry, one - 1), undefined);
  t.ok((await entries.firstBytes(entry, one + two - 1))?.equals(segments[0].stored));
  t.equal(
    (await entries.firstBytes(entry, 1_000_000))?.length,
    segments.reduce((sum, { stored }) => sum + stored.length, 0),
  );
});
