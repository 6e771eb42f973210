/** `save`: paths that the user names under a key that the user names. */
import { EXIT, isFault } from '#protocol/wire/errors.ts';
import { namedPlan, rootsOfNamed } from '../fingerprint/generic.ts';
import { attemptOf } from './attempt.ts';
import { type Hatches, homeOf, type StepContext } from './context.ts';
import { postEvents } from './events.ts';
import { titleOf } from './plan-entry.ts';
import { makeReport, type Report, timed } from './report.ts';
import { describeSaved, saveEntry } from './save-entry.ts';
import { strictEnd, usable, withSession } from './session.ts';
import { Interrupted } from './signals.ts';

export interface SaveOptions extends Hatches {
  key: string;
  /** At least one. */
  paths: readonly string[];
  /** In place of the entry that the key holds, if it holds one. */
  replace?: boolean;
}

export interface SaveOutcome {
  /** 0 for a key that is taken too; under `--strict` that of the first fault. */
  status: number;
  report: Report;
}

/**
 * Throws for what the user gave: USAGE, KEY_UNREADABLE, ROOT_FORBIDDEN, ROOTS_NESTED, and for a tree that cannot be saved as it
 * is: ROOT_MISSING, INPUT_UNREADABLE, ARCHIVE_NAME_*. Nothing has been stored then.
 */
export async function save(context: StepContext, options: SaveOptions): Promise<SaveOutcome> {
  return withSession(context, options, async (session) => {
    const { switches, faults, figures } = session;
    const folders = { workspace: context.folder, home: homeOf(context.env) };
    const named = {
      key: options.key,
      paths: options.paths,
      folders,
      ...(switches.salt === undefined ? {} : { salt: switches.salt }),
    };
    const plan = { ...namedPlan(named, true), roots: await rootsOfNamed(named) };
    const attempt = attemptOf(plan);
    const outcome = (status: number): SaveOutcome => {
      return {
        status,
        report: makeReport('save', [attempt.report], figures, { skipped: false, warnings: faults.warnings }),
      };
    };
    const server = usable(session);
    if (switches.noSave || switches.readOnly) {
      context.tell({ level: 'note', message: `${titleOf(plan)}: nothing is to be saved` });
      return outcome(strictEnd(session) ?? 0);
    }
    if (server === undefined) return outcome(strictEnd(session) ?? 0);
    try {
      const saved = await timed(session.clock, figures, 'save', () =>
        saveEntry(session, server, {
          fingerprint: plan.fingerprint,
          key: plan.fingerprint.key,
          roots: plan.roots,
          cut: plan.cut,
          keepTimes: plan.keepTimes,
          replace: options.replace === true || switches.refresh,
        }),
      );
      context.tell({
        level: 'note',
        message: `${titleOf(plan)}: ${describeSaved(saved, figures.seconds.save)}`,
      });
    } catch (error) {
      if (error instanceof Interrupted) return outcome(error.status);
      if (isOfTheTree(error)) throw error;
      faults.add(error);
    }
    await postEvents(session, 'save', [attempt], false);
    return outcome(strictEnd(session) ?? 0);
  });
}

function isOfTheTree(error: unknown): boolean {
  return isFault(error, 'ROOTS_NESTED') || (isFault(error) && error.exit === EXIT.input);
}
