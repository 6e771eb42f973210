/** The event that a step leaves with the server: what every figure of `stats` is made of. Losing one costs a figure. */
import { isFault } from '#protocol/wire/errors.ts';
import type { CacheEvent } from '#protocol/wire/routes.ts';
import type { Attempt } from './attempt.ts';
import type { Report } from './report.ts';
import { type Session, usable } from './session.ts';

const BUDGET_MS = 1_000;
const REASON_LENGTH = 2_000;

type Told = Pick<Attempt, 'report' | 'restored' | 'verified'> & {
  plan: { fingerprint: { kind: string; name: string } };
};

/** One event an entry; the step's bytes and seconds are the first one's, so that sums are right. */
export async function postEvents(
  session: Session,
  command: Report['command'],
  attempts: readonly Told[],
  skipped: boolean,
): Promise<void> {
  const server = usable(session);
  if (server === undefined || attempts.length === 0) return;
  try {
    await server.client.events(
      attempts.map((attempt, i) => eventOf(session, command, attempt, skipped, i === 0)),
      BUDGET_MS,
    );
  } catch (error) {
    if (!isFault(error)) throw error;
  }
}

function eventOf(
  { figures }: Session,
  command: Report['command'],
  { plan, report, restored, verified }: Told,
  skipped: boolean,
  first: boolean,
): CacheEvent {
  const { lookup, restore, command: run, save } = figures.seconds;
  const cold = restored?.timings.command ?? 0;
  const saved = report.hit === 'none' ? 0 : Math.max(0, cold - (lookup + restore + run));
  return {
    command,
    kind: plan.fingerprint.kind,
    name: plan.fingerprint.name,
    key: report.key,
    hit: report.hit,
    ...(report.reason === undefined ? {} : { reason: report.reason.slice(0, REASON_LENGTH) }),
    skipped,
    ...(verified === undefined ? {} : { verified }),
    bytes: first ? figures.bytes : { down: 0, up: 0, reused: 0 },
    seconds: first
      ? { lookup, restore, command: run, save, saved }
      : { lookup: 0, restore: 0, command: 0, save: 0, saved: 0 },
  };
}
