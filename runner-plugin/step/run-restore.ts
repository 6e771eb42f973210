/** The first half of `run`: which plans' entries are there, and those that are into their places. */
import { rm } from 'node:fs/promises';
import { isFault } from '#protocol/wire/errors.ts';
import type { FinishContext, Plan } from '../fingerprint/plan.ts';
import type { Attempt, StandInAttempt } from './attempt.ts';
import { runHelper } from './command.ts';
import { homeOf } from './context.ts';
import { describeDifferences } from './differences.ts';
import { type Found, INLINE_BYTES, lookUp, type Wanted } from './look-up.ts';
import { differencesFrom, nearest } from './nearest.ts';
import { type OwnerRule, ownersOf } from './owner.ts';
import { membersWanted, placesOf, titleOf } from './plan-entry.ts';
import { timed } from './report.ts';
import { type Restored, restoreEntry } from './restore-entry.ts';
import { type Server, type Session, usable, within } from './session.ts';
import { Interrupted } from './signals.ts';
import { bytesText, filesText, secondsText } from './units.ts';

/** What a person is kept waiting for the reason of a miss, in ms. */
const EXPLANATION_MS = 1_000;

/**
 * All plans and their stand-ins in one look-up; then one restore after the other, a stand-in's only where its plan has no exact
 * hit. What came of it is in the attempts.
 */
export async function restorePlans(
  session: Session,
  attempts: readonly Attempt[],
  owner: OwnerRule,
): Promise<void> {
  const asked = attempts.filter((attempt) => isWanted(session, attempt));
  const { refresh, noRestore } = session.switches;
  const beside = refresh || noRestore ? [] : attempts.filter(({ standIn }) => standIn !== undefined);
  const wants: Wanted[] = asked.map(({ want }) => want);
  for (const attempt of beside) {
    const own = asked.indexOf(attempt);
    if (attempt.standIn !== undefined)
      wants.push({ ...attempt.standIn.want, ...(own < 0 ? {} : { unless: own }) });
  }
  const found = await findAll(session, wants);
  for (const [i, attempt] of asked.entries()) {
    const own = found[i];
    if (own !== undefined) await takeFound(session, attempt, own, owner);
  }
  for (const [i, attempt] of beside.entries()) {
    const entry = found[asked.length + i];
    if (entry !== undefined) await takeStandIn(session, attempt, entry, owner);
  }
  for (const { report } of attempts) {
    if (report.hit !== 'exact') report.reason ??= lastFault(session);
  }
}

/** Every miss has a reason; where nothing could be asked, it is why not. */
function lastFault({ faults }: Session): string {
  return faults.warnings.at(-1)?.message ?? 'the server was not asked';
}

function isWanted({ switches, context }: Session, { plan, report }: Attempt): boolean {
  const { install, refused } = plan;
  if (refused !== undefined) report.reason = refused;
  else if (switches.refresh) report.reason = 'it is to be refreshed';
  else if (switches.noRestore) report.reason = 'nothing is to be restored';
  else if (install?.onHit === 'run' && install.deletes) report.reason = install.why;
  else return true;
  context.tell({ level: 'note', message: `${titleOf(plan)}: not restored: ${report.reason}` });
  return false;
}

async function findAll(session: Session, wants: readonly Wanted[]): Promise<Found[]> {
  const server = usable(session);
  if (server === undefined) return [];
  try {
    return await timed(session.clock, session.figures, 'lookup', () =>
      lookUp(server.client, wants, { inline: INLINE_BYTES, signal: session.caught.signal }),
    );
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    session.faults.add(error);
    return [];
  }
}

async function takeFound(session: Session, attempt: Attempt, found: Found, owner: OwnerRule): Promise<void> {
  const { plan, want, report } = attempt;
  const server = usable(session);
  if (server === undefined) return;
  if (found.hit !== 'exact') {
    report.reason = await explain(session, server, plan, found);
    session.context.tell({ level: 'note', message: `${titleOf(plan)}: miss: ${report.reason}` });
  }
  if (found.entry === undefined) return;
  if (found.hit === 'exact') plan.foresee?.(finishContext(session, plan));
  const taken = await restoreFound(session, server, { plan, folder: plan.folder, want }, found, owner);
  if (taken === undefined) {
    report.reason = lastFault(session);
    return;
  }
  if (found.hit === 'exact' && !(await finish(session, plan))) {
    report.reason = lastFault(session);
    return;
  }
  attempt.restored = taken.manifest;
  report.hit = found.hit;
  report.matchedKey = taken.manifest.key;
  const word = found.hit === 'exact' ? 'hit' : 'the nearest entry was taken';
  session.context.tell({ level: 'note', message: `${titleOf(plan)}: ${word}: ${taken.what}` });
}

