/**
 * Which plans hold for a folder and a command. The kind is the user's `--kind`, else that of the command's program, else
 * every kind that is found there.
 */

import { fault } from '#protocol/wire/errors.ts';
import { KINDS } from '../fingerprint/kinds.ts';
import type { Detection, KindDetector, Plan } from '../fingerprint/plan.ts';
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
  const plans: Plan[] = [];
  for (const kind of await detectorsOf(context.kinds ?? KINDS, options)) {
    try {
      plans.push(...(await kind.detect(detection)));
    } catch (error) {
      if (onFault === undefined) throw error;
      onFault(error);
    }
  }
  return plans.sort((a, b) => (a.fingerprint.key < b.fingerprint.key ? -1 : 1));
}

async function detectorsOf(kinds: typeof KINDS, { kind, command }: DetectOptions): Promise<KindDetector[]> {
  if (kind !== undefined) {
    const load = kinds[kind];
    if (load === undefined) {
      throw fault('USAGE', { why: `There is no kind ${kind}; there are ${Object.keys(kinds).join(', ')}.` });
    }
    return [await load()];
  }
  const all = await Promise.all(Object.values(kinds).map((load) => load()));
  const owners = command === undefined ? [] : all.filter((detector) => detector.owns(command));
  return owners.length > 0 ? owners : all;
}
