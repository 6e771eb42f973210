/** One plan on its way through a step: what it asks for, and what came of it. */
import type { Manifest } from '#protocol/format/manifest.ts';
import type { Plan } from '../fingerprint/plan.ts';
import type { Wanted } from './look-up.ts';
import { wantOf } from './plan-entry.ts';
import type { EntryReport } from './report.ts';

export interface Attempt {
  plan: Plan;
  want: Wanted;
  report: EntryReport;
  /** What was restored, and stands. */
  restored?: Manifest;
}

export function attemptOf(plan: Plan, want: Wanted = wantOf(plan)): Attempt {
  const { kind, key } = plan.fingerprint;
  return { plan, want, report: { kind, key, hit: 'none' } };
}
