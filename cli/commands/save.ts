/** `cachalot save --key K --path P`: an entry of one's own. */
import { Command } from 'commander';
import type { Context } from '../program.ts';
import { hatchesOf, type StepFlags, stepContext, withHatches, writeReport } from '../step-options.ts';

interface Flags extends StepFlags {
  key: string;
  path: string[];
  replace?: boolean;
}

export function saveCommand(context: Context, end: (status: number) => void): Command {
  const command = new Command('save')
    .description('save paths under a key; the first save of a key wins')
    .requiredOption('--key <key>', 'the key')
    .requiredOption('--path <path...>', 'what to save: globs, ! exclusions and ~')
    .option('--replace', 'take the place of what the key holds');
  return withHatches(command).action(async (flags: Flags) => {
    const { save } = await import('#runner-plugin/step/save.ts');
    const step = stepContext(context, flags);
    const { status, report } = await save(step, {
      ...hatchesOf(flags),
      key: flags.key,
      paths: flags.path,
      ...(flags.replace ? { replace: true } : {}),
    });
    step.done();
    await writeReport(context, flags, report);
    end(status);
  });
}
