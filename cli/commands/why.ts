/** `cachalot why`: would it hit now; if not, what changed since the nearest entry, from what, to what. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Difference, LineDifference } from '#runner-plugin/step/differences.ts';
import type { WhyAnswer } from '#runner-plugin/step/why.ts';
import type { Context } from '../program.ts';
import { hatchesOf, type StepFlags, stepContext } from '../step-options.ts';
import { splitWords } from './fingerprint.ts';

interface Flags extends StepFlags {
  kind?: string;
}

/** Lines of one set that are shown; --json has all. */
const MOST_LINES = 20;

export function whyCommand(context: Context, end: (status: number) => void): Command {
  return new Command('why')
    .description('say whether it would hit now, and if not, what changed')
    .usage('[options] [dir] [-- command...]')
    .argument('[words...]', 'the folder, then a command after --')
    .option('--kind <kind>', 'only this kind (npm, maven)')
    .option('--salt <text>', 'one more input of the key')
    .option('--strict', 'faults of the cache are failures')
    .option('--json', 'as JSON')
    .action(async (words: string[], flags: Flags, command: Command) => {
      const { why } = await import('#runner-plugin/step/why.ts');
      const { dir, cmd } = splitWords(words, command);
      const { status, answers } = await why(stepContext(context, flags), {
        ...hatchesOf(flags),
        folder: resolve(context.folder, dir ?? '.'),
        ...(flags.kind === undefined ? {} : { kind: flags.kind }),
        ...(cmd === undefined ? {} : { command: cmd }),
      });
      console.log(
        flags.json
          ? JSON.stringify(answers.length === 1 ? answers[0] : answers, null, 2)
          : answers.map(describe).join('\n\n'),
      );
      end(status);
    });
}

function describe(answer: WhyAnswer): string {
  const lines = [`${answer.kind} ${answer.name}: ${verdict(answer)}`, `  key      ${answer.key}`];
  if (answer.assumed !== undefined)
    lines.push(`  command  ${answer.assumed.join(' ')} (as it was last saved)`);
  if (answer.nearest !== undefined)
    lines.push(
      `  nearest  ${answer.nearest.key}, saved ${answer.nearest.created.slice(0, 19).replace('T', ' ')}`,
    );
  if (answer.standIn !== undefined) lines.push(`  near hit ${standInText(answer.standIn)}`);
  lines.push(...answer.differences.flatMap(differenceLines));
  if (answer.install?.onHit === 'run') lines.push(`  not skipped: ${answer.install.why}`);
  lines.push(...answer.notes.map((note) => `  note: ${note}`));
  return lines.join('\n');
}

/** What `run` would do with it; what of the newest entry the inputs here do not name stays where it is. */
function standInText({ kind, key, hit }: NonNullable<WhyAnswer['standIn']>): string {
  const what =
    hit === 'exact'
      ? 'what was cached of all packages'
      : 'what was cached of packages that are still named here';
  return `${what} would be restored before the command runs (${kind}: ${key})`;
}

function verdict({ hit, reason }: WhyAnswer): string {
  const word = hit === 'exact' ? 'it would hit' : hit === 'near' ? 'a near hit' : 'it would miss';
  return reason === undefined ? word : `${word}: ${reason}`;
}

function differenceLines({ input, change, lines }: Difference): string[] {
  if (lines === undefined) return [`  ${input} ${change === 'changed' ? 'changed' : `was ${change}`}`];
  const shown = lines.slice(0, MOST_LINES).map((line) => `    ${lineText(line)}`);
  const more =
    lines.length > MOST_LINES ? [`    and ${lines.length - MOST_LINES} more (--json has all)`] : [];
  return [`  ${input}: ${lines.length} changed`, ...shown, ...more];
}

function lineText({ name, from, to }: LineDifference): string {
  if (from === undefined) return `+ ${name} ${to ?? ''}`.trimEnd();
  if (to === undefined) return `- ${name} ${from}`.trimEnd();
  return `${name}: ${from} -> ${to}`;
}
