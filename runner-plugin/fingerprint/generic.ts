/**
 * The kind `generic`: an entry that the user names, by a key and paths. Nothing is fingerprinted; the key says all.
 *
 * Paths may be patterns. What they match is known only where the files are, so an entry is saved under the roots that they
 * match, and looked up by its key, any roots being taken that the patterns could have matched.
 */

import { genericKey } from '#protocol/format/key.ts';
import { CUTS } from '#protocol/format/limits.ts';
import {
  type AnchorFolders,
  formatRoot,
  locateRoot,
  parseRoot,
  type Root,
  refuseNestedRoots,
} from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import { patternRoots, selectPaths } from '../archive/paths.ts';
import { ANY_FOLDERS, type PatternPart, parsePatterns } from '../archive/paths-pattern.ts';
import { type RootPlan, valueInput } from './fingerprint.ts';
import type { Plan } from './plan.ts';

export interface Named {
  /** As the user gave it. */
  key: string;
  /** As actions/cache takes them: globs, `!`, `~`. */
  paths: readonly string[];
  folders: AnchorFolders;
  /** Sets keys apart, also for prefixes. */
  salt?: string;
}

/**
 * The plan without its roots, which {@link rootsOfNamed} finds when they are there. `afterFailure`: saved after a failed
 * command too. Throws KEY_UNREADABLE.
 */
export function namedPlan(named: Named, afterFailure: boolean): Plan {
  const key = keyOf(named, named.key);
  return {
    fingerprint: { kind: 'generic', name: '_', key, inputs: [] },
    roots: [],
    folder: named.folders.workspace,
    cut: CUTS.default,
    keepTimes: true,
    nearKeys: [],
    refuseSave: async (status) =>
      status === 0 || status === undefined || afterFailure ? undefined : 'the command failed',
    notes: [],
  };
}

/** The key in full; of a prefix too. Throws KEY_UNREADABLE. */
export function keyOf({ salt }: Pick<Named, 'salt'>, text: string): string {
  const apart = salt === undefined ? '' : `salt-${valueInput('salt', salt).digest.slice(0, 16)}/`;
  return genericKey(apart + text);
}

/** What a look-up asks for: these roots exactly, or (patterns) any of which each `takes`. Throws USAGE, ROOT_FORBIDDEN, ROOTS_NESTED. */
export function rootsAskedFor({ paths, folders }: Named): {
  roots: string[];
  takes: (roots: readonly string[]) => boolean;
} {
  const patterns = parsePatterns(paths, folders).filter(({ excludes }) => !excludes);
  if (patterns.length === 0) throw fault('USAGE', { why: 'There is no path that is not excluded.' });
  const roots = patternRoots(paths, folders);
  refuseNestedRoots(roots);
  const exact = roots.map(formatRoot);
  if (patterns.every(({ parts }) => isLiteral(parts))) return { roots: exact, takes: () => true };
  const literal = literalRoots(patterns, roots, folders);
  const takes = (found: readonly string[]): boolean =>
    literal.every((root) => found.includes(root)) &&
    found.every((root) => {
      const names = locateRoot(parseRoot(root), folders).split('/').slice(1);
      return patterns.some(({ parts }) => matches(parts, names));
    });
  return { roots: [], takes };
}

/** The roots that there are to save; a path without wildcards that is not there is one too. Throws ROOT_MISSING where nothing is. */
export async function rootsOfNamed(named: Named): Promise<RootPlan[]> {
  const { paths, folders } = named;
  const selected = await selectPaths(paths, folders);
  if (selected.length === 0) throw fault('ROOT_MISSING', { path: paths.join(', ') });
  const plans = selected.map(({ root, place, exclude }): RootPlan => {
    const plan = planOf(root, place);
    return exclude.length === 0 ? plan : { ...plan, exclude };
  });
  const known = new Set(plans.map(({ root }) => root));
  const patterns = parsePatterns(paths, folders).filter(({ excludes }) => !excludes);
  for (const root of literalRoots(patterns, patternRoots(paths, folders), folders)) {
    if (!known.has(root)) plans.push(planOf(parseRoot(root), locateRoot(parseRoot(root), folders)));
  }
  refuseNestedRoots(plans.map(({ root }) => parseRoot(root)));
  return plans;
}

function planOf(root: Root, place: string): RootPlan {
  return { root: formatRoot(root), place, restore: 'replace', modes: 'kept' };
}

function isLiteral(parts: readonly PatternPart[]): boolean {
  return parts.every((part) => typeof part === 'string');
}

/** Those of the patterns' roots that are paths. */
function literalRoots(
  patterns: readonly { parts: readonly PatternPart[] }[],
  roots: readonly Root[],
  folders: AnchorFolders,
): string[] {
  const literal = new Set(
    patterns.filter(({ parts }) => isLiteral(parts)).map(({ parts }) => `/${parts.join('/')}`),
  );
  return roots.filter((root) => literal.has(locateRoot(root, folders))).map(formatRoot);
}

function matches(parts: readonly PatternPart[], names: readonly string[]): boolean {
  const [part, ...rest] = parts;
  if (part === undefined) return names.length === 0;
  if (part === ANY_FOLDERS)
    return matches(rest, names) || (names.length > 0 && matches(parts, names.slice(1)));
  const [name, ...below] = names;
  if (name === undefined) return false;
  return (typeof part === 'string' ? part === name : part.test(name)) && matches(rest, below);
}
