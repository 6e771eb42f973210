/**
 * `run`: restore what fits, run the command unless a hit stands for it, save what it left. The command runs whatever the
 * cache does; its exit status is ours.
 */
import { fault } from '#protocol/wire/errors.ts';
import { type Named, namedPlan, rootsAskedFor, rootsOfNamed } from '../fingerprint/generic.ts';
import type { Plan, SkipInstall, Watch, WatchContext } from '../fingerprint/plan.ts';
import { type Attempt, attemptOf } from './attempt.ts';
import { runCommand } from './command.ts';
import { type Hatches, homeOf, type StepContext } from './context.ts';
import { type DetectOptions, detectPlans } from './detect.ts';
import { postEvents } from './events.ts';
import type { OwnerRule } from './owner.ts';
import { titleOf, wantOf } from './plan-entry.ts';
import { makeReport, type Report, timed } from './report.ts';
import { restorePlans } from './run-restore.ts';
import { mayBeSaved, type SavePolicy, savePlans } from './run-save.ts';
import { type Session, strictEnd, usable, withSession } from './session.ts';
import { Interrupted } from './signals.ts';
import { Takings } from './take.ts';
import { secondsText } from './units.ts';
import { type SampleOptions, verifySample } from './verify-sample.ts';

export interface RunOptions extends Hatches {
  /** At least the program. */
  command: readonly string[];
  kind?: string;
  /** With paths: the user's own entry in place of what is detected. */
  key?: string;
  paths?: readonly string[];
  /** Without it what a plan allows is saved, after a failed command too. */
  save?: SavePolicy;
  skipInstall?: SkipInstall;
  owner?: OwnerRule;
  /** The share of hits that are looked into, 0 to 1. */
  verifySample?: number;
}

export interface RunOutcome {
  /** The command's own; under `--strict` that of the first fault where the command did not run or succeeded. */
  status: number;
  report: Report;
}

/** Throws USAGE, KEY_UNREADABLE and ROOT_* for flags that cannot be meant; then nothing has been run. */
export async function run(context: StepContext, options: RunOptions): Promise<RunOutcome> {
  if (options.command.length === 0) throw fault('USAGE', { why: 'There is no command after --.' });
  if ((options.key === undefined) !== ((options.paths ?? []).length === 0)) {
    throw fault('USAGE', { why: '--key and --path belong together.' });
  }
  return withSession(context, options, async (session) => {
    const attempts: Attempt[] = [];
    let skipped = false;
    const outcome = (status: number): RunOutcome => {
      const entries = attempts.map(({ report }) => report);
      const { warnings } = session.faults;
      return { status, report: makeReport('run', entries, session.figures, { skipped, warnings }) };
    };
    try {
      if (session.switches.off) return outcome(await execute(session, options, []));
      const subject =
        options.key === undefined ? detected(session, options) : named(session, options, options.key);
      attempts.push(...(await subject.attempts()));
      if (strictEnd(session) === undefined)
        await openly(session, () => restorePlans(session, attempts, options.owner ?? 'workspace'));
      const strict = strictEnd(session);
      if (strict !== undefined) return outcome(strict);
      skipped = attempts.length > 0 && attempts.every(standsForCommand);
      if (skipped) {
        let status: number | undefined;
        await openly(session, async () => {
          status = await replayAll(session, attempts);
        });
        // Where that cannot be done, the command itself does it.
        skipped = status !== undefined;
        if (status !== undefined) {
          tellSkipped(session, options, attempts);
          if (status === 0)
            await openly(session, () => verifySample(session, attempts, sampleOf(session, options)));
          await openly(session, () => postEvents(session, 'run', attempts, true));
          return outcome(status === 0 ? (strictEnd(session) ?? 0) : status);
        }
      }
      const takings = new Takings();
      const policy = options.save ?? 'always';
      const saves = usable(session) !== undefined && (await mayBeSaved(session, policy));
      const watches = await watchAll(session, attempts, (plan) =>
        takings.context(session, plan, saves, subject.again),
      );
      try {
        const waited = takings.seconds;
        const status = await execute(session, options, attempts, watches);
        session.figures.seconds.command -= takings.seconds - waited;
        for (const [plan, watch] of watches) {
          await openly(
            session,
            async () => watch.ended?.(),
            () => takings.fail(plan),
          );
        }
        const after = { status, policy, again: subject.again, watches, takings };
        await openly(session, () => savePlans(session, attempts, after));
        if (status === 0)
          await openly(session, () => verifySample(session, attempts, sampleOf(session, options)));
        await openly(session, () => postEvents(session, 'run', attempts, false));
        return outcome(status === 0 ? (strictEnd(session) ?? 0) : status);
      } finally {
        for (const watch of watches.values()) await openly(session, async () => watch.close?.());
      }
    } catch (error) {
      if (error instanceof Interrupted) return outcome(error.status);
      throw error;
    }
  });
}

/** Whatever goes wrong with the cache, also what nobody has thought of, is a fault of the cache and not of the build. */
async function openly(
  session: Session,
  work: () => Promise<void>,
  otherwise: () => void = () => undefined,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    session.faults.add(error);
    otherwise();
  }
}

/** What is to be cached: looked for before the command, and again after it. */
interface Subject {
  attempts(): Promise<Attempt[]>;
  again(): Promise<Plan[]>;
}

