/**
 * Which plans hold for a folder and a command. The kind is the user's `--kind`, else that of cachalot.json, else that of the
 * command's program, else every kind that is found there. Where nothing is found, and the command is no tool's own, the
 * projects in sub-folders are those that are meant.
 */

import { fault } from '#protocol/wire/errors.ts';
import { KINDS, KINDS_MEANT } from '../fingerprint/kinds.ts';
import type { Detection, KindDetector, Plan } from '../fingerprint/plan.ts';
import { ownPlan, readProjectFile, withInputs } from '../fingerprint/project-file.ts';
import { homeOf, type StepContext } from './context.ts';
import { projectsBelow } from './projects-below.ts';

export interface DetectOptions {
  kind?: string;
  /** Absolute; the context's unless given. */
  folder?: string;
  command?: readonly string[];
  salt?: string;
  skipInstall?: Detection['skipInstall'];
}

type Surroundings = Pick<StepContext, 'env' | 'folder' | 'kinds'>;

type OnFault = ((error: unknown) => void) | undefined;

/**
 * Sorted by key. Throws USAGE for a kind that there is not, and what a detector throws for something that is there and cannot be
 * read (LOCKFILE_UNREADABLE, POM_UNREADABLE, INPUT_UNREADABLE); with `onFault` that is handed over, and the other kinds' plans
 * hold all the same. `onNote` is told what a person should know, one line each.
 */
export async function detectPlans(
  context: Surroundings,
  options: DetectOptions,
  onFault?: OnFault,
  onNote?: (message: string) => void,
): Promise<Plan[]> {
  const kinds = context.kinds ?? KINDS;
  if (options.kind !== undefined && kinds[options.kind] === undefined)
    throw fault('USAGE', { why: unknownKind(options.kind, kinds) });
  const folder = options.folder ?? context.folder;
  let isSound = true;
  const hear: OnFault =
    onFault === undefined
      ? undefined
      : (error) => {
          isSound = false;
          onFault(error);
        };
  const plans = await plansIn(context, { ...options, folder }, hear, onNote);
  if (plans.length === 0 && isSound && !(await isSomebodys(kinds, options.command))) {
    for (const below of await projectsBelow(folder))
      plans.push(...(await plansIn(context, { ...options, folder: below }, hear, onNote)));
  }
  return plans.sort((a, b) => (a.fingerprint.key < b.fingerprint.key ? -1 : 1));
}

/** Of that folder and what lies above it. */
async function plansIn(
  { env, kinds = KINDS }: Surroundings,
  options: DetectOptions & { folder: string },
  onFault: OnFault,
  onNote: ((message: string) => void) | undefined,
): Promise<Plan[]> {
  const detection: Detection = {
    folder: options.folder,
    env,
    home: homeOf(env),
    skipInstall: options.skipInstall ?? 'understood',
    ...(options.command === undefined ? {} : { command: options.command }),
    ...(options.salt === undefined ? {} : { salt: options.salt }),
  };
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
    for (const glob of file?.unmatched ?? []) onNote?.(`inputs in cachalot.json: nothing matches ${glob}`);
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
  return plans;
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
  const all = (await everyKind(kinds)).filter(({ optIn }) => !optIn);
  const owners = command === undefined ? [] : all.filter((detector) => detector.owns(command));
  return owners.length > 0 ? owners : all;
}

/** Whether the command is a tool's own, which works where it is started and nowhere below. */
async function isSomebodys(kinds: typeof KINDS, command: readonly string[] | undefined): Promise<boolean> {
  return command !== undefined && (await everyKind(kinds)).some((detector) => detector.owns(command));
}

function everyKind(kinds: typeof KINDS): Promise<KindDetector[]> {
  return Promise.all(Object.values(kinds).map((load) => load()));
}

function unknownKind(kind: string, kinds: typeof KINDS): string {
  return `There is no kind ${kind}; there are ${Object.keys(kinds).join(', ')}.`;
}
