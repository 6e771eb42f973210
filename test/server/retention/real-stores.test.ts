/** Retention over real stores, a folder and a bucket: objects age as a file system ages its files. */

import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { sha256 } from '#protocol/format/digest.ts';
import { localGrant } from '#server/auth/grant.ts';
import { LIFETIMES } from '#server/entries/lifetimes.ts';
import type { EntryParts } from '#server/entries/parts.ts';
import { evict } from '#server/retention/evict.ts';
import type { RetentionParts } from '#server/retention/parts.ts';
import { QUOTAS, SCRUB } from '#server/retention/retention.ts';
import { scrub } from '#server/retention/scrub.ts';
import { sweep } from '#server/retention/sweep-job.ts';
import { makeBucket, openStore } from '../../s3/buckets.ts';
import { needVersitygw, startVersitygw } from '../../s3/versitygw.ts';
import {
  archiveBytes,
  lookup,
  type OpenEntries,
  objects,
  openEntries,
  save,
  temporaryFolder,
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

/** Where objects are stored that outlive a process, and the files that they are. */
interface Ground {
  /** Another process each time, with an index of its own. */
  open(): Promise<OpenEntries>;
  files: string;
}

const GROUNDS: Record<string, (t: Test) => Promise<Ground | undefined>> = {
  async folder(t) {
    const folder = temporaryFolder(t);
    const open = () => openEntries(t, { folder, change: (parts) => ({ ...parts, lifetimes }) });
    return { open, files: join(folder, 'objects') };
  },
  async bucket(t) {
    const versitygw = needVersitygw(t);
    if (versitygw === undefined) return undefined;
    const s3 = await startVersitygw(versitygw);
    t.teardown(() => s3.close());
    const bucket = await makeBucket(s3.endpoint);
    // One signing key for all of them.
    const folder = temporaryFolder(t);
    const open = async () => {
      const { store } = await openStore(t, bucket, { prefix: 'ci/' });
      return await openEntries(t, {
        folder,
        change: (parts): EntryParts => ({ ...parts, store, lifetimes }),
      });
    };
    return { open, files: join(s3.folder, bucket.bucket) };
  },
};

/** Everything that is stored becomes so much older. */
function age({ files }: Ground, milliseconds: number): void {
  for (const path of pathsOf(files)) {
    const then = (statSync(path).mtimeMs - milliseconds) / 1000;
    utimesSync(path, then, then);
  }
}

function pathsOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && !file.parentPath.startsWith(join(folder, 'tmp')))
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** A bit of one stored segment is not what it was. */
function damage({ files }: Ground, identity: string): void {
  const path = pathsOf(files).find((one) => one.endsWith(`/${identity}`)) ?? '';
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
  writeFileSync(path, bytes);
}

for (const [name, groundOf] of Object.entries(GROUNDS)) {
  test(`in a ${name}: saved, removed, swept by another process, and what is left restores`, async (t) => {
    const ground = await groundOf(t);
    if (ground === undefined) return;
    const first = await ground.open();
    const detail = Buffer.from('["a","1"]\n');
    await first.entries.putDetail(localGrant, sha256(detail), detail);
    const kept = await save(first.entries, 'npm/shop/a', someSegments(3, 'kept'));
    const before = await archiveBytes(first.entries, kept.entry);
    const { entry } = await save(first.entries, 'npm/shop/b', someSegments(3, 'left'));
    await first.entries.remove(localGrant, entry);
    age(ground, 3 * DAY);
    const said: string[] = [];
    await sweep(retentionOf(first, said), true, NEVER);
    t.equal((await objects(first.parts, 'segments/')).length, 6);
    age(ground, HOUR);
    const second = await ground.open();
    for (let runs = 0; runs < 2; runs++) await sweep(retentionOf(second, said), true, NEVER);
    t.equal((await objects(second.parts, 'segments/')).length, 3);
    t.same(await objects(second.parts, 'details/'), []);
    t.match(said.join('\n'), /"deleted":4,"spared":0/);
    const found = await lookup(second.entries, ['npm/shop/a']);
    t.ok((await archiveBytes(second.entries, found.entry?.id ?? '')).equals(before));
    t.equal((await save(second.entries, 'npm/shop/b', someSegments(3, 'left'))).outcome, 'committed');
  });

  test(`in a ${name}: a scrub finds what was damaged, and the next save heals it`, async (t) => {
    const ground = await groundOf(t);
    if (ground === undefined) return;
    const only = await ground.open();
    const segments = someSegments(2);
    await save(only.entries, 'npm/shop/a', segments);
    const said: string[] = [];
    const retention = retentionOf(only, said);
    await scrub(retention, true, NEVER);
    t.match(said.at(-1), /"objects":2,.*"damaged":0/);
    damage(ground, segments[1]?.identity ?? '');
    await scrub(retention, true, NEVER);
    t.match(said.at(-1), /"objects":2,.*"damaged":1/);
    t.equal((await objects(only.parts, 'quarantine/')).length, 1, 'kept for who wants to look at it');
    const next = await ground.open();
    t.equal((await lookup(next.entries, ['npm/shop/a'])).hit, 'none');
    t.equal((await save(next.entries, 'npm/shop/a', segments)).outcome, 'committed');
    t.equal((await lookup(next.entries, ['npm/shop/a'])).hit, 'exact');
  });

  test(`in a ${name}: what nobody has asked for leaves`, async (t) => {
    const ground = await groundOf(t);
    if (ground === undefined) return;
    const only = await ground.open();
    await save(only.entries, 'npm/shop/a', someSegments(2));
    age(ground, 31 * DAY);
    await evict(retentionOf(only, []), NEVER);
    t.equal((await lookup(only.entries, ['npm/shop/a'])).hit, 'none');
  });
}
