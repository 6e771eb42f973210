/** The second half of `run`: what the command left, where it may be saved and is not there yet. */

import { isFault } from '#protocol/wire/errors.ts';
import type { RootPlan } from '../fingerprint/fingerprint.ts';
import type { Gained, Plan, StandIn, Watch } from '../fingerprint/plan.ts';
import { isThere } from '../fingerprint/project-place.ts';
import type { Attempt } from './attempt.ts';
import { isDefaultBranch } from './branch.ts';
import { titleOf } from './plan-entry.ts';
import { timed } from './report.ts';
import { describeSaved, type SaveRequest, saveEntry, type Taken } from './save-entry.ts';
import { type Server, type Session, usable } from './session.ts';
import { Interrupted } from './signals.ts';
import { isSame, requestOf, type Takings } from './take.ts';
import { filesText } from './units.ts';

export type SavePolicy = 'always' | 'success' | 'default-branch' | 'never';

export interface AfterCommand {
  status: number;
  policy: SavePolicy;
  /** Finds the plans once more. */
  again: () => Promise<Plan[]>;
  watches: ReadonlyMap<Plan, Watch>;
  takings: Takings;
}

export async function savePlans(
  session: Session,
  attempts: readonly Attempt[],
  after: AfterCommand,
): Promise<void> {
  if (session.caught.ending || usable(session) === undefined || !(await isAllowed(session, after))) return;
  const wanted: { attempt: Attempt; saves: Saves }[] = [];
  for (const attempt of attempts) {
    try {
      const saves = {
        ...(await candidateOf(session, attempt, after)),
        ...(await standInCandidateOf(attempt, after)),
      };
      if (saves.own !== undefined || saves.standIn !== undefined) wanted.push({ attempt, saves });
    } catch (error) {
      session.faults.add(error);
    }
  }
  if (wanted.length === 0) return;
  const now = await plansNow(session, after);
  for (const { attempt, saves } of wanted) {
    const plan = now.find((one) => isSame(one, attempt.plan));
    if (plan === undefined) continue;
    if (saves.own !== undefined)
      await savePlan(session, attempt, selectedBy(plan, attempt, after), saves.own.gained, after.takings);
    if (saves.standIn !== undefined && plan.standIn !== undefined)
      await saveStandIn(session, attempt, plan.standIn);
  }
}

/** What of a plan is to be saved. */
interface Saves {
  own?: { gained: Gained | undefined };
  standIn?: true;
}

/** Whether anything may be saved, as far as is known before the command has ended. */
export async function mayBeSaved(
  { switches, context }: Pick<Session, 'switches' | 'context'>,
  policy: SavePolicy,
): Promise<boolean> {
  if (switches.noSave || switches.readOnly || policy === 'never') return false;
  return policy !== 'default-branch' || isDefaultBranch(context.env);
}

async function isAllowed(session: Session, { policy, status }: AfterCommand): Promise<boolean> {
  return (policy !== 'success' || status === 0) && (await mayBeSaved(session, policy));
}

/** Whether there is anything to save, as far as can be told before the inputs are read once more. */
async function candidateOf(
  session: Session,
  { plan, report }: Attempt,
  { status, watches }: AfterCommand,
): Promise<Pick<Saves, 'own'> | undefined> {
  if (plan.refused !== undefined) return undefined;
  const gained = report.hit === 'exact' ? await watches.get(plan)?.gained() : undefined;
  const isWhole = report.hit === 'exact' && gained === undefined;
  // An install that ran after a hit may have changed the lockfile, and then the tree belongs to another key.
  if (isWhole && plan.install === undefined) return undefined;
  const refusal = plan.refuseSave === undefined ? failed(status) : await plan.refuseSave(status);
  if (refusal === undefined) return { own: { gained } };
  if (!isWhole) session.context.tell({ level: 'note', message: `${titleOf(plan)}: not saved: ${refusal}` });
  return undefined;
}

