/** Retention over the real folder: files age as a file system ages them. */

import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { sha256 } from '#protocol/format/digest.ts';
import { localGrant } from '#server/auth/grant.ts';
import { LIFETIMES } from '#server/entries/lifetimes.ts';
import { evict } from '#server/retention/evict.ts';
import type { RetentionParts } from '#server/retention/parts.ts';
import { QUOTAS, SCRUB } from '#server/retention/retention.ts';
import { scrub } from '#server/retention/scrub.ts';
import { sweep } from '#server/retention/sweep-job.ts';
import {
  archiveBytes,
  lookup,
  type OpenEntries,
  objects,
  openEntries,
  save,
} from '../entries/open-entries.ts';
import { someSegments } from '../made-segments.ts';
import { DAY, HOUR } from './open-retention.ts';

const NEVER = new AbortController().signal;
const lifetimes = { ...LIFETIMES, hold: 0 };

function retentionOf({ parts, entries }: OpenEntries, said: string[]): RetentionParts {
  const say = (what: string) => (figures: unknown) => {
    said.push(`${what}: ${JSON.stringify(figures)}`);
  };
  return {
    store: parts.store,
    index: parts.index,
    entries,
    lifetimes,
    quotas: QUOTAS,
    scrub: { ...SCRUB, bytesPerSecond: 10 ** 9 },
    clock: parts.clock,
    wait: async () => {},
    observer: {
      marked: say('marked'),
      condemned: say('condemned'),
      swept: say('swept'),
      tidied: say('tidied'),
      evicted: say('evicted'),
      scrubbed: say('scrubbed'),
    },
  };
}

/** Everything that is stored becomes so much older. */
function age({ folder }: OpenEntries, milliseconds: number): void {
  const all = join(folder, 'objects');
  for (const file of readdirSync(all, { recursive: true, withFileTypes: true })) {
    if (file.isFile() && !file.parentPath.startsWith(join(all, 'tmp')))
      older(join(file.parentPath, file.name), milliseconds);
  }
}

function older(path: string, milliseconds: number): void {
  const then = (statSync(path).mtimeMs - milliseconds) / 1000;
  utimesSync(path, then, then);
}

const open = (t: Test, folder?: string) =>
  openEntries(t, {
    ...(folder === undefined ? {} : { folder }),
    change: (parts) => ({ ...parts, lifetimes }),
  });

test('in a folder: saved, removed, swept by another process, and what is left restores', async (t) => {
  const first = await open(t);
  const detail = Buffer.from('["a","1"]\n');
  await first.entries.putDetail(localGrant, sha256(detail), detail);
  const kept = await save(first.entries, 'npm/shop/a', someSegments(3, 'kept'));
  const before = await archiveBytes(first.entries, kept.entry);
  const { entry } = await save(first.entries, 'npm/shop/b', someSegments(3, 'left'));
  await first.entries.remove(localGrant, entry);
  age(first, 3 * DAY);
  const said: string[] = [];
  await sweep(retentionOf(first, said), true, NEVER);
  t.equal((await objects(first.parts, 'segments/')).length, 6);
  age(first, HOUR);
  const second = await open(t, first.folder);
  for (let runs = 0; runs < 2; runs++) await sweep(retentionOf(second, said), true, NEVER);
  t.equal((await objects(second.parts, 'segments/')).length, 3);
  t.same(await objects(second.parts, 'details/'), []);
  t.match(said.join('\n'), /"deleted":4,"spared":0/);
  const found = await lookup(second.entries, ['npm/shop/a']);
  t.ok((await archiveBytes(second.entries, found.entry?.id ?? '')).equals(before));
  t.equal((await save(second.entries, 'npm/shop/b', someSegments(3, 'left'))).outcome, 'committed');
});

test('in a folder: scrub and evict', async (t) => {
  const only = await open(t);
  const segments = someSegments(2);
  await save(only.entries, 'npm/shop/a', segments);
  const said: string[] = [];
  const retention = retentionOf(only, said);
  await scrub(retention, true, NEVER);
  t.match(said.at(-1), /"objects":2,.*"damaged":0/);
  age(only, 31 * DAY);
  await evict(retention, NEVER);
  t.equal((await lookup(only.entries, ['npm/shop/a'])).hit, 'none');
});
