/** What run, save, restore and why have in common: the ways out, and how notices and progress are shown. */
import { isAbsolute, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Hatches, Notice, Progress, StepContext } from '#runner-plugin/step/context.ts';
import type { Context } from './program.ts';
import { createProgress } from './progress.ts';
import { say } from './say.ts';

export interface StepFlags {
  refresh?: boolean;
  /** commander's form of --no-restore and --no-save: true unless they are given. */
  restore?: boolean;
  save?: boolean | string;
  salt?: string;
  strict?: boolean;
  quiet?: boolean;
  report?: string;
  json?: boolean;
}

export function withHatches(command: Command): Command {
  return command
    .option('--strict', 'faults of the cache are failures')
    .option('--quiet', 'no lines about hits, misses and faults')
    .addOption(new Option('--report <file>', 'write what was done as JSON'));
}

export function hatchesOf(flags: StepFlags): Hatches {
  return {
    ...(flags.refresh ? { refresh: true } : {}),
    ...(flags.restore === false ? { noRestore: true } : {}),
    ...(flags.save === false ? { noSave: true } : {}),
    ...(flags.salt === undefined ? {} : { salt: flags.salt }),
    ...(flags.strict ? { strict: true } : {}),
  };
}

/** Notices go to stderr, a line each; progress to a terminal only. */
export function stepContext(context: Context, flags: StepFlags): StepContext & { done(): void } {
  const progress = createProgress(process.stderr, flags.quiet === true || context.env.CI !== undefined);
  return {
    env: context.env,
    folder: context.folder,
    version: context.version,
    tell: ({ message }: Notice) => {
      progress.clear();
      if (!flags.quiet) say(message);
    },
    onProgress: (step: Progress) => progress.show(step),
    done: () => progress.clear(),
  };
}

/** Writes the report; a file that cannot be written is said, and changes nothing about the build. */
export async function writeReport(context: Context, flags: StepFlags, report: unknown): Promise<void> {
  if (flags.json) console.log(JSON.stringify(report, null, 2));
  if (flags.report === undefined) return;
  const { writeFile } = await import('node:fs/promises');
  const path = isAbsolute(flags.report) ? flags.report : resolve(context.folder, flags.report);
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`).catch((error: Error) =>
    say(`The report cannot be written: ${error.message}`),
  );
}