/** Only beside a tree that was not there as a whole: with it, what the tool has cached is of no use to anybody. */
async function standInCandidateOf(
  { report, standIn }: Attempt,
  { status }: AfterCommand,
): Promise<Pick<Saves, 'standIn'> | undefined> {
  if (standIn === undefined || report.hit === 'exact') return undefined;
  const { plan } = standIn;
  const refusal = plan.refuseSave === undefined ? failed(status) : await plan.refuseSave(status);
  return refusal === undefined ? { standIn: true } : undefined;
}

function failed(status: number): string | undefined {
  return status === 0 ? undefined : 'the command failed';
}

/** A command may change its own inputs: what it left belongs to the key that holds now. */
async function plansNow(session: Session, { again }: AfterCommand): Promise<Plan[]> {
  try {
    return await again();
  } catch (error) {
    session.faults.add(error);
    return [];
  }
}

/** What the first detection's watch saw decides which files are saved. */
function selectedBy(plan: Plan, { plan: first }: Attempt, { watches, status }: AfterCommand): Plan {
  const watch = watches.get(first);
  if (watch?.select === undefined) return plan;
  const select = watch.select.bind(watch, status);
  return { ...plan, roots: plan.roots.map((root) => ({ ...root, select })) };
}

async function savePlan(
  session: Session,
  attempt: Attempt,
  plan: Plan,
  gained: Gained | undefined,
  takings: Takings,
): Promise<void> {
  const server = usable(session);
  const { key } = plan.fingerprint;
  const taken = takings.of(attempt.plan);
  if (taken === 'failed' || (taken !== undefined && taken.key !== key)) {
    const why = 'what it would hold was not to be had before scripts ran on it';
    session.context.tell({ level: 'note', message: `${titleOf(plan)}: not saved: ${why}` });
    return;
  }
  const moved = key !== attempt.plan.fingerprint.key;
  if (server === undefined || (attempt.report.hit === 'exact' && !moved && gained === undefined)) return;
  if (gained !== undefined) {
    const message = `${titleOf(plan)}: hit, ${filesText(gained.files)} were missing and are added`;
    session.context.tell({ level: 'note', message });
  }
  const as = {
    key: moved || gained === undefined ? key : `${key}/${gained.generation}`,
    ...(plan.recorded === undefined ? {} : { command: plan.recorded }),
  };
  await commit(session, server, plan, as, taken);
}

async function saveStandIn(session: Session, { standIn }: Attempt, plan: StandIn): Promise<void> {
  const server = usable(session);
  const { key } = plan.fingerprint;
  if (server === undefined || (standIn?.hit === 'exact' && key === standIn.want.key)) return;
  // A command that fetched nothing may leave no cache at all.
  if (await isAnyThere(plan.roots)) await commit(session, server, plan, { key });
}

async function isAnyThere(roots: readonly RootPlan[]): Promise<boolean> {
  const found = await Promise.all(roots.map(({ place }) => isThere(place)));
  return found.includes(true);
}

async function commit(
  session: Session,
  server: Server,
  plan: StandIn,
  as: Pick<SaveRequest, 'key' | 'command'>,
  taken?: Taken,
): Promise<void> {
  const before = session.figures.seconds.save - (taken?.seconds ?? 0);
  try {
    const saved = await timed(session.clock, session.figures, 'save', () =>
      saveEntry(session, server, requestOf(session, plan, as), taken),
    );
    const took = session.figures.seconds.save - before;
    const message = `${titleOf(plan)}: ${describeSaved(saved, took)}`;
    session.context.tell({ level: 'note', message });
  } catch (error) {
    if (error instanceof Interrupted) return;
    // A project without dependencies, a build that used none: nothing is wrong with that.
    if (isFault(error, 'ROOT_MISSING') && plan.fingerprint.inputs.length > 0)
      session.context.tell({ level: 'note', message: `${titleOf(plan)}: there is nothing to save` });
    else session.faults.addOfSave(titleOf(plan), error);
  }
}
