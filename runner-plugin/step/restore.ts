/** `restore`: an entry that the user names into its paths, by its key or else the newest with one of the prefixes. */
import { genericKey } from '#protocol/format/key.ts';
import { keyOf, type Named, namedPlan, rootsAskedFor } from '../fingerprint/generic.ts';
import { type Attempt, attemptOf } from './attempt.ts';
import { type Hatches, homeOf, type StepContext } from './context.ts';
import { postEvents } from './events.ts';
import { INLINE_BYTES, lookUp } from './look-up.ts';
import { type OwnerRule, ownersOf } from './owner.ts';
import { placesOf, titleOf, wantOf } from './plan-entry.ts';
import { makeReport, type Report, timed } from './report.ts';
import { restoreEntry } from './restore-entry.ts';
import { type Session, strictEnd, usable, withSession } from './session.ts';
import { Interrupted } from './signals.ts';
import { bytesText, filesText, secondsText } from './units.ts';

export interface RestoreOptions extends Hatches {
  key: string;
  /** Prefixes, tried in order. */
  restoreKeys?: readonly string[];
  /** At least one. */
  paths: readonly string[];
  failOnMiss?: boolean;
  /** `full`: every byte against its identity, not only every frame against the server's word. */
  verify?: 'frame' | 'full';
  owner?: OwnerRule;
}

export interface RestoreOutcome {
  /** 3 for a miss with `failOnMiss`; under `--strict` that of the first fault. */
  status: number;
  report: Report;
}

const MISSED = 3;

/** Throws USAGE, KEY_UNREADABLE, ROOT_FORBIDDEN and ROOTS_NESTED. */
export async function restore(context: StepContext, options: RestoreOptions): Promise<RestoreOutcome> {
  return withSession(context, options, async (session) => {
    const attempt = attemptOfNamed(session, options);
    const outcome = (status: number): RestoreOutcome => {
      const { warnings } = session.faults;
      return {
        status,
        report: makeReport('restore', [attempt.report], session.figures, { skipped: false, warnings }),
      };
    };
    try {
      await take(session, attempt, options);
      await postEvents(session, 'restore', [attempt], false);
      return outcome(
        strictEnd(session) ?? (attempt.report.hit === 'none' && options.failOnMiss ? MISSED : 0),
      );
    } catch (error) {
      if (error instanceof Interrupted) return outcome(error.status);
      throw error;
    }
  });
}

function attemptOfNamed({ context, switches: { salt } }: Session, options: RestoreOptions): Attempt {
  const folders = { workspace: context.folder, home: homeOf(context.env) };
  const named: Named = {
    key: options.key,
    paths: options.paths,
    folders,
    ...(salt === undefined ? {} : { salt }),
  };
  const plan = namedPlan(named, false);
  const near = (options.restoreKeys ?? []).map((prefix) => keyOf(named, prefix));
  return attemptOf(plan, { ...wantOf(plan), ...rootsAskedFor(named), near });
}

async function take(session: Session, attempt: Attempt, options: RestoreOptions): Promise<void> {
  const { switches, context, figures } = session;
  const { plan, report } = attempt;
  const tell = (message: string) => context.tell({ level: 'note', message: `${titleOf(plan)}: ${message}` });
  const server = usable(session);
  if (switches.refresh || switches.noRestore || server === undefined) {
    if (!switches.off && session.faults.first === undefined) tell('miss: nothing is to be restored');
    report.reason = 'nothing is to be restored';
    return;
  }
  const ask = async () =>
    (
      await lookUp(server.client, [attempt.want], { inline: INLINE_BYTES, signal: session.caught.signal })
    )[0] ?? { hit: 'none' as const };
  try {
    const found = await timed(session.clock, figures, 'lookup', ask);
    if (found.hit !== 'exact' && found.reason !== undefined) report.reason = found.reason;
    if (found.entry === undefined) {
      tell(`miss: ${found.reason ?? 'there is no such entry'}`);
      return;
    }
    const { manifest } = found.entry;
    const { entry } = found;
    const restored = await timed(session.clock, figures, 'restore', async () =>
      restoreEntry(session, server, entry, {
        places: placesOf(manifest, { workspace: plan.folder, home: homeOf(context.env) }, plan.roots),
        verify: options.verify ?? 'frame',
        owners: await ownersOf(options.owner ?? 'workspace', plan.folder, manifest.roots),
        again: ask,
      }),
    );
    if (restored === undefined) {
      report.reason = session.faults.warnings.at(-1)?.message ?? 'it could not be restored';
      return;
    }
    attempt.restored = restored.manifest;
    report.hit = found.hit;
    report.matchedKey = manifest.key;
    const which =
      found.hit === 'exact'
        ? 'hit'
        : `no exact hit, took ${manifest.key.replace(genericKey('x').slice(0, -1), '')}`;
    tell(
      `${which}: ${filesText(restored.files)}, ${bytesText(figures.bytes.down)} in ${secondsText(figures.seconds.restore)}`,
    );
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    session.faults.add(error);
    report.reason = session.faults.warnings.at(-1)?.message ?? 'the server cannot be asked';
  }
}
