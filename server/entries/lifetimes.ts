/**
 * How long things live that no entry holds, in one table: what the safety of deletion rests on (docs/formats.md, "Life of a
 * segment"). In milliseconds. All ages are differences of two times of the object store's clock.
 *
 * The model (test/server/model) shows what holds between them: `session + stall < grace`, and `hold` is longer than what is
 * condemned may be remembered (`known`).
 */
import { fault } from '#protocol/wire/errors.ts';

/** What tests name them by. */
export const LIFETIMES_VARIABLE = 'CACHALOT_LIFETIMES';

const SECOND = 1000;
const HOUR = 60 * 60 * SECOND;
const DAY = 24 * HOUR;

export interface Lifetimes {
  /** A commit in an older save session is refused. */
  session: number;
  /** Nothing younger is condemned, and the lists of a session are roots for so long. */
  grace: number;
  /**
   * So long retention waits when it has condemned, before it deletes: whoever reads an entry that has left can end. A commit that
   * takes longer looks once more at what it relies on.
   */
  hold: number;
  /** So long what is condemned is believed without asking the store again. */
  known: number;
  /** From the beginning of one mark to that of the next. */
  cycle: number;
  /** How exactly it is known when an entry was last asked for. */
  use: number;
  /** Copies of retired manifests are kept for a look at them. */
  retired: number;
  /** So are damaged bytes. */
  quarantined: number;
}

export const LIFETIMES: Lifetimes = {
  session: 12 * HOUR,
  grace: 48 * HOUR,
  hold: 6 * HOUR,
  known: 5 * SECOND,
  cycle: 12 * HOUR,
  use: 6 * HOUR,
  retired: 7 * DAY,
  quarantined: 30 * DAY,
};

/**
 * With some of them as `text` says: a JSON object of milliseconds. Only for tests that have no days to wait; shorter ones take the
 * safety away that this table is for. Throws `SETTING_INVALID`.
 */
export function lifetimesFrom(text: string | undefined): Lifetimes {
  if (text === undefined || text === '') return LIFETIMES;
  const refuse = (why: string) => fault('SETTING_INVALID', { setting: LIFETIMES_VARIABLE, value: text, why });
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw refuse((error as Error).message);
  }
  for (const [name, value] of Object.entries(given)) {
    if (!(name in LIFETIMES))
      throw refuse(`there is no ${name}; there are ${Object.keys(LIFETIMES).join(', ')}`);
    if (typeof value !== 'number' || !(value >= 0)) throw refuse(`${name} is no number of milliseconds`);
  }
  return { ...LIFETIMES, ...given };
}
