/**
 * The time budgets (docs: interfaces, "Time budgets"): how long the cache may keep a build waiting. All in milliseconds.
 * A control request is everything but the bodies of segments and archives: it has one budget for all of its attempts.
 */
import { fault } from '#protocol/wire/errors.ts';
import type { Environment } from './state-folder.ts';

export interface Budgets {
  connect: number;
  /** From the end of the request to the first byte of the answer, where a body of segments or an archive follows. */
  firstByte: number;
  /** Without a byte in either direction. */
  idle: number;
  control: number;
  /** Undefined: see {@link restoreBudget}. */
  restore: number | undefined;
  save: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const DEFAULT_BUDGETS: Budgets = {
  connect: 2 * SECOND,
  firstByte: 5 * SECOND,
  idle: 10 * SECOND,
  control: 5 * SECOND,
  restore: undefined,
  save: 10 * MINUTE,
};

const LONGEST_RESTORE = 10 * MINUTE;
/**
 * Below this a restore is not given up for being slower than the command was: a command of half a second would otherwise
 * never be restored on a busy machine, and nobody waits long.
 */
const SHORTEST_RESTORE = 10 * SECOND;

/** The lesser of ten minutes and one and a half times what the command took when the entry was made, in seconds. */
export function restoreBudget(budgets: Budgets, coldSeconds: number | undefined): number {
  if (budgets.restore !== undefined) return budgets.restore;
  if (coldSeconds === undefined) return LONGEST_RESTORE;
  return Math.min(LONGEST_RESTORE, Math.max(SHORTEST_RESTORE, 1.5 * coldSeconds * SECOND));
}

/** Throws SETTING_INVALID. */
export function readBudgets(env: Environment): Budgets {
  return {
    ...DEFAULT_BUDGETS,
    control: duration(env, 'CACHALOT_BUDGET_LOOKUP') ?? DEFAULT_BUDGETS.control,
    restore: duration(env, 'CACHALOT_BUDGET_RESTORE'),
    save: duration(env, 'CACHALOT_BUDGET_SAVE') ?? DEFAULT_BUDGETS.save,
  };
}

const UNITS: Record<string, number> = { ms: 1, s: SECOND, m: MINUTE, h: 60 * MINUTE };
/** setTimeout's own bound; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** `30`, `30s`, `500ms`, `2m`, `1h`: seconds where no unit stands. */
function duration(env: Environment, setting: string): number | undefined {
  const value = env[setting];
  if (value === undefined || value === '') return undefined;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(value.trim()) ?? [];
  const ms = Number(number) * (UNITS[unit ?? 's'] ?? SECOND);
  if (!(ms > 0 && ms <= LONGEST)) {
    throw fault('SETTING_INVALID', { setting, value, why: 'a time such as 30, 30s, 500ms or 2m is needed' });
  }
  return ms;
}
