/**
 * What a command line says to pnpm or yarn. `npx pnpm@V …` and `corepack yarn …` are seen through; `sh -c` is never parsed.
 */
import { basename } from 'node:path';

export interface ManagerCommand {
  /** The words before the manager's own: `pnpm`, `npx pnpm@10.1.0`. */
  program: readonly string[];
  /** The version that the command itself names. */
  version?: string;
  /** Words that are no flags, the sub-command first. */
  words: string[];
  /** As flags give them, in order; a flag without a value is `true`, `--no-x` is `x` `false`. */
  flags: [name: string, value: string][];
}

export interface FlagRules {
  /** Flags that take no value; of the others the next word is the value. */
  switches: ReadonlySet<string>;
  /** Short forms: the flag that they stand for, and its value where they take none. */
  shorthands: Readonly<Record<string, [name: string, value: string | undefined]>>;
}

/** Undefined where the program is none of `names`. */
export function readManagerCommand(
  command: readonly string[],
  names: readonly string[],
  rules: FlagRules,
): ManagerCommand | undefined {
  const seen = seeThrough(command, names);
  if (seen === undefined) return undefined;
  const words: string[] = [];
  const flags: [string, string][] = [];
  const rest = [...seen.rest];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') break;
    if (word.startsWith('-') && word !== '-') flags.push(...readFlag(word, rest, rules));
    else words.push(word);
    // What follows a script's name is the script's.
    if (words.length > 0 && /^(run|exec|dlx|run-script|x)$/.test(words[0] ?? '') && words.length > 1) break;
  }
  return {
    program: command.slice(0, command.length - seen.rest.length),
    ...(seen.version === undefined ? {} : { version: seen.version }),
    words,
    flags,
  };
}

function readFlag(word: string, rest: string[], rules: FlagRules): [string, string][] {
  const short = rules.shorthands[word];
  if (short !== undefined) return [[short[0], short[1] ?? rest.shift() ?? '']];
  const text = word.replace(/^-+/, '').replace(/^config\./, '');
  const equals = text.indexOf('=');
  if (equals >= 0) return [[text.slice(0, equals), text.slice(equals + 1)]];
  if (text.startsWith('no-')) return [[text.slice('no-'.length), 'false']];
  const next = rest[0];
  if (rules.switches.has(text) || next === undefined || next.startsWith('-')) return [[text, 'true']];
  return [[text, rest.shift() ?? '']];
}

function seeThrough(
  command: readonly string[],
  names: readonly string[],
): { version?: string; rest: readonly string[] } | undefined {
  const [program = '', ...rest] = command;
  const own = basename(program);
  if (names.includes(own)) return { rest };
  if (own !== 'corepack' && own !== 'npx') return undefined;
  const at = rest.findIndex((word) => !word.startsWith('-'));
  const match = /^(.+?)(?:@(.+))?$/.exec(rest[at] ?? '');
  if (match === null || !names.includes(match[1] ?? '')) return undefined;
  const after = rest.slice(at + 1);
  return match[2] === undefined ? { rest: after } : { version: match[2], rest: after };
}