function named({ context, switches: { salt } }: Session, options: RunOptions, key: string): Subject {
  const folders = { workspace: context.folder, home: homeOf(context.env) };
  const asked: Named = { key, paths: options.paths ?? [], folders, ...(salt === undefined ? {} : { salt }) };
  const plan = namedPlan(asked, options.save === 'always');
  const want = { ...wantOf(plan), ...rootsAskedFor(asked) };
  return {
    attempts: async () => [attemptOf(plan, want)],
    again: async () => [{ ...plan, roots: await rootsOfNamed(asked) }],
  };
}

function detectionOf({ switches }: Session, options: RunOptions): DetectOptions {
  return {
    command: options.command,
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    ...(switches.salt === undefined ? {} : { salt: switches.salt }),
    ...(options.skipInstall === undefined ? {} : { skipInstall: options.skipInstall }),
  };
}

function detected(session: Session, options: RunOptions): Subject {
  const { context, faults } = session;
  const detection = detectionOf(session, options);
  const plans = (onNote?: (message: string) => void) =>
    detectPlans(context, detection, (error) => faults.add(error), onNote);
  return {
    async attempts() {
      const found = await plans((message) => context.tell({ level: 'note', message }));
      if (found.length === 0 && faults.first === undefined) {
        const message = `nothing is known to be cached for ${options.command[0]} in ${context.folder}`;
        context.tell({ level: 'note', message });
      }
      return found.map((plan) => attemptOf(plan));
    },
    again: () => plans(),
  };
}

function sampleOf(session: Session, options: RunOptions): SampleOptions {
  const { context, faults } = session;
  return {
    share: options.verifySample ?? 0,
    command: options.command,
    detect: (folder) =>
      detectPlans({ ...context, folder }, detectionOf(session, options), (error) => faults.add(error)),
  };
}

function standsForCommand({ plan, report }: Attempt): boolean {
  return report.hit === 'exact' && plan.install?.onHit === 'skip';
}

function tellSkipped({ context }: Session, { command }: RunOptions, attempts: readonly Attempt[]): void {
  const cold = attempts.reduce((sum, { restored }) => sum + (restored?.timings.command ?? 0), 0);
  const saved = cold > 0 ? `, which took ${secondsText(cold)} when it was saved` : '';
  // As a plan lets it be seen: a flag of the command may hold a token.
  const shown =
    attempts.find(({ plan }) => plan.recorded !== undefined)?.plan.recorded ?? command.slice(0, 1);
  context.tell({ level: 'note', message: `skipped ${shown.join(' ')}${saved}` });
}

/** What the skipped command would have done beside; the first status other than 0 ends it. */
async function replayAll(session: Session, attempts: readonly Attempt[]): Promise<number> {
  const { context, caught } = session;
  for (const { plan } of attempts) {
    const status = await timed(session.clock, session.figures, 'command', async () =>
      plan.replay?.({
        env: context.env,
        tell: (message) => context.tell({ level: 'note', message: `${titleOf(plan)}: ${message}` }),
        async run(command, options) {
          const end = await runCommand(command, { ...options, caught });
          if (end.unstarted !== undefined) context.tell({ level: 'note', message: end.unstarted });
          return end.status;
        },
      }),
    );
    if (status !== undefined && status !== 0) return status;
  }
  return 0;
}

async function watchAll(
  session: Session,
  attempts: readonly Attempt[],
  contextOf: (plan: Plan) => WatchContext,
): Promise<Map<Plan, Watch>> {
  const watches = new Map<Plan, Watch>();
  for (const { plan, restored } of attempts) {
    if (plan.watch === undefined || plan.refused !== undefined) continue;
    try {
      watches.set(plan, await plan.watch(restored, contextOf(plan)));
    } catch (error) {
      session.faults.add(error);
    }
  }
  return watches;
}

async function execute(
  session: Session,
  options: RunOptions,
  attempts: readonly Attempt[],
  watches: ReadonlyMap<Plan, Watch> = new Map(),
): Promise<number> {
  const { context, caught } = session;
  caught.signal.throwIfAborted();
  const handed: NonNullable<Plan['handOver']>[] = [
    ...attempts.flatMap(({ plan }) =>
      plan.refused === undefined ? [plan.handOver ?? {}, watches.get(plan)?.handOver ?? {}] : [],
    ),
    ...attempts.flatMap(({ standIn }) =>
      standIn === undefined || standIn.hit === 'none' ? [] : [{ env: standIn.plan.env ?? {} }],
    ),
  ];
  const command = handed.findLast((one) => one.command !== undefined)?.command ?? options.command;
  const env = Object.assign({ ...context.env }, ...handed.map((one) => one.env ?? {}));
  for (const { plan, report } of attempts) {
    if (report.hit === 'exact' && plan.install?.onHit === 'run') {
      context.tell({ level: 'note', message: `${titleOf(plan)}: not skipped: ${plan.install.why}` });
    }
  }
  const end = await timed(session.clock, session.figures, 'command', () =>
    runCommand(command, { folder: context.folder, env, caught }),
  );
  if (end.unstarted !== undefined) context.tell({ level: 'note', message: end.unstarted });
  return end.status;
}
