/**
 * `kill -9` at every point of a save, of a replacement and of a retirement (hardening.md, faults): after a restart there is the
 * old state or the new one, a hit is exactly what was committed, and the key can be saved.
 */
import { type Test, test } from 'tap';
import { archiveEnd } from '#protocol/format/frame.ts';
import { FAILPOINTS, type Failpoint } from '#server/failpoint.ts';
import { ask, openServer, ROOT } from '../../server/api/open-server.ts';
import { commitRequest, type MadeSegment, someSegments } from '../../server/made-segments.ts';
import { dataFolder, startServer } from './start-server.ts';

const KEY = 'npm/shop/a';

/** A save that may be cut off at any point; true if it came to its end. */
async function trySave(url: string, segments: MadeSegment[], replace = false): Promise<boolean> {
  try {
    const opened = await ask(url, '/saves', {
      json: { kind: 'npm', name: 'shop', key: KEY, roots: [ROOT], replace },
    });
    if (opened.json.exists !== undefined) return true;
    const identities = segments.map(({ identity }) => identity);
    const { json } = await ask(url, `/saves/${opened.json.save}/lack`, { json: { identities } });
    for (const { identity, stored } of segments) {
      if (json.lack.includes(identity))
        await ask(url, `/segments/${identity}`, { method: 'PUT', bytes: stored });
    }
    const committed = await ask(url, `/saves/${opened.json.save}/commit`, {
      json: commitRequest({ [ROOT]: segments }),
    });
    return committed.status === 200;
  } catch {
    return false;
  }
}

/** The archive that the key stands for now; undefined for a miss. */
async function restored(url: string): Promise<Buffer | undefined> {
  const { json } = await ask(url, '/lookup', { json: { wants: [{ keys: [KEY], roots: [ROOT] }] } });
  const [{ hit, entry }] = json.results;
  if (hit === 'none') return undefined;
  const { status, bytes } = await ask(url, `/entries/${entry}/archive`);
  if (status !== 200) throw new Error(`a hit whose archive is answered ${status}`);
  return bytes;
}

const archiveOf = (segments: MadeSegment[]) =>
  Buffer.concat([...segments.map(({ stored }) => stored), archiveEnd()]);

const old = someSegments(3, 'old');
const next = [old[0] as MadeSegment, ...someSegments(2, 'next')];

/** From here on the new entry is what a restart must find. */
const AFTER_COMMIT: Failpoint[] = ['commit-manifest-written', 'commit-refs-written', 'commit-indexed'];
const [SAVING, COMMITTING, RETIRING] = ['', 'commit-', 'retire-'].map((prefix) =>
  FAILPOINTS.filter((point) => point.startsWith(prefix) && (prefix !== '' || !point.startsWith('retire-'))),
) as [Failpoint[], Failpoint[], Failpoint[]];

/** What is in the data folder before: one entry. */
async function withEntry(t: Test, data: string): Promise<void> {
  const { url, close } = await openServer(t, { data });
  t.ok(await trySave(url, old));
  await close();
}

for (const point of SAVING) {
  test(`killed at ${point}: nothing, or the whole entry`, async (t) => {
    const data = dataFolder(t);
    const dying = await startServer(t, data, { CACHALOT_FAILPOINT: point });
    t.equal(await trySave(dying.url, old), false);
    t.equal(await dying.ended, 'SIGKILL');
    const { url } = await openServer(t, { data });
    const found = await restored(url);
    if (AFTER_COMMIT.includes(point)) t.ok(found?.equals(archiveOf(old)), 'the new state');
    else t.equal(found, undefined, 'the old state');
    t.ok(await trySave(url, old), 'the key can be saved');
    t.ok((await restored(url))?.equals(archiveOf(old)));
  });
}

for (const point of COMMITTING) {
  test(`killed at ${point} while an entry is being replaced: the old one whole, or the new one`, async (t) => {
    const data = dataFolder(t);
    await withEntry(t, data);
    const dying = await startServer(t, data, { CACHALOT_FAILPOINT: point });
    t.equal(await trySave(dying.url, next, true), false);
    t.equal(await dying.ended, 'SIGKILL');
    const { url } = await openServer(t, { data });
    const expected = AFTER_COMMIT.includes(point) ? next : old;
    t.ok((await restored(url))?.equals(archiveOf(expected)));
    t.ok(await trySave(url, next, true));
    t.ok((await restored(url))?.equals(archiveOf(next)));
  });
}

for (const point of RETIRING) {
  test(`killed at ${point} while an entry is being removed: it is there whole, or not at all`, async (t) => {
    const data = dataFolder(t);
    await withEntry(t, data);
    const dying = await startServer(t, data, { CACHALOT_FAILPOINT: point });
    const { json } = await ask(dying.url, '/lookup', { json: { wants: [{ keys: [KEY], roots: [ROOT] }] } });
    await ask(dying.url, `/entries/${json.results[0].entry}`, { method: 'DELETE' }).catch(() => undefined);
    t.equal(await dying.ended, 'SIGKILL');
    const { url } = await openServer(t, { data });
    const found = await restored(url);
    if (point === 'retire-copied') t.ok(found?.equals(archiveOf(old)));
    else t.equal(found, undefined);
    t.ok(await trySave(url, old));
    t.ok((await restored(url))?.equals(archiveOf(old)));
  });
}