/** What is in reach of a command that has to run: to the report a near hit of the plan that it helps. */
async function takeStandIn(
  session: Session,
  { plan: { folder }, report, standIn }: Attempt,
  found: Found,
  owner: OwnerRule,
): Promise<void> {
  const server = usable(session);
  if (server === undefined || standIn === undefined || found.entry === undefined) return;
  if (report.hit === 'exact') return;
  const taken = await restoreFound(session, server, { ...standIn, folder }, found, owner);
  if (taken === undefined || found.hit === 'none') return;
  try {
    await standIn.plan.settle?.();
  } catch (error) {
    session.faults.add(error);
    return;
  }
  standIn.hit = found.hit;
  if (report.hit === 'none') {
    report.hit = 'near';
    report.matchedKey = taken.manifest.key;
  }
  const message = `${titleOf(standIn.plan)}: the command finds what was cached: ${taken.what}`;
  session.context.tell({ level: 'note', message });
}

interface Taken extends Restored {
  /** Files, bytes and seconds, for a line of output. */
  what: string;
}

async function restoreFound(
  session: Session,
  server: Server,
  { plan, folder, want }: Pick<StandInAttempt, 'plan' | 'want'> & Pick<Plan, 'folder'>,
  { hit, entry }: Found,
  owner: OwnerRule,
): Promise<Taken | undefined> {
  if (entry === undefined) return undefined;
  const { bytes, seconds } = session.figures;
  const [bytesBefore, secondsBefore] = [bytes.down, seconds.restore];
  const restored = await timed(session.clock, session.figures, 'restore', async () =>
    restoreEntry(session, server, entry, {
      places: placesOf(entry.manifest, { workspace: folder, home: homeOf(session.context.env) }, plan.roots),
      verify: 'frame',
      owners: await ownersOf(owner, folder, entry.manifest.roots),
      ...(hit === 'near' ? { wanted: membersWanted(plan.roots) } : {}),
      again: async () => (await findAll(session, [want]))[0] ?? { hit: 'none' },
    }),
  );
  if (restored === undefined) return undefined;
  const what = `${filesText(restored.files)}, ${bytesText(bytes.down - bytesBefore)} in ${secondsText(seconds.restore - secondsBefore)}`;
  return { ...restored, what };
}

/** False where what remained to be done failed: then the tree is not one that a hit may leave behind. */
async function finish(session: Session, plan: Plan): Promise<boolean> {
  try {
    await timed(session.clock, session.figures, 'restore', async () =>
      plan.finish?.(finishContext(session, plan)),
    );
    return true;
  } catch (error) {
    for (const { place, restore } of plan.roots) {
      if (restore === 'replace') await rm(place, { recursive: true, force: true });
    }
    if (error instanceof Interrupted) throw error;
    session.faults.add(error);
    return false;
  }
}

function finishContext({ context: { env }, caught: { signal } }: Session, plan: Plan): FinishContext {
  return {
    skipping: plan.install?.onHit === 'skip',
    signal,
    env,
    run: (program, args, options = {}) =>
      runHelper(program, args, {
        folder: options.folder ?? plan.folder,
        env: { ...env, ...options.env },
        signal,
      }),
  };
}

/** Which inputs changed since the newest entry of that name; the server's own reason where that is not to be had at once. */
async function explain(session: Session, { client }: Server, plan: Plan, found: Found): Promise<string> {
  const reason = found.reason ?? 'there is no such entry';
  if (plan.fingerprint.inputs.length === 0) return reason;
  const late = new Error('the reason took too long');
  try {
    return await within(
      session,
      EXPLANATION_MS,
      () => late,
      async (signal) => {
        const known = await nearest(client, plan, signal);
        if (known.entry === undefined) return 'nothing of that name has been saved yet';
        const differences = await differencesFrom(client, plan, known, signal);
        return differences.length === 0 ? reason : describeDifferences(differences);
      },
    );
  } catch (error) {
    // An old entry that cannot be read is not this build's concern; a server that failed is.
    if (isFault(error) && error.code.startsWith('CLIENT_')) session.faults.add(error);
    else if (error !== late && !isFault(error)) throw error;
    return reason;
  }
}
