/**
 * What a command line says to npm: which program and version runs, whether it is an install, and which settings its
 * flags carry. `npx npm@V …` and `corepack npm …` are seen through; `sh -c` is never parsed.
 */
import { basename } from 'node:path';

export interface NpmCommand {
  /** The npm version that the command itself names (`npx npm@10.9.0 ci`). */
  version?: string;
  /** The words before npm's own: `npm`, `npx npm@10.9.0`. */
  program: readonly string[];
  /** npm's own name of the sub-command: `ci`, `install`, `run` …; undefined where there is none. */
  verb?: string;
  /** `ci`, or `install` without packages: what fills node_modules from the lockfile. */
  install: boolean;
  /** Settings by name, as flags give them; a flag without a value is `true`, `--no-x` is `false`. */
  flags: [name: string, value: string][];
  /** Where npm is told to work (`--prefix`, `-C`), relative to its working folder. */
  folder?: string;
}

const CI = new Set(['ci', 'clean-install', 'ic', 'install-clean', 'isntall-clean']);
const INSTALL = new Set([
  'install',
  'add',
  'i',
  'in',
  'ins',
  'inst',
  'insta',
  'instal',
  'isnt',
  'isnta',
  'isntal',
  'isntall',
]);

// npm's own short forms (npm help config, "Shorthands") of settings that change a tree or take a value.
const SHORTHANDS: Record<string, [name: string, value: string | undefined]> = {
  '-w': ['workspace', undefined],
  '-ws': ['workspaces', 'true'],
  '-iwr': ['include-workspace-root', 'true'],
  '-C': ['prefix', undefined],
  '-g': ['global', 'true'],
  '-f': ['force', 'true'],
  '-c': ['call', undefined],
  '-B': ['save-bundle', 'true'],
  '-D': ['save-dev', 'true'],
  '-E': ['save-exact', 'true'],
  '-O': ['save-optional', 'true'],
  '-P': ['save-prod', 'true'],
  '-S': ['save', 'true'],
  '-s': ['loglevel', 'silent'],
  '-q': ['loglevel', 'warn'],
  '-d': ['loglevel', 'info'],
  '-y': ['yes', 'true'],
  '-m': ['message', undefined],
  '-n': ['yes', 'false'],
  '-l': ['long', 'true'],
  '-a': ['all', 'true'],
  '-p': ['parseable', 'true'],
};

// Settings that take no value on the command line; of the others the next word is the value.
const SWITCHES = new Set(
  `all allow-same-version audit bin-links color commit-hooks description dev dry-run engine-strict force foreground-scripts
   fund git-tag-version global global-style if-present ignore-scripts include-workspace-root install-links json
   legacy-bundling legacy-peer-deps long offline omit-lockfile-registry-resolved optional package-lock package-lock-only
   parseable prefer-dedupe prefer-offline prefer-online production progress read-only rebuild-bundle save save-bundle
   save-dev save-exact save-optional save-peer save-prod strict-allow-scripts strict-peer-deps strict-ssl timing unicode
   update-notifier usage workspaces workspaces-update yes`.split(/\s+/),
);

/** Reads a command; undefined where its program is not npm. */
export function readNpmCommand(command: readonly string[]): NpmCommand | undefined {
  const seen = seeThrough(command);
  if (seen === undefined) return undefined;
  const flags: [string, string][] = [];
  const words: string[] = [];
  const rest = [...seen.rest];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') break;
    if (!word.startsWith('-') || word === '-') words.push(word);
    else flags.push(...readFlag(word, rest));
  }
  const verb = words[0];
  const folder = flags.findLast(([name]) => name === 'prefix')?.[1];
  return {
    program: command.slice(0, command.length - seen.rest.length),
    ...(seen.version === undefined ? {} : { version: seen.version }),
    ...(verb === undefined ? {} : { verb }),
    install: verb !== undefined && (CI.has(verb) || (INSTALL.has(verb) && words.length === 1)),
    flags,
    ...(folder === undefined ? {} : { folder }),
  };
}

/** npm's own name of an install command, as it tells scripts. */
export function installVerb({ verb }: NpmCommand): 'ci' | 'install' {
  return verb !== undefined && CI.has(verb) ? 'ci' : 'install';
}

/** Another sub-command of the same npm with the same settings. */
export function sameNpm({ program, flags }: NpmCommand, words: readonly string[]): string[] {
  return [...program, ...flags.map(([name, value]) => `--${name}=${value}`), ...words];
}

function readFlag(word: string, rest: string[]): [string, string][] {
  const short = SHORTHANDS[word];
  if (short !== undefined) return [[short[0], short[1] ?? rest.shift() ?? '']];
  const text = word.replace(/^-+/, '');
  const equals = text.indexOf('=');
  if (equals >= 0) return [[text.slice(0, equals), text.slice(equals + 1)]];
  if (text.startsWith('no-')) return [[text.slice(3), 'false']];
  const next = rest[0];
  if (SWITCHES.has(text)) {
    // npm takes a following `true` or `false` for a switch's value.
    if (next === 'true' || next === 'false') return [[text, rest.shift() ?? '']];
    return [[text, 'true']];
  }
  if (next === undefined || next.startsWith('-')) return [[text, 'true']];
  return [[text, rest.shift() ?? '']];
}

interface Seen {
  version?: string;
  rest: readonly string[];
}

function seeThrough(command: readonly string[]): Seen | undefined {
  const [program, ...rest] = command;
  if (program === undefined) return undefined;
  switch (basename(program)) {
    case 'npm':
      return { rest };
    case 'corepack':
      return rest[0] === undefined ? undefined : packageOf(rest[0], rest.slice(1));
    case 'npx': {
      const at = rest.findIndex((word) => !word.startsWith('-'));
      return at < 0 ? undefined : packageOf(rest[at] ?? '', rest.slice(at + 1));
    }
    default:
      return undefined;
  }
}

function packageOf(word: string, rest: readonly string[]): Seen | undefined {
  const match = /^npm(?:@(.+))?$/.exec(word);
  if (match === null) return undefined;
  return match[1] === undefined ? { rest } : { version: match[1], rest };
}
