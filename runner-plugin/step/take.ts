/** Roots that a plan takes while the command runs: packed and sent at once, committed after it, if at all. */
import type { Plan, WatchContext } from '../fingerprint/plan.ts';
import { titleOf } from './plan-entry.ts';
import { timed } from './report.ts';
import { type SaveRequest, type Taken, takeRoots } from './save-entry.ts';
import { type Session, usable } from './session.ts';
import { Interrupted } from './signals.ts';

export class Takings {
  readonly #taken = new Map<Plan, Taken | 'failed'>();
  /** For which the command was kept waiting. */
  seconds = 0;

  /** Undefined where nothing was taken; `failed` where that went wrong, and what is there now is not what was to be saved. */
  of(plan: Plan): Taken | 'failed' | undefined {
    return this.#taken.get(plan);
  }

  fail(plan: Plan): void {
    this.#taken.set(plan, 'failed');
  }

  /** `again` finds the plans that hold at the moment of the taking. */
  context(session: Session, plan: Plan, saves: boolean, again: () => Promise<Plan[]>): WatchContext {
    return {
      saves,
      take: async (roots) => {
        const start = session.clock.now();
        try {
          this.#taken.set(plan, await take(session, plan, again, roots));
        } catch (error) {
          this.fail(plan);
          if (!(error instanceof Interrupted)) session.faults.addOfSave(titleOf(plan), error);
        }
        this.seconds += (session.clock.now() - start) / 1000;
      },
    };
  }
}

async function take(
  session: Session,
  plan: Plan,
  again: () => Promise<Plan[]>,
  roots: readonly string[],
): Promise<Taken | 'failed'> {
  const server = usable(session);
  const now = (await again()).find((one) => isSame(one, plan));
  if (server === undefined || now === undefined) return 'failed';
  return timed(session.clock, session.figures, 'save', () =>
    takeRoots(session, server, requestOf(session, now, { key: now.fingerprint.key }), roots),
  );
}

/** Whether two plans are of one project: found at different times, their keys may differ. */
export function isSame(one: Plan, other: Plan): boolean {
  return one.folder === other.folder && one.fingerprint.kind === other.fingerprint.kind;
}

export function requestOf(
  { switches, figures }: Session,
  { fingerprint, roots, cut, keepTimes }: Pick<Plan, 'fingerprint' | 'roots' | 'cut' | 'keepTimes'>,
  as: Pick<SaveRequest, 'key' | 'command'>,
): SaveRequest {
  const { command: commandSeconds } = figures.seconds;
  return { fingerprint, roots, cut, keepTimes, replace: switches.refresh, commandSeconds, ...as };
}
