/** `cachalot restore --key K --path P`: an entry of one's own, back in its place. */
import { Command, Option } from 'commander';
import type { OwnerRule } from '#runner-plugin/step/owner.ts';
import type { Context } from '../program.ts';
import { hatchesOf, type StepFlags, stepContext, withHatches, writeReport } from '../step-options.ts';

interface Flags extends StepFlags {
  key: string;
  restoreKey?: string[];
  path: string[];
  failOnMiss?: boolean;
  verify?: 'full' | 'frame';
  owner?: OwnerRule;
}

export function restoreCommand(context: Context, end: (status: number) => void): Command {
  const command = new Command('restore')
    .description('restore the entry of a key')
    .requiredOption('--key <key>', 'the key')
    .option('--restore-key <prefix...>', 'else the newest entry whose key begins so, in this order')
    .requiredOption('--path <path...>', 'the same paths as at the save')
    .option('--fail-on-miss', 'exit with 3 where there is no hit')
    .addOption(
      new Option('--verify <how>', 'full: every segment by its identity too').choices(['frame', 'full']),
    )
    .addOption(
      new Option('--owner <rule>', 'who owns restored files, for root in a workspace of another').choices([
        'keep',
        'workspace',
      ]),
    );
  return withHatches(command).action(async (flags: Flags) => {
    const { restore } = await import('#runner-plugin/step/restore.ts');
    const step = stepContext(context, flags);
    const { status, report } = await restore(step, {
      ...hatchesOf(flags),
      key: flags.key,
      paths: flags.path,
      ...(flags.restoreKey === undefined ? {} : { restoreKeys: flags.restoreKey }),
      ...(flags.failOnMiss ? { failOnMiss: true } : {}),
      ...(flags.verify === undefined ? {} : { verify: flags.verify }),
      ...(flags.owner === undefined ? {} : { owner: flags.owner }),
    });
    step.done();
    await writeReport(context, flags, report);
    end(status);
  });
}
