/**
 * One tree into one entry: a save session, the segments that the server lacks, details and times, the commit. Nothing is
 * sent where the key is taken; whatever fails leaves nothing that anybody can see.
 */
import { hash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import type { CutConstants } from '#protocol/format/limits.ts';
import type { ManifestRoot } from '#protocol/format/manifest.ts';
import { parseRoot } from '#protocol/format/root.ts';
import { type CachalotError, fault, isFault } from '#protocol/wire/errors.ts';
import type { Packed, PackRoot } from '../archive/pack.ts';
import { detailText, type Fingerprint, manifestInputs, type RootPlan } from '../fingerprint/fingerprint.ts';
import { titleOf } from './plan-entry.ts';
import { platformOf } from './platform.ts';
import { type Server, type Session, within } from './session.ts';
import { bytesText, filesText, secondsText } from './units.ts';

export interface SaveRequest {
  fingerprint: Fingerprint;
  /** The key to commit under: the fingerprint's, or one of its generations. */
  key: string;
  roots: readonly RootPlan[];
  cut: CutConstants;
  keepTimes: boolean;
  replace: boolean;
  /** As it may stand in a manifest. */
  command?: readonly string[];
  /** Seconds that the command took. */
  commandSeconds?: number;
}

export interface Saved {
  /** `exists`: the key held an entry before, and nothing was sent. `lost`: another save was first, with other content. */
  outcome: 'saved' | 'same' | 'exists' | 'lost';
  files: number;
  /** Stored bytes. */
  sent: number;
}

/** Roots that were packed and sent before the rest; without an `id` the key held an entry already. */
export interface Taken {
  key: string;
  id?: string;
  packed: Packed;
  /** That it took. */
  seconds: number;
}

const NOTHING: Packed = {
  roots: [],
  totals: { members: 0, files: 0, raw: 0 },
  sentBytes: 0,
  reusedBytes: 0,
};

/** For a line of output. */
export function describeSaved({ outcome, files, sent }: Saved, seconds: number): string {
  switch (outcome) {
    case 'saved':
      return `saved ${filesText(files)}, ${bytesText(sent)} sent in ${secondsText(seconds)}`;
    case 'same':
      return 'another save of the same was first';
    case 'exists':
      return 'it is there already, nothing was sent';
    case 'lost':
      return 'another save was first, with other content; that one stays';
  }
}

/**
 * With `taken`, those roots are not read again. Throws a CachalotError: ROOT_MISSING where nothing is there to save, else whatever
 * went wrong.
 */
export async function saveEntry(
  session: Session,
  server: Server,
  request: SaveRequest,
  taken?: Taken,
): Promise<Saved> {
  return await inTime(session, server, (signal) => save(session, server, request, taken, signal));
}

/** Packs and sends those of the request's roots that are named, for a {@link saveEntry} of the same key. Throws as that does. */
export async function takeRoots(
  session: Session,
  server: Server,
  request: SaveRequest,
  named: readonly string[],
): Promise<Taken> {
  return await inTime(session, server, async (signal) => {
    const { key } = request;
    const start = session.clock.now();
    const wanted = request.roots.filter(({ root }) => named.includes(root));
    const roots = await rootsThere(wanted, teller(session, request));
    const opened = await open(server, request, signal);
    if (opened.exists !== undefined) return { key, packed: NOTHING, seconds: 0 };
    const packed = await packRoots(session, server, request, roots, opened.save, signal);
    return { key, id: opened.save, packed, seconds: (session.clock.now() - start) / 1000 };
  });
}

function inTime<T>(session: Session, server: Server, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ms = server.budgets.save;
  const over = () =>
    fault('CLIENT_TIMEOUT', { url: server.client.url, what: `the save was not done within ${ms / 1000} s` });
  return within(session, ms, over, run);
}

function open({ client }: Server, request: SaveRequest, signal: AbortSignal) {
  const { kind, name } = request.fingerprint;
  return client.openSave(
    {
      kind,
      name,
      key: request.key,
      roots: request.roots.map(({ root }) => root),
      ...(request.replace ? { replace: true } : {}),
    },
    signal,
  );
}

async function save(
  session: Session,
  server: Server,
  request: SaveRequest,
  taken: Taken | undefined,
  signal: AbortSignal,
): Promise<Saved> {
  const { client } = server;
  const start = session.clock.now();
  const before = taken?.packed ?? NOTHING;
  const { inputs } = request.fingerprint;
  const isTaken = new Set(before.roots.map(({ root }) => root));
  const roots = await rootsThere(
    request.roots.filter(({ root }) => !isTaken.has(root)),
    teller(session, request),
    taken !== undefined,
  );
  const opened =
    taken === undefined
      ? await open(server, request, signal)
      : taken.id === undefined
        ? { exists: request.key }
        : { exists: undefined, save: taken.id };
  if (opened.exists !== undefined) return { outcome: 'exists', files: 0, sent: 0 };
  const [rest, platform] = await Promise.all([
    roots.length === 0 ? NOTHING : packRoots(session, server, request, roots, opened.save, signal),
    platformOf(roots[0]?.place ?? request.roots[0]?.place ?? '/'),
    putDetails(server, opened.save, request.fingerprint, signal),
  ]);
  const packed = together(before, rest);
  let times: string | undefined;
  if (packed.times !== undefined) {
    times = hash('sha256', packed.times, 'hex');
    await client.putDetail(opened.save, times, packed.times, signal);
  }
  session.figures.bytes.up += packed.sentBytes;
  session.figures.bytes.reused += packed.reusedBytes;
  const seconds = (taken?.seconds ?? 0) + (session.clock.now() - start) / 1000;
  try {
    const committed = await client.commit(
      opened.save,
      {
        roots: withAbsent(packed.roots, request.roots),
        inputs: manifestInputs(inputs),
        platform,
        totals: packed.totals,
        writer: { program: 'cachalot', version: session.context.version },
        timings: {
          save: seconds,
          ...(request.commandSeconds === undefined ? {} : { command: request.commandSeconds }),
        },
        ...(times === undefined ? {} : { times }),
        ...(request.command === undefined ? {} : { command: [...request.command] }),
      },
      signal,
    );
    const outcome = committed.outcome === 'same' ? 'same' : 'saved';
    return { outcome, files: packed.totals.files, sent: packed.sentBytes };
  } catch (error) {
    if (!isFault(error, 'ENTRY_EXISTS')) throw error;
    return { outcome: 'lost', files: packed.totals.files, sent: packed.sentBytes };
  }
}

/** Kinds whose roots are taken apart have no times of their own. */
function together(a: Packed, b: Packed): Packed {
  const times = a.times ?? b.times;
  return {
    roots: [...a.roots, ...b.roots],
    totals: {
      members: a.totals.members + b.totals.members,
      files: a.totals.files + b.totals.files,
      raw: a.totals.raw + b.totals.raw,
    },
    sentBytes: a.sentBytes + b.sentBytes,
    reusedBytes: a.reusedBytes + b.reusedBytes,
    ...(times === undefined ? {} : { times }),
  };
}

async function packRoots(
  session: Session,
  { client, digests }: Server,
  request: SaveRequest,
  roots: PackRoot[],
  id: string,
  signal: AbortSignal,
) {
  const [{ pack }, { openDigestTable }] = await Promise.all([
    import('../archive/pack.ts'),
    import('../archive/digest-table.ts'),
  ]);
  const writer = client.segmentWriter(id, signal);
  const { onProgress } = session.context;
  return pack({
    roots,
    cut: request.cut,
    keepTimes: request.keepTimes,
    sink: {
      lack: (identities) => client.lack(id, identities, signal),
      send: (segment) => writer.send(segment),
    },
    table: openDigestTable(digests),
    signal,
    ...(onProgress === undefined
      ? {}
      : { onProgress: (progress) => onProgress({ phase: 'save', ...progress }) }),
  });
}

async function putDetails(
  { client }: Server,
  save: string,
  { inputs }: Fingerprint,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    inputs.flatMap(({ digest, detail }) =>
      detail === undefined ? [] : [client.putDetail(save, digest, Buffer.from(detailText(detail)), signal)],
    ),
  );
}

