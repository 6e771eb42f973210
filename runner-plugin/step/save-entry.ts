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
import type { PackRoot } from '../archive/pack.ts';
import { detailText, type Fingerprint, manifestInputs, type RootPlan } from '../fingerprint/fingerprint.ts';
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

/** Throws a CachalotError: ROOT_MISSING where nothing is there to save, else whatever went wrong. */
export async function saveEntry(session: Session, server: Server, request: SaveRequest): Promise<Saved> {
  const ms = server.budgets.save;
  const over = () =>
    fault('CLIENT_TIMEOUT', { url: server.client.url, what: `the save was not done within ${ms / 1000} s` });
  return await within(session, ms, over, (signal) => save(session, server, request, signal));
}

async function save(
  session: Session,
  server: Server,
  request: SaveRequest,
  signal: AbortSignal,
): Promise<Saved> {
  const { client } = server;
  const start = session.clock.now();
  const roots = await rootsThere(request.roots);
  const { kind, name, inputs } = request.fingerprint;
  const opened = await client.openSave(
    {
      kind,
      name,
      key: request.key,
      roots: request.roots.map(({ root }) => root),
      ...(request.replace ? { replace: true } : {}),
    },
    signal,
  );
  if (opened.exists !== undefined) return { outcome: 'exists', files: 0, sent: 0 };
  const [packed, platform] = await Promise.all([
    packRoots(session, server, request, roots, opened.save, signal),
    platformOf(roots[0]?.place ?? '/'),
    putDetails(server, request.fingerprint, signal),
  ]);
  let times: string | undefined;
  if (packed.times !== undefined) {
    times = hash('sha256', packed.times, 'hex');
    await client.putDetail(times, packed.times, signal);
  }
  session.figures.bytes.up += packed.sentBytes;
  session.figures.bytes.reused += packed.reusedBytes;
  const seconds = (session.clock.now() - start) / 1000;
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
  const writer = client.segmentWriter(signal);
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

async function putDetails({ client }: Server, { inputs }: Fingerprint, signal: AbortSignal): Promise<void> {
  await Promise.all(
    inputs.flatMap(({ digest, detail }) =>
      detail === undefined ? [] : [client.putDetail(digest, Buffer.from(detailText(detail)), signal)],
    ),
  );
}

/** The roots at whose places something is. Throws ROOT_MISSING where there is none. */
async function rootsThere(plans: readonly RootPlan[]): Promise<PackRoot[]> {
  const there: PackRoot[] = [];
  for (const { root, place, restore, modes, exclude, select } of plans) {
    if ((await lstat(place).catch(() => undefined)) === undefined) continue;
    const files = await select?.();
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
  if (there.length === 0) throw missing(plans);
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
