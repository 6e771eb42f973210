/** What clients do in a simulation, and what they must not see. */
import { verifyStored } from '#protocol/format/frame.ts';
import type { SignedManifest } from '#protocol/format/manifest.ts';
import { isFault } from '#protocol/wire/errors.ts';
import { localGrant } from '#server/auth/grant.ts';
import type { Entries } from '#server/entries/entries.ts';
import { identitiesOf } from '#server/entries/whole-entry.ts';
import { ROOT } from '../entries/open-entries.ts';
import { commitRequest, type MadeSegment } from '../made-segments.ts';
import { BrokenError, type Ground, HOUR, KEYS, SEGMENTS, type Server, shown } from './ground.ts';
import type { Process } from './scheduler.ts';

/** A save of some segments, as a client does it; one in five sends without asking. */
export function save(ground: Ground, { entries, process }: Server): void {
  const { scheduler } = ground;
  const key = scheduler.pick(KEYS);
  const first = Math.floor(scheduler.random() * SEGMENTS.length);
  const segments = SEGMENTS.slice(first, first + 1 + Math.floor(scheduler.random() * 3));
  const identities = segments.map(({ identity }) => identity);
  const replace = scheduler.chance(0.3);
  const asks = scheduler.chance(0.8);
  scheduler.start(process, `save ${key} of ${shown(identities.join())}`, async () => {
    const since = ground.now;
    const within = <T>(work: () => Promise<T>) => ground.request(process, work);
    try {
      const opened = await within(() =>
        entries.openSave(localGrant, { kind: 'npm', name: 'shop', key, roots: [ROOT], replace }),
      );
      if (opened.exists !== undefined) return 'it exists';
      const lack = asks ? await within(() => entries.lack(localGrant, opened.save, identities)) : identities;
      await pause(ground, process);
      for (const { identity, stored } of segments) {
        if (lack.includes(identity))
          await within(() => entries.admit(localGrant, Buffer.from(stored), identity));
      }
      await pause(ground, process);
      const request = commitRequest({ [ROOT]: segments });
      const { outcome, entry } = await within(() => entries.commit(localGrant, opened.save, request));
      ground.count(outcome);
      return `${outcome} ${entry}`;
    } catch (error) {
      return endOfSave(ground, error, { segments, since, asks });
    }
  });
}

function endOfSave(
  ground: Ground,
  error: unknown,
  { segments, since, asks }: { segments: MadeSegment[]; since: number; asks: boolean },
): string {
  if (!isFault(error)) throw error;
  ground.count(error.code);
  if (['ENTRY_EXISTS', 'SERVER_BUSY'].includes(error.code)) return error.code;
  if (error.code === 'SAVE_EXPIRED' && ground.now - since > ground.lifetimes.session) return error.code;
  if (error.code === 'SEGMENT_MISSING') {
    // What was damaged may be taken away at any time; what was not asked for was not promised.
    if (!asks || segments.some(({ identity }) => ground.harmed.has(identity))) return error.code;
  }
  throw new BrokenError(`a save that was told what to send ended in ${error.code}: ${shown(error.message)}`);
}

/** Between two requests of a save anything may happen, and any time pass. */
async function pause(ground: Ground, process: Process): Promise<void> {
  const { scheduler } = ground;
  const until = ground.now + (scheduler.chance(0.5) ? 0 : scheduler.random() * 8 * HOUR);
  await scheduler.turn(process, 'goes on', () => ground.now >= until || ground.isEnding);
}

/** A restore that verifies what it gets. Within the hold it gets all of it, unless the disk has damaged something. */
export function restore(ground: Ground, { entries, process }: Server): void {
  const key = ground.scheduler.pick(KEYS);
  const work = async () => {
    const [found] = await entries.lookup(localGrant, [{ keys: [key], roots: [ROOT] }]);
    if (found?.entry === undefined) {
      ground.count('miss');
      return 'a miss';
    }
    const since = ground.now;
    const needs = identitiesOf(JSON.parse(`{${found.entry.answer}}`) as SignedManifest);
    for (const identity of needs) {
      const why = await readSegment(entries, identity);
      if (why === undefined) continue;
      const harmed = needs.some((one) => ground.harmed.has(one));
      if (!harmed && ground.now - since < ground.lifetimes.hold)
        throw new BrokenError(`a restore of ${key} had a hit, and its ${shown(identity)} ${why}`);
      ground.count('hole');
      await entries.suspect(localGrant, identity, found.entry.id);
      return `its ${shown(identity)} ${why}`;
    }
    ground.count(found.hit);
    return 'exactly what was committed';
  };
  ground.scheduler.start(process, `restore ${key}`, () => ground.request(process, work));
}

/** Why it cannot be used; undefined where it can. */
async function readSegment(entries: Entries, identity: string): Promise<string | undefined> {
  const stream = await entries.segment(localGrant, identity);
  if (stream === undefined) return 'is not there';
  const chunks: Buffer[] = [];
  for await (const { bytes } of stream.chunks) chunks.push(bytes);
  try {
    return verifyStored(Buffer.concat(chunks)).identity === identity ? undefined : 'is another';
  } catch {
    return 'is damaged';
  }
}

export function remove(ground: Ground, { entries, process }: Server): void {
  const key = ground.scheduler.pick(KEYS);
  const work = async () => {
    const [found] = await entries.lookup(localGrant, [{ keys: [key], roots: [ROOT] }]);
    if (found?.entry === undefined) return 'nothing there';
    try {
      await entries.remove(localGrant, found.entry.id);
      ground.count('removed');
      return 'removed';
    } catch (error) {
      if (isFault(error, 'ENTRY_MISSING')) return 'somebody was first';
      throw error;
    }
  };
  ground.scheduler.start(process, `remove ${key}`, () => ground.request(process, work));
}
