/**
 * Which plans hold for a folder and a command. The kind is the user's `--kind`, else that of cachalot.json, else that of the
 * command's program, else every kind that is found there.
 */

import { fault } from '#protocol/wire/errors.ts';
import { KINDS, KINDS_MEANT } from '../fingerprint/kinds.ts';
import type { Detection, KindDetector, Plan } from '../fingerprint/plan.ts';
import { ownPlan, readProjectFile, withInputs } from '../fingerprint/project-file.ts';
import { homeOf, type StepContext } from './context.ts';

export interface DetectOptions {
  kind?: string;
  /** Absolute; the context's unless given. */
  folder?: string;
  command?: readonly string[];
  salt?: string;
  skipInstall?: Detection['skipInstall'];
}

/**
 * Sorted by key. Throws USAGE for a kind that there is not, and what a detector throws for something that is there and cannot be
 * read (LOCKFILE_UNREADABLE, POM_UNREADABLE, INPUT_UNREADABLE); with `onFault` that is handed over, and the other kinds' plans
 * hold all the same.
 */
export async function detectPlans(
  context: Pick<StepContext, 'env' | 'folder' | 'kinds'>,
  options: DetectOptions,
  onFault?: (error: unknown) => void,
): Promise<Plan[]> {
  const detection: Detection = {
    folder: options.folder ?? context.folder,
    env: context.env,
    home: homeOf(context.env),
    skipInstall: options.skipInstall ?? 'understood',
    ...(options.command === undefined ? {} : { command: options.command }),
    ...(options.salt === undefined ? {} : { salt: options.salt }),
  };
  const kinds = context.kinds ?? KINDS;
  if (options.kind !== undefined && kinds[options.kind] === undefined)
    throw fault('USAGE', { why: unknownKind(options.kind, kinds) });
  const plans: Plan[] = [];
  const orFault = async (detect: () => Promise<void>): Promise<void> => {
    try {
      await detect();
    } catch (error) {
      if (onFault === undefined) throw error;
      onFault(error);
    }
  };
  await orFault(async () => {
    const file = await readProjectFile(detection);
    if (file?.kind !== undefined && kinds[file.kind] === undefined)
      throw fault('SETTING_INVALID', {
        setting: 'kind in cachalot.json',
        value: file.kind,
        why: unknownKind(file.kind, kinds),
      });
    if (file?.paths !== undefined && options.kind === undefined) {
      plans.push(await ownPlan(file, file.paths, detection));
      return;
    }
    for (const detector of await detectorsOf(kinds, options.kind ?? file?.kind, options.command)) {
      await orFault(async () => {
        const found = await detector.detect(detection);
        plans.push(...(file === undefined ? found : found.map((plan) => withInputs(plan, file))));
      });
    }
  });
  return plans.sort((a, b) => (a.fingerprint.key < b.fingerprint.key ? -1 : 1));
}

async function detectorsOf(
  kinds: typeof KINDS,
  kind: string | undefined,
  command: readonly string[] | undefined,
): Promise<KindDetector[]> {
  if (kind !== undefined) {
    const meant = KINDS_MEANT[kind] ?? [kind];
    return Promise.all(meant.flatMap((name) => kinds[name]?.() ?? []));
  }
  const all = (await Promise.all(Object.values(kinds).map((load) => load()))).filter(({ optIn }) => !optIn);
  const owners = command === undefined ? [] : all.filter((detector) => detector.owns(command));
  return owners.length > 0 ? owners : all;
}

function unknownKind(kind: string, kinds: typeof KINDS): string {
  return `There is no kind ${kind}; there are ${Object.keys(kinds).join(', ')}.`;
}
