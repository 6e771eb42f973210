/** One plan on its way through a step: what it asks for, and what came of it. */
import type { Manifest } from '#protocol/format/manifest.ts';
import type { Plan, StandIn } from '../fingerprint/plan.ts';
import type { Wanted } from './look-up.ts';
import { wantOf, wantOfStandIn } from './plan-entry.ts';
import type { EntryReport, Hit } from './report.ts';

export interface Attempt {
  plan: Plan;
  want: Wanted;
  report: EntryReport;
  /** Of a hit that was looked into (verify-sample.ts). */
  verified?: 'right' | 'wrong';
  /** What was restored of the plan itself, and stands. */
  restored?: Manifest;
  standIn?: StandInAttempt;
}

/** It has no report of its own: where it was restored, the plan's says so. */
export interface StandInAttempt {
  plan: StandIn;
  want: Wanted;
  /** Of what was restored. */
  hit: Hit;
}

export function attemptOf(plan: Plan, want: Wanted = wantOf(plan)): Attempt {
  const { kind, key } = plan.fingerprint;
  return {
    plan,
    want,
    report: { kind, key, hit: 'none' },
    ...(plan.standIn === undefined
      ? {}
      : { standIn: { plan: plan.standIn, want: wantOfStandIn(plan.standIn), hit: 'none' } }),
  };
}