function teller({ context }: Session, request: SaveRequest): (note: string) => void {
  return (note) => context.tell({ level: 'note', message: `${titleOf(request)}: ${note}` });
}

/** The roots at whose places something is. Throws ROOT_MISSING where there is none, unless none is `enough`. */
async function rootsThere(
  plans: readonly RootPlan[],
  tell: (note: string) => void,
  enough = false,
): Promise<PackRoot[]> {
  const there: PackRoot[] = [];
  for (const { root, place, restore, modes, exclude, select } of plans) {
    if ((await lstat(place).catch(() => undefined)) === undefined) continue;
    const files = await select?.(tell);
    if (files?.length === 0) continue;
    there.push({
      root: parseRoot(root),
      place,
      restore,
      modes,
      ...(exclude === undefined ? {} : { exclude }),
      ...(files === undefined ? {} : { files }),
    });
  }
  if (there.length === 0 && !enough) throw missing(plans);
  return there;
}

function missing(plans: readonly RootPlan[]): CachalotError {
  return fault('ROOT_MISSING', { path: plans.map(({ place }) => place).join(', ') });
}

/** The set of roots is part of an entry's identity, so one that is not there is part of it too: as one without members. */
function withAbsent(packed: readonly ManifestRoot[], plans: readonly RootPlan[]): ManifestRoot[] {
  const known = new Map(packed.map((root) => [root.root, root]));
  return plans
    .map(
      ({ root, restore, modes }) =>
        known.get(root) ?? { root, restore, modes, members: 0, raw: 0, segments: [] },
    )
    .sort((a, b) => Buffer.compare(Buffer.from(a.root), Buffer.from(b.root)));
}
