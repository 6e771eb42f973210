/**
 * What every step is given and what it says on its way. Steps print nothing and never end the process: they `tell` notices
 * as they happen and return what came of it, the exit status included. cli/ parses, prints and exits.
 *
 *     run(context, options)      step/run.ts       cachalot run -- CMD
 *     restore(context, options)  step/restore.ts   cachalot restore
 *     save(context, options)     step/save.ts      cachalot save
 *     why(context, options)      step/why.ts       cachalot why
 *     detectPlans(context, …)    step/detect.ts    cachalot fingerprint
 *
 * All of them throw a CachalotError only for what the user gave them and cannot be meant (a flag, a key, a path): print
 * it and exit with its `exit`. Faults of the cache are never thrown: they are warnings, in the report and through `tell`.
 */
import { homedir } from 'node:os';
import type { Clock } from '../client/clock.ts';
import type { Environment } from '../client/state-folder.ts';
import type { KINDS } from '../fingerprint/kinds.ts';
import type { SignalSource } from './signals.ts';

export interface StepContext {
  env: Environment;
  /** Absolute: where the command runs, what `workspace` stands for in `save` and `restore`. */
  folder: string;
  /** Of this program. */
  version: string;
  /** One line each, as it happens: a note (hit, miss, saved) or a fault of the cache. */
  tell: (notice: Notice) => void;
  onProgress?: (progress: Progress) => void;
  /** What is looked for in a folder; every kind that there is unless given. */
  kinds?: typeof KINDS;
  /** Where signals come from; the process unless given. */
  signals?: SignalSource;
  clock?: Clock;
  /** 0 to 1. */
  random?: () => number;
}

export interface Notice {
  level: 'note' | 'warning';
  /** Of a warning, a code of the catalogue. */
  code?: string;
  /** One line without its end. */
  message: string;
}

export interface Progress {
  phase: 'restore' | 'save';
  /** Bytes of the archive read so far, or raw bytes dealt with so far. */
  done: number;
  total: number;
}

/** What the escape hatches say, for every step: flags where they are given, else the environment. */
export interface Hatches {
  /** Treat everything as a miss, then replace what is there. */
  refresh?: boolean;
  noRestore?: boolean;
  noSave?: boolean;
  salt?: string;
  strict?: boolean;
}

export function homeOf(env: Environment): string {
  return env.HOME || homedir();
}
