/**
 * One `--path` pattern, with the meaning that @actions/glob gives it as actions/cache uses it: `*`, `?` and `[…]` within a
 * name (hidden names too), `**` for any number of folders, a leading `!` to exclude, `~` for the home folder; no braces, no
 * extended globs. A backslash takes the next character as it is.
 */
import { posix } from 'node:path';
import type { AnchorFolders } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';

export interface PathPattern {
  /** What it excludes is left out, rather than taken. */
  excludes: boolean;
  /** From the file system's root on: a name, what a name must match, or `**`. */
  parts: PatternPart[];
  /** Absolute, `/`-separated, as written but normal: what names the pattern. */
  text: string;
}

export type PatternPart = string | RegExp | typeof ANY_FOLDERS;
export const ANY_FOLDERS = Symbol('**');

/** The patterns of all arguments: one a line, without blank lines and those that begin with `#`. Throws `USAGE`. */
export function parsePatterns(args: readonly string[], folders: AnchorFolders): PathPattern[] {
  const lines = args.flatMap((arg) => arg.split('\n')).map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => parsePattern(line, folders));
}

function parsePattern(line: string, folders: AnchorFolders): PathPattern {
  let written = line;
  let excludes = false;
  while (written.startsWith('!')) {
    excludes = !excludes;
    written = written.slice(1).trim();
  }
  if (written === '') throw fault('USAGE', { why: `The path ${line} is empty.` });
  const [base, rest] = baseOf(written, folders);
  const parts = base.split('/').filter((name) => name !== '') as PatternPart[];
  const texts = [...(parts as string[])];
  for (const text of rest.split('/')) {
    if (text === '' || text === '.') continue;
    if (text === '..') {
      if (typeof parts.at(-1) !== 'string' && parts.length > 0)
        throw fault('USAGE', { why: `The path ${line} has .. behind a pattern.` });
      parts.pop();
      texts.pop();
      continue;
    }
    parts.push(parsePart(text));
    texts.push(text);
  }
  return { excludes, parts, text: `/${texts.join('/')}` };
}

function baseOf(written: string, folders: AnchorFolders): [base: string, rest: string] {
  if (written === '~' || written.startsWith('~/')) return [folders.home, written.slice(1)];
  if (written.startsWith('/')) return ['/', written];
  return [posix.resolve(folders.workspace), written];
}

function parsePart(text: string): PatternPart {
  if (text === '**') return ANY_FOLDERS;
  let literal = '';
  let source = '';
  let isPattern = false;
  const characters = [...text];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    const set = character === '[' ? setAt(characters, at) : undefined;
    if (character === '*' || character === '?') {
      isPattern = true;
      source += character === '*' ? '.*' : '.';
    } else if (set !== undefined) {
      isPattern = true;
      source += set.source;
      at = set.end;
    } else {
      if (character === '\\' && at + 1 < characters.length) at++;
      literal += characters[at];
      source += escaped(characters[at] as string);
    }
  }
  return isPattern ? new RegExp(`^${source}$`, 'su') : literal;
}

/** `[abc]`, `[a-z]`, `[!…]`, `[^…]`; a `]` that comes first is one of the set. Undefined for a `[` that nothing closes. */
function setAt(text: readonly string[], at: number): { source: string; end: number } | undefined {
  const negated = text[at + 1] === '!' || text[at + 1] === '^';
  const first = negated ? at + 2 : at + 1;
  const end = text.indexOf(']', first + 1);
  if (end < 0) return undefined;
  const members = text.slice(first, end).join('');
  const source = `[${negated ? '^' : ''}${members.replace(/[\\\]^[]/g, '\\$&')}]`;
  try {
    new RegExp(source, 'u');
  } catch {
    // A range that runs backwards holds nothing.
    return { source: '(?!)', end };
  }
  return { source, end };
}

function escaped(character: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}
