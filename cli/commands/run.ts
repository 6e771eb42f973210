/** `cachalot run -- CMD`: a build step with the cache around it. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { SkipInstall } from '#runner-plugin/fingerprint/plan.ts';
import type { OwnerRule } from '#runner-plugin/step/owner.ts';
import type { SavePolicy } from '#runner-plugin/step/run-save.ts';
import type { Context } from '../program.ts';
import { hatchesOf, type StepFlags, stepContext, withHatches, writeReport } from '../step-options.ts';

interface Flags extends StepFlags {
  kind?: string;
  key?: string;
  path?: string[];
  skipInstall?: SkipInstall;
  owner?: OwnerRule;
  verifySample?: number;
}

export function runCommand(context: Context, end: (status: number) => void): Command {
  const command = new Command('run')
    .description('restore what fits, run the command unless a hit stands for it, save what it left')
    .usage('[options] -- command...')
    .argument('<command...>', 'the program and its arguments')
    .passThroughOptions()
    .option('--kind <kind>', 'what to cache (npm, maven); found out unless given')
    .option('--key <key>', 'an entry of your own, with --path')
    .option('--path <path...>', 'what the entry holds: globs, ! exclusions and ~')
    .addOption(
      new Option('--save <when>', 'when to save').choices(['always', 'success', 'default-branch', 'never']),
    )
    .addOption(
      new Option('--skip-install <when>', 'whether a hit stands for an install').choices([
        'understood',
        'always',
        'never',
      ]),
    )
    .addOption(
      new Option('--owner <rule>', 'who owns restored files, for root in a workspace of another').choices([
        'keep',
        'workspace',
      ]),
    )
    .addOption(
      new Option(
        '--verify-sample <share>',
        'on that share of hits, see what the real install makes',
      ).argParser(shareOf),
    )
    .option('--refresh', 'treat as a miss, then replace what is there')
    .option('--no-restore', 'restore nothing')
    .option('--no-save', 'save nothing')
    .option('--salt <text>', 'one more input of the key');
  return withHatches(command).action(async (words: string[], flags: Flags) => {
    const { run } = await import('#runner-plugin/step/run.ts');
    const step = stepContext(context, flags);
    const { status, report } = await run(step, {
      ...hatchesOf(flags),
      command: words,
      ...(flags.kind === undefined ? {} : { kind: flags.kind }),
      ...(flags.key === undefined ? {} : { key: flags.key }),
      ...(flags.path === undefined ? {} : { paths: flags.path }),
      ...(typeof flags.save === 'string' ? { save: flags.save as SavePolicy } : {}),
      ...(flags.skipInstall === undefined ? {} : { skipInstall: flags.skipInstall }),
      ...(flags.owner === undefined ? {} : { owner: flags.owner }),
      ...(flags.verifySample === undefined ? {} : { verifySample: flags.verifySample }),
    });
    step.done();
    await writeReport(context, flags, report);
    end(status);
  });
}

/** 0 to 1, as `0.01` or `1%`. */
function shareOf(text: string): number {
  const share = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text === '' || text === '%' || !(share >= 0 && share <= 1))
    throw new InvalidArgumentError('It is a share, from 0 to 1.');
  return share;
}
