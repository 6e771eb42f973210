/**
 * The tree as the manager has made it, taken before the project's own scripts run on it: the manager is told to use a shell of
 * ours, which waits at each script until the tree has been looked at. Where it is whole, it is packed there and then; so a
 * script that adds lines to a package (patch-package) finds the same tree after every hit.
 */
import { realpath } from 'node:fs/promises';
import { Recorder } from '../npm/scripts/recorder.ts';
import type { Watch, WatchContext } from '../plan.ts';

export interface EarlyTree {
  folder: string;
  /** Roots that are taken. */
  roots: readonly string[];
  /** The user's own `script-shell`. */
  userShell: string | undefined;
  /** Variables, beside npm's, by which the manager is told of a shell. */
  variables: readonly string[];
  /** Whether the tree is whole, and nothing changed it after the manager. Asked before each script until it is. */
  isWhole: () => Promise<boolean>;
  /** Just before the tree is taken. */
  prepare?: () => Promise<void>;
  /** Told when it was. */
  taken: () => void;
}

export async function watchForTree(options: EarlyTree, { take }: WatchContext): Promise<Watch> {
  const { variables, userShell } = options;
  let isDone = false;
  const root = await realpath(options.folder);
  const recorder = await Recorder.start({ root, userShell, hidden: variables }, async () => {
    if (isDone || !(await options.isWhole())) return;
    isDone = true;
    await options.prepare?.();
    await take(options.roots);
    options.taken();
  });
  const shell = recorder.env.npm_config_script_shell ?? '';
  return {
    handOver: { env: { ...recorder.env, ...Object.fromEntries(variables.map((name) => [name, shell])) } },
    gained: async () => undefined,
    ended: () => recorder.settled(),
    close: () => recorder.close(),
  };
}
