/**
 * `why`: would it hit now; if not, which inputs differ from the nearest entry's, and how. Without a command it takes the one
 * that is recorded with the newest entry of that name, because goals and flags are inputs too.
 */
import { fault } from '#protocol/wire/errors.ts';
import type { Plan } from '../fingerprint/plan.ts';
import type { Hatches, StepContext } from './context.ts';
import { detectPlans } from './detect.ts';
import type { Difference } from './differences.ts';
import { type Found, lookUp } from './look-up.ts';
import { differencesFrom, nearest } from './nearest.ts';
import { wantOf, wantOfStandIn } from './plan-entry.ts';
import type { Warning } from './report.ts';
import { type Server, type Session, strictEnd, withSession } from './session.ts';

export interface WhyOptions extends Hatches {
  kind?: string;
  /** Absolute; the context's unless given. */
  folder?: string;
  command?: readonly string[];
}

export interface WhyAnswer {
  kind: string;
  name: string;
  key: string;
  hit: 'exact' | 'near' | 'none';
  /** Why there is no exact hit, or why it would not be used. */
  reason?: string;
  /** What an exact hit would do for an install command. */
  install?: Plan['install'];
  /** The entry that would be restored beside what the command works on, because there is no exact hit. */
  standIn?: { kind: string; key: string; hit: 'exact' | 'near' };
  /** The command that was assumed because none was given. */
  assumed?: readonly string[];
  nearest?: { entry: string; key: string; created: string };
  /** Between that entry's inputs and those that hold here; empty for an exact hit. */
  differences: Difference[];
  notes: string[];
}

export interface WhyOutcome {
  status: number;
  answers: WhyAnswer[];
  warnings: Warning[];
}

/** Throws KIND_UNDETECTED where nothing can be cached, and what a detector throws: `why` has no build to go on with. */
export async function why(context: StepContext, options: WhyOptions): Promise<WhyOutcome> {
  return withSession(context, options, async (session) => {
    const folder = options.folder ?? context.folder;
    const answers: WhyAnswer[] = [];
    for (const plan of await plansOf(session, options, options.command)) {
      try {
        answers.push(await answerOf(session, plan, options));
      } catch (error) {
        session.faults.add(error);
        answers.push(answerWithout(plan));
      }
    }
    if (answers.length === 0) throw fault('KIND_UNDETECTED', { path: folder });
    return { status: strictEnd(session) ?? 0, answers, warnings: session.faults.warnings };
  });
}

function plansOf(
  session: Session,
  options: WhyOptions,
  command: readonly string[] | undefined,
): Promise<Plan[]> {
  const { salt } = session.switches;
  return detectPlans(session.context, {
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    ...(options.folder === undefined ? {} : { folder: options.folder }),
    ...(command === undefined ? {} : { command }),
    ...(salt === undefined ? {} : { salt }),
  });
}

async function answerOf(session: Session, plan: Plan, options: WhyOptions): Promise<WhyAnswer> {
  const { server } = session;
  if (server === undefined) return answerWithout(plan);
  const { signal } = session.caught;
  const known = await nearest(server.client, plan, signal);
  const recorded = known.entry?.manifest.command;
  if (options.command !== undefined || recorded === undefined) return compare(server, plan, known, signal);
  const again = await plansOf(session, { ...options, kind: plan.fingerprint.kind }, recorded);
  const assumed = again.find(
    ({ folder, fingerprint }) => folder === plan.folder && fingerprint.name === plan.fingerprint.name,
  );
  if (assumed === undefined) return compare(server, plan, known, signal);
  const found = await nearest(server.client, assumed, signal);
  return { ...(await compare(server, assumed, found, signal)), assumed: recorded };
}

async function compare(server: Server, plan: Plan, known: Found, signal: AbortSignal): Promise<WhyAnswer> {
  const { standIn } = plan;
  const wants = [wantOf(plan), ...(standIn === undefined ? [] : [wantOfStandIn(standIn)])];
  const [found, beside] = await lookUp(server.client, wants, { inline: 0, signal });
  const answer = answerWithout(plan);
  const hit = found?.hit ?? 'none';
  const reason = plan.refused ?? (hit === 'exact' ? undefined : found?.reason);
  const entry = known.entry ?? found?.entry;
  // As run has it (run-restore.ts): an exact hit that may be used makes a stand-in needless.
  const isNeeded = hit !== 'exact' || plan.refused !== undefined || deletesFirst(plan);
  const differences =
    hit === 'exact' || entry === undefined ? [] : await differencesFrom(server.client, plan, known, signal);
  return {
    ...answer,
    hit,
    ...(reason === undefined ? {} : { reason }),
    ...(entry === undefined
      ? {}
      : { nearest: { entry: entry.id, key: entry.manifest.key, created: entry.manifest.created } }),
    ...(isNeeded && standIn !== undefined && beside?.entry !== undefined && beside.hit !== 'none'
      ? { standIn: { kind: standIn.fingerprint.kind, key: beside.entry.manifest.key, hit: beside.hit } }
      : {}),
    differences,
  };
}

function deletesFirst({ install }: Plan): boolean {
  return install?.onHit === 'run' && install.deletes === true;
}

function answerWithout({ fingerprint, refused, install, notes }: Plan): WhyAnswer {
  return {
    kind: fingerprint.kind,
    name: fingerprint.name,
    key: fingerprint.key,
    hit: 'none',
    ...(refused === undefined ? {} : { reason: refused }),
    ...(install === undefined ? {} : { install }),
    differences: [],
    notes,
  };
}
