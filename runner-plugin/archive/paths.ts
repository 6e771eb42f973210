/**
 * From `--path` arguments to roots, as actions/cache reads them: patterns are taken in their order, a later one overrules
 * an earlier. Each match becomes a root, one inside another folds into it, and what is excluded inside a root is left out
 * when it is packed (actions/cache itself does not look inside what it has matched).
 *
 * `**` does not go through symbolic links: what lies behind one has a place of its own, and may be a loop.
 */
import fs from 'node:fs';
import { isInside } from '#protocol/format/member.ts';
import { type AnchorFolders, type Root, rootOf } from '#protocol/format/root.ts';
import { ANY_FOLDERS, type PathPattern, type PatternPart, parsePatterns } from './paths-pattern.ts';

export interface SelectedPath {
  root: Root;
  /** Absolute. */
  place: string;
  /** Relative to the root, '/'-separated; a folder stands for all below. */
  exclude: string[];
}

/**
 * What these patterns match now; sorted. None where nothing matches. Throws `USAGE` for a pattern that cannot be read and
 * `ROOT_FORBIDDEN` for a place that no entry may own.
 */
export async function selectPaths(args: readonly string[], folders: AnchorFolders): Promise<SelectedPath[]> {
  const chosen = new Set<string>();
  const excluded = new Set<string>();
  for (const pattern of parsePatterns(args, folders)) {
    if (pattern.excludes) exclude(pattern, chosen, excluded);
    else for (const place of matchesOf(pattern.parts, () => true)) choose(place, chosen, excluded);
  }
  const places = outermost(chosen);
  return places.map((place) => {
    const inside = [...excluded].filter((path) => isInside(path, place));
    return {
      root: rootOf(place, folders),
      place,
      exclude: outermost(inside).map((path) => path.slice(place.length + 1)),
    };
  });
}

/**
 * The roots under which an entry of these patterns is saved and looked up: the patterns themselves, since on a runner that
 * has yet to restore nothing is there to be matched. A path without wildcards is its root. Exclusions are no part of it.
 */
export function patternRoots(args: readonly string[], folders: AnchorFolders): Root[] {
  const patterns = parsePatterns(args, folders).filter((pattern) => !pattern.excludes);
  const texts = new Set(patterns.map(({ text, parts }) => (isLiteral(parts) ? `/${parts.join('/')}` : text)));
  return outermost(texts).map((text) => rootOf(text, folders));
}

function isLiteral(parts: readonly PatternPart[]): boolean {
  return parts.every((part) => typeof part === 'string');
}

function choose(place: string, chosen: Set<string>, excluded: Set<string>): void {
  chosen.add(place);
  for (const path of [...excluded]) {
    if (isInside(path, place)) excluded.delete(path);
    // Taken back from what an earlier pattern excluded: all beside it stays excluded.
    else if (isInside(place, path)) {
      excluded.delete(path);
      for (const beside of besides(path, place)) excluded.add(beside);
    }
  }
}

function exclude(pattern: PathPattern, chosen: Set<string>, excluded: Set<string>): void {
  const roots = [...chosen];
  const matters = (path: string) => roots.some((root) => isInside(path, root) || isInside(root, path));
  for (const path of matchesOf(pattern.parts, matters)) {
    excluded.add(path);
    for (const place of chosen) if (isInside(place, path)) chosen.delete(place);
  }
}

/** Everything in `folder` that is not on the way to `path`. */
function besides(folder: string, path: string): string[] {
  const found: string[] = [];
  let way = folder;
  for (const name of path.slice(folder.length + 1).split('/')) {
    for (const other of namesIn(way)) if (other.name !== name) found.push(`${way}/${other.name}`);
    way = `${way}/${name}`;
  }
  return found;
}

/** Paths that exist and match; nothing is looked for where `matters` says no. */
function matchesOf(parts: readonly PatternPart[], matters: (path: string) => boolean): Set<string> {
  const found = new Set<string>();
  const descend = (path: string, at: number): void => {
    const part = parts[at];
    if (part === undefined) {
      if (exists(path)) found.add(path === '' ? '/' : path);
      return;
    }
    if (typeof part === 'string') {
      enter(`${path}/${part}`, at + 1);
      return;
    }
    // At the end of a pattern `**` is the folder before it, with all that it holds.
    if (part === ANY_FOLDERS) descend(path, at + 1);
    if (part === ANY_FOLDERS && at + 1 === parts.length) return;
    for (const entry of namesIn(path === '' ? '/' : path)) {
      if (part instanceof RegExp) {
        if (part.test(entry.name)) enter(`${path}/${entry.name}`, at + 1);
      } else if (entry.isDirectory()) enter(`${path}/${entry.name}`, at);
    }
  };
  const enter = (path: string, at: number): void => {
    if (matters(path)) descend(path, at);
  };
  descend('', 0);
  return found;
}

function exists(path: string): boolean {
  return path === '' || fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

// What cannot be listed matches nothing; if it lies in a root, the packer says so.
function namesIn(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Those that lie in no other, in order. */
function outermost(paths: Iterable<string>): string[] {
  const all = new Set(paths);
  const liesInOther = (path: string) => {
    for (let slash = path.lastIndexOf('/'); slash >= 0; slash = path.lastIndexOf('/', slash - 1)) {
      // The file system's root is a path of its own.
      if (all.has(path.slice(0, Math.max(1, slash))) && path !== '/') return true;
      if (slash === 0) return false;
    }
    return false;
  };
  return [...all].filter((path) => !liesInOther(path)).sort();
}
