/** `cachalot fingerprint`: the key of what is here, and every input that it is made of. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { fault } from '#protocol/wire/errors.ts';
import type { Context } from '../program.ts';
import { say } from '../say.ts';
import { table } from '../units.ts';

interface Flags {
  kind?: string;
  json?: boolean;
  salt?: string;
}

export function fingerprintCommand(context: Context, end: (status: number) => void): Command {
  return new Command('fingerprint')
    .description('print the key of a project and the inputs that it is made of')
    .usage('[options] [dir] [-- command...]')
    .argument('[words...]', 'the folder, then a command after --')
    .option('--kind <kind>', 'only this kind (npm, maven)')
    .option('--salt <text>', 'one more input')
    .option('--json', 'as JSON; an array where there is more than one')
    .action(async (words: string[], flags: Flags, command: Command) => {
      const { detectPlans } = await import('#runner-plugin/step/detect.ts');
      const { readSwitches } = await import('#runner-plugin/step/hatches.ts');
      const { dir, cmd } = splitWords(words, command);
      const folder = resolve(context.folder, dir ?? '.');
      const { salt } = readSwitches(context.env, flags);
      const plans = await detectPlans(context, {
        folder,
        ...(flags.kind === undefined ? {} : { kind: flags.kind }),
        ...(cmd === undefined ? {} : { command: cmd }),
        ...(salt === undefined ? {} : { salt }),
      });
      if (plans.length === 0) throw fault('KIND_UNDETECTED', { path: folder });
      const fingerprints = plans.map((plan) => plan.fingerprint);
      if (flags.json)
        console.log(JSON.stringify(fingerprints.length === 1 ? fingerprints[0] : fingerprints, null, 2));
      else {
        for (const { key, inputs } of fingerprints) {
          const rows = inputs.map(({ name, digest, detail }) => [
            name,
            digest.slice(0, 16),
            detail === undefined ? '' : `${detail.length} lines`,
          ]);
          console.log(
            `${key}\n${table(
              ['  INPUT', 'DIGEST', ''],
              rows.map(([name, ...rest]) => [`  ${name}`, ...rest]),
            )}`,
          );
        }
      }
      for (const note of plans.flatMap((plan) => plan.notes)) say(note);
      end(0);
    });
}

/** `[dir] [-- command...]`: commander gives all words in one list, and what the user typed says where `--` stood. */
export function splitWords(words: readonly string[], command: Command): { dir?: string; cmd?: string[] } {
  const typed: readonly string[] =
    (command.parent as (Command & { rawArgs?: string[] }) | null)?.rawArgs ?? [];
  const dashes = typed.indexOf('--');
  const after = dashes < 0 ? [] : typed.slice(dashes + 1);
  const before = words.slice(0, words.length - after.length);
  if (before.length > 1)
    throw fault('USAGE', {
      why: `One folder is enough, and a command stands after --; these are ${before.length} words: ${before.join(' ')}.`,
    });
  return {
    ...(before[0] === undefined ? {} : { dir: before[0] }),
    ...(after.length === 0 ? {} : { cmd: after }),
  };
}
