/** The entries on a real folder, without HTTP and without worker threads. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { verifyStored } from '#protocol/format/frame.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { CommitRequest } from '#protocol/wire/routes.ts';
import { type Grant, localGrant } from '#server/auth/grant.ts';
import type { Committed } from '#server/entries/commit.ts';
import { Entries } from '#server/entries/entries.ts';
import type { EntryParts } from '#server/entries/parts.ts';
import { openSqliteIndex } from '#server/index/sqlite.ts';
import { createInProcessQueue } from '#server/queue/in-process.ts';
import { openSigningKeys } from '#server/signing/signing-keys.ts';
import { openFileSystemStore } from '#server/store/file-system.ts';
import { commitRequest, type MadeSegment } from '../made-segments.ts';

export interface OpenEntries {
  entries: Entries;
  parts: EntryParts;
  folder: string;
  /** What the observer was told, as `name: first argument`. */
  told: string[];
  /** Moves the clock of this process. */
  pass(milliseconds: number): void;
}

export const ROOT = 'workspace:node_modules';

/** `change` may replace parts before the entries see them. */
export async function openEntries(
  t: Test,
  {
    folder = temporaryFolder(t),
    change = (parts) => parts,
  }: { folder?: string; change?: (parts: EntryParts) => EntryParts } = {},
): Promise<OpenEntries> {
  const told: string[] = [];
  const tell = (name: string) => (first: unknown) => {
    told.push(`${name}: ${first}`);
  };
  let time = 0;
  const store = await openFileSystemStore(join(folder, 'objects'));
  const index = openSqliteIndex(':memory:');
  const queue = createInProcessQueue();
  t.teardown(async () => {
    await queue.close();
    await index.close();
    await store.close();
  });
  const parts = change({
    store,
    index,
    queue,
    verifier: { verify: async (stored) => verifyStored(stored) },
    signing: await openSigningKeys(join(folder, 'signing.pem')),
    limits: { entryBytes: LIMITS.entryBytes, answerBytes: 16 * 1024 * 1024 },
    clock: () => time,
    random: randomBytes,
    observer: {
      lookup: tell('lookup'),
      committed: tell('committed'),
      retired: tell('retired'),
      damaged: tell('damaged'),
      healed: tell('healed'),
      reindexed: tell('reindexed'),
      failed: tell('failed'),
    },
    reach: () => {},
  });
  const entries = new Entries(parts);
  await entries.start();
  await parts.queue.idle();
  const pass = (milliseconds: number) => {
    time += milliseconds;
  };
  return { entries, parts, folder, told, pass };
}

export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'cachalot-entries-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface SaveOptions {
  grant?: Grant;
  root?: string;
  replace?: boolean;
  request?: Partial<CommitRequest>;
  /** What is sent for each segment that is lacking. */
  stored?: (segment: MadeSegment) => Buffer;
}

/** A whole save: open, ask, send what is lacking, commit. */
export async function save(
  entries: Entries,
  key: string,
  segments: MadeSegment[],
  options: SaveOptions = {},
): Promise<Committed> {
  const {
    grant = localGrant,
    root = ROOT,
    replace = false,
    request = {},
    stored = ({ stored: usual }) => usual,
  } = options;
  const [kind = '', name = ''] = key.split('/');
  const opened = await entries.openSave(grant, {
    kind,
    name: decodeURIComponent(name),
    key,
    roots: [root],
    replace,
  });
  const lack = new Set(
    segments.length === 0
      ? []
      : await entries.lack(
          grant,
          opened.save,
          segments.map(({ identity }) => identity),
        ),
  );
  for (const segment of segments) {
    if (lack.has(segment.identity))
      await entries.admit(grant, Buffer.from(stored(segment)), segment.identity);
  }
  return await entries.commit(grant, opened.save, commitRequest({ [root]: segments }, request));
}

export async function lookup(entries: Entries, keys: string[], grant: Grant = localGrant, roots = [ROOT]) {
  const [found] = await entries.lookup(grant, [{ keys, roots }]);
  if (found === undefined) throw new Error('no answer');
  return found;
}

/** The whole archive's bytes. */
export async function archiveBytes(entries: Entries, id: string, grant: Grant = localGrant): Promise<Buffer> {
  const archive = await entries.archive(grant, id);
  const chunks: Buffer[] = [];
  for await (const { bytes } of entries.send(archive, 0, archive.bytes)) chunks.push(bytes);
  return Buffer.concat(chunks);
}

/** The code of the error that a call ends in. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no error',
    (error: unknown) => (isFault(error) ? error.code : String(error)),
  );
}

/** The same object, with some of its methods done otherwise. */
export function instead<T extends object>(whole: T, others: Partial<T>): T {
  return new Proxy(whole, {
    get(target, name) {
      const own: unknown = Reflect.get(others, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Every object below a prefix. */
export async function objects(parts: EntryParts, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of parts.store.list(prefix)) names.push(name);
  return names;
}
