/**
 * One found entry into its places: whole, or as if nothing had been tried. A stale layout is asked for again once; a damaged
 * segment is reported, so that the next save can heal it, and is a miss here.
 */
import type { Manifest } from '#protocol/format/manifest.ts';
import { archiveTag } from '#protocol/wire/archive-tag.ts';
import { type CachalotError, fault, isFault } from '#protocol/wire/errors.ts';
import type { MembersWanted } from '../archive/unpack.ts';
import { restoreBudget } from '../client/budgets.ts';
import type { Found, FoundEntry } from './look-up.ts';
import { segmentwise } from './segmentwise.ts';
import { type Server, type Session, within } from './session.ts';
import { Interrupted } from './signals.ts';

export interface RestoreOptions {
  /** `<anchor>:<path>` -> absolute. */
  places: ReadonlyMap<string, string>;
  verify: 'frame' | 'full';
  /** By root. */
  owners: ReadonlyMap<string, { uid: number; gid: number }>;
  /** By root, where not all of it is to come. */
  wanted?: ReadonlyMap<string, MembersWanted>;
  /** Looks the entry up once more. */
  again: () => Promise<Found>;
}

export interface Restored {
  manifest: Manifest;
  files: number;
}

/** Undefined where it failed; the fault has been added to the session's, and the places are as they were. */
export async function restoreEntry(
  session: Session,
  server: Server,
  found: FoundEntry,
  options: RestoreOptions,
): Promise<Restored | undefined> {
  const ms = restoreBudget(server.budgets, found.manifest.timings.command);
  const over = () =>
    fault('CLIENT_TIMEOUT', {
      url: server.client.url,
      what: `the restore was not done within ${ms / 1000} s`,
    });
  try {
    return await within(session, ms, over, (signal) =>
      restoreOrAgain(session, server, found, options, signal),
    );
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    if (isFault(error, 'SEGMENT_DAMAGED')) await report(server, found, String(error.params.identity));
    session.faults.add(error);
    return undefined;
  }
}

async function restoreOrAgain(
  session: Session,
  server: Server,
  found: FoundEntry,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<Restored> {
  try {
    return await restoreOnce(session, server, found, options, signal);
  } catch (error) {
    if (
      (isFault(error, 'SEGMENT_DAMAGED') || isFault(error, 'SEGMENT_UNREADABLE')) &&
      found.delivery !== undefined
    )
      return throughServer(session, server, found, options, signal, error);
    if (!isFault(error, 'LAYOUT_STALE') && !isFault(error, 'ENTRY_MISSING')) throw error;
    const { entry, reason = 'there is no such entry now.' } = await options.again();
    const { key } = found.manifest;
    if (entry === undefined && isFault(error, 'ENTRY_MISSING'))
      throw fault('ENTRY_TAKEN_AWAY', { key, why: reason }, { cause: error });
    // Only the same key: its places and its owner have been worked out.
    if (entry?.manifest.key !== key) throw error;
    return restoreOnce(session, server, entry, options, signal);
  }
}

/** What came past the server was damaged; the server may have it whole. Where it has not, the damage is what is told. */
async function throughServer(
  session: Session,
  server: Server,
  found: FoundEntry,
  options: RestoreOptions,
  signal: AbortSignal,
  damage: CachalotError,
): Promise<Restored> {
  const { delivery, ...proxied } = found;
  let restored: Restored;
  try {
    restored = await restoreOnce(session, server, proxied, options, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    throw damage;
  }
  session.context.tell({ level: 'note', message: `${damage.message}; it came through the server instead` });
  // What has no trailer does not say whose it is.
  if (isFault(damage, 'SEGMENT_DAMAGED')) await report(server, found, String(damage.params.identity));
  return restored;
}

async function restoreOnce(
  session: Session,
  { client }: Server,
  { id, manifest, layout, inline, times: along, delivery }: FoundEntry,
  { places, verify, owners, wanted }: RestoreOptions,
  signal: AbortSignal,
): Promise<Restored> {
  const [{ unpack }, times] = await Promise.all([
    import('../archive/unpack.ts'),
    manifest.times === undefined ? undefined : (along ?? client.getDetail(id, manifest.times, signal)),
  ]);
  const tag = archiveTag(layout);
  const { onProgress } = session.context;
  const archive = (start: number, end: number, aborted: AbortSignal) =>
    client.archive({ entry: id, start, end, tag, signal: aborted });
  const direct = (way: 'redirect' | 'accel') =>
    segmentwise(id, layout, client, archive, way, (why) =>
      session.context.tell({ level: 'note', message: `${why}; what is left comes through the server` }),
    );
  const unpacked = await unpack({
    manifest,
    layout,
    places: new Map(places),
    source: {
      ...(inline === undefined ? {} : { inline }),
      read: delivery === undefined ? archive : direct(delivery),
    },
    // The server has not seen what comes from elsewhere.
    verify: client.pinned || delivery === 'redirect' ? 'full' : verify,
    owners,
    signal,
    ...(wanted === undefined ? {} : { wanted }),
    ...(times === undefined ? {} : { times }),
    ...(onProgress === undefined
      ? {}
      : { onProgress: ({ bytes, of }) => onProgress({ phase: 'restore', done: bytes, total: of }) }),
  });
  session.figures.bytes.down += unpacked.bytes + (inline?.length ?? 0) + (times?.length ?? 0);
  for (const folder of unpacked.left) {
    session.context.tell({
      level: 'note',
      message: `what stood there before could not be removed: ${folder}`,
    });
  }
  return { manifest, files: unpacked.files };
}

/** The server verifies before it answers; whether it finds the damage too makes no difference to this restore. */
async function report({ client }: Server, found: FoundEntry, identity: string): Promise<void> {
  await client.suspect(identity, found.id).catch((error: unknown) => {
    if (!isFault(error)) throw error;
  });
}
