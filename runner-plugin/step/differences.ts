/** What differs between the inputs of two fingerprints, down to the lines of those that are sets. */
import type { Digest, ManifestInput } from '#protocol/format/manifest.ts';
import { type Input, parseDetail } from '../fingerprint/fingerprint.ts';

export interface Difference {
  /** The input's name. */
  input: string;
  change: 'changed' | 'added' | 'removed';
  /** Of a changed set; absent where its lines are not to be had. */
  lines?: LineDifference[];
}

export interface LineDifference {
  name: string;
  /** Absent for an added line. */
  from?: string;
  /** Absent for a removed one. */
  to?: string;
}

/** `before` is the entry's, `now` what holds here. `detail` answers with the stored text of a set, or undefined. */
export async function differencesOf(
  before: readonly ManifestInput[],
  now: readonly Input[],
  detail: (digest: Digest) => Promise<string | undefined>,
): Promise<Difference[]> {
  const old = new Map(before.map((input) => [input.name, input]));
  const names = new Set(now.map(({ name }) => name));
  const differences = await Promise.all(
    now.map(async (input): Promise<Difference[]> => {
      const was = old.get(input.name);
      if (was === undefined) return [{ input: input.name, change: 'added' }];
      if (was.digest === input.digest) return [];
      const lines = was.detail && input.detail ? await linesOf(was.digest, input.detail, detail) : undefined;
      return [{ input: input.name, change: 'changed', ...(lines === undefined ? {} : { lines }) }];
    }),
  );
  const removed = before
    .filter(({ name }) => !names.has(name))
    .map(({ name }): Difference => ({ input: name, change: 'removed' }));
  return [...differences.flat(), ...removed];
}

async function linesOf(
  digest: Digest,
  now: readonly [string, string][],
  detail: (digest: Digest) => Promise<string | undefined>,
): Promise<LineDifference[] | undefined> {
  const text = await detail(digest);
  return text === undefined ? undefined : compareLines(parseDetail(text), now);
}

/** A name may have several lines; they are compared as one. */
export function compareLines(
  before: readonly [string, string][],
  now: readonly [string, string][],
): LineDifference[] {
  const from = byName(before);
  const to = byName(now);
  const names = [...new Set([...from.keys(), ...to.keys()])].sort();
  return names.flatMap((name): LineDifference[] => {
    const [was, is] = [from.get(name), to.get(name)];
    if (was === is) return [];
    return [{ name, ...(was === undefined ? {} : { from: was }), ...(is === undefined ? {} : { to: is }) }];
  });
}

function byName(lines: readonly [string, string][]): Map<string, string> {
  const values = new Map<string, string[]>();
  for (const [name, value] of lines) {
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return new Map([...values].map(([name, all]) => [name, all.join(', ')]));
}

/** Lines named in a sentence; the others are counted. */
const NAMED = 3;

/** One sentence for one line of output: `lockfile: 4 changed: a 1.0 -> 1.1, b …; 1 added: c`. */
export function describeDifferences(differences: readonly Difference[]): string {
  return differences.map(describe).join('; ');
}

function describe({ input, change, lines }: Difference): string {
  if (change !== 'changed') return `${input} was ${change}`;
  if (lines === undefined || lines.length === 0) return `${input} changed`;
  const named = lines.slice(0, NAMED).map(({ name, from, to }) => {
    if (from === undefined) return `${name} was added`;
    if (to === undefined) return `${name} was removed`;
    return `${name} ${changeOf(from, to)}`;
  });
  const more = lines.length > NAMED ? ` and ${lines.length - NAMED} more` : '';
  return `${input} changed: ${named.join(', ')}${more}`;
}

/** A line's first word is what a person knows it by (a version); it is enough where it changed. */
function changeOf(from: string, to: string): string {
  const [first = '', next = ''] = [from, to].map((value) => value.split(' ', 1)[0]);
  return first !== next ? `${shorten(first)} -> ${shorten(next)}` : `${shorten(from)} -> ${shorten(to)}`;
}

function shorten(value: string): string {
  return value.length > 60 ? `${value.slice(0, 59)}…` : value;
}
