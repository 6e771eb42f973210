/** The second half of `run`: what the command left, where it may be saved and is not there yet. */
import type { Gained, Plan, Watch } from '../fingerprint/plan.ts';
import type { Attempt } from './attempt.ts';
import { isDefaultBranch } from './branch.ts';
import { titleOf } from './plan-entry.ts';
import { timed } from './report.ts';
import { describeSaved, type SaveRequest, saveEntry } from './save-entry.ts';
import { type Session, usable } from './session.ts';
import { Interrupted } from './signals.ts';
import { filesText } from './units.ts';

export type SavePolicy = 'always' | 'success' | 'default-branch' | 'never';

export interface AfterCommand {
  status: number;
  policy: SavePolicy;
  /** Finds the plans once more. */
  again: () => Promise<Plan[]>;
  watches: ReadonlyMap<Plan, Watch>;
}

export async function savePlans(
  session: Session,
  attempts: readonly Attempt[],
  after: AfterCommand,
): Promise<void> {
  if (session.caught.ending || usable(session) === undefined || !(await isAllowed(session, after))) return;
  const wanted: { attempt: Attempt; gained: Gained | undefined }[] = [];
  for (const attempt of attempts) {
    try {
      const candidate = await candidateOf(session, attempt, after);
      if (candidate !== undefined) wanted.push({ attempt, ...candidate });
    } catch (error) {
      session.faults.add(error);
    }
  }
  if (wanted.length === 0) return;
  const now = await plansNow(session, after);
  for (const { attempt, gained } of wanted) {
    const plan = now.find(
      ({ folder, fingerprint: { kind } }) =>
        folder === attempt.plan.folder && kind === attempt.plan.fingerprint.kind,
    );
    if (plan !== undefined) await savePlan(session, attempt, plan, gained);
  }
}

async function isAllowed({ switches, context }: Session, { policy, status }: AfterCommand): Promise<boolean> {
  if (switches.noSave || switches.readOnly || policy === 'never') return false;
  if (policy === 'success') return status === 0;
  return policy === 'always' || isDefaultBranch(context.env);
}

/** Whether there is anything to save, as far as can be told before the inputs are read once more. */
async function candidateOf(
  session: Session,
  { plan, report }: Attempt,
  { status, watches }: AfterCommand,
): Promise<{ gained: Gained | undefined } | undefined> {
  if (plan.refused !== undefined) return undefined;
  const gained = await watches.get(plan)?.gained();
  const isWhole = report.hit === 'exact' && gained === undefined;
  // An install that ran after a hit may have changed the lockfile, and then the tree belongs to another key.
  if (isWhole && plan.install === undefined) return undefined;
  const refusal = plan.refuseSave === undefined ? failed(status) : await plan.refuseSave(status);
  if (refusal === undefined) return { gained };
  if (!isWhole) session.context.tell({ level: 'note', message: `${titleOf(plan)}: not saved: ${refusal}` });
  return undefined;
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

async function savePlan(
  session: Session,
  attempt: Attempt,
  plan: Plan,
  gained: Gained | undefined,
): Promise<void> {
  const server = usable(session);
  const { key } = plan.fingerprint;
  const moved = key !== attempt.plan.fingerprint.key;
  if (server === undefined || (attempt.report.hit === 'exact' && !moved && gained === undefined)) return;
  const request: SaveRequest = {
    fingerprint: plan.fingerprint,
    key: moved || gained === undefined ? key : `${key}/${gained.generation}`,
    roots: plan.roots,
    cut: plan.cut,
    keepTimes: plan.keepTimes,
    replace: session.switches.refresh,
    commandSeconds: session.figures.seconds.command,
    ...(plan.recorded === undefined ? {} : { command: plan.recorded }),
  };
  const { tell } = session.context;
  const title = titleOf(plan);
  if (gained !== undefined)
    tell({ level: 'note', message: `${title}: hit, ${filesText(gained.files)} were missing and are added` });
  const before = session.figures.seconds.save;
  try {
    const saved = await timed(session.clock, session.figures, 'save', () =>
      saveEntry(session, server, request),
    );
    const took = session.figures.seconds.save - before;
    tell({ level: 'note', message: `${title}: ${describeSaved(saved, took)}` });
  } catch (error) {
    if (error instanceof Interrupted) return;
    session.faults.add(error);
  }
}
