/**
 * Roots: the directories (or single files) that an entry holds, named so that another runner finds them again.
 *
 * A root is `<anchor>:<path>`. The path is relative to the anchor for `workspace` and `home`, absolute for `abs`
 * (stored without its leading slash, as tar members are). Roots never nest in each other.
 */
import { posix } from 'node:path';
import { fault } from '../wire/errors.ts';
import { checkMemberPath, isInside } from './member.ts';

export type Anchor = 'workspace' | 'home' | 'abs';
export const ANCHORS: readonly Anchor[] = ['workspace', 'home', 'abs'];

export interface Root {
  anchor: Anchor;
  /** Relative to the anchor's folder, '/'-separated, normal, without a leading slash; `.` is the anchor itself. */
  path: string;
}

/** Where the anchors are on this machine; absolute paths. `abs` is always `/`. */
export interface AnchorFolders {
  workspace: string;
  home: string;
}

// What a restore must never replace: the operating system's own folders, `lib*` too. /usr/local and /usr/src are where
// people install.
const SYSTEM = ['usr', 'etc', 'bin', 'sbin', 'proc', 'sys', 'dev', 'boot'];
const ALLOWED_BELOW_SYSTEM = ['usr/local', 'usr/src'];

/** Text form, as in manifests and on the wire. */
export function formatRoot(root: Root): string {
  return `${root.anchor}:${root.path}`;
}

/**
 * Reads the text form. Throws `ROOT_UNREADABLE` for another form and `ROOT_FORBIDDEN` for a place that no entry may own.
 */
export function parseRoot(text: string): Root {
  const colon = text.indexOf(':');
  const anchor = text.slice(0, Math.max(0, colon)) as Anchor;
  const path = text.slice(colon + 1);
  if (!ANCHORS.includes(anchor)) throw fault('ROOT_UNREADABLE', { root: text });
  try {
    // Its members' names begin with it.
    checkMemberPath(path);
  } catch (cause) {
    throw fault('ROOT_UNREADABLE', { root: text }, { cause });
  }
  const root = { anchor, path };
  refuseForbidden(root);
  return root;
}

function refuseForbidden(root: Root): void {
  // The home folder itself holds credentials and the history of every project.
  const forbidden =
    root.anchor === 'home' ? root.path === '.' : root.anchor === 'abs' && isSystemPlace(root.path);
  if (forbidden) throw fault('ROOT_FORBIDDEN', { root: formatRoot(root) });
}

/** `path`: an absolute one without its leading slash. `/` itself, system folders and what is below them. */
function isSystemPlace(path: string): boolean {
  if (ALLOWED_BELOW_SYSTEM.some((place) => isInside(path, place))) return false;
  const first = path.split('/')[0] ?? '';
  return path === '.' || SYSTEM.includes(first) || first.startsWith('lib');
}

/**
 * The root's real place on this machine. Throws `ROOT_FORBIDDEN` where that is the home folder, a folder that holds it, or a
 * system's place: the anchor that a root was saved under says nothing about where it would land here.
 */
export function locateRoot(root: Root, folders: AnchorFolders): string {
  const base = posix.resolve(root.anchor === 'abs' ? '/' : folders[root.anchor]);
  const place = posix.resolve(base, root.path);
  const holdsHome = isInside(posix.resolve(folders.home), place === '/' ? '' : place);
  // A workspace may lie in /usr/app, but nobody's workspace is /usr.
  const workedIn = base.lastIndexOf('/') > 0;
  if (holdsHome || (!workedIn && isSystemPlace(place.slice(1))))
    throw fault('ROOT_FORBIDDEN', { root: formatRoot(root) });
  return place;
}

/**
 * Names a path as a root: in the workspace or the home folder if it lies there (in the inner one, if one lies in the other),
 * else absolute. A relative path is one below the workspace. Throws as {@link parseRoot} and {@link locateRoot} do.
 */
export function rootOf(path: string, folders: AnchorFolders): Root {
  const absolute = posix.resolve(folders.workspace, path);
  const inner = folders.home.length > folders.workspace.length ? ANCHORS.toReversed() : ANCHORS;
  for (const anchor of inner) {
    if (anchor === 'abs') continue;
    const inside = posix.relative(folders[anchor], absolute);
    if (inside === '..' || inside.startsWith('../')) continue;
    return checked({ anchor, path: inside === '' ? '.' : inside }, folders);
  }
  return checked({ anchor: 'abs', path: absolute === '/' ? '.' : absolute.slice(1) }, folders);
}

function checked(root: Root, folders: AnchorFolders): Root {
  const parsed = parseRoot(formatRoot(root));
  locateRoot(parsed, folders);
  return parsed;
}

/** Throws `ROOTS_NESTED` where one root lies in another of the same anchor, or twice. Real places are compared by the packer. */
export function refuseNestedRoots(roots: readonly Root[]): void {
  const seen = new Set<string>();
  for (const root of roots) {
    const text = formatRoot(root);
    if (seen.has(text)) throw fault('ROOTS_NESTED', { outer: text, inner: text });
    seen.add(text);
  }
  for (const { anchor, path } of roots) {
    for (let above = path; above !== '.'; ) {
      above = posix.dirname(above);
      const outer = formatRoot({ anchor, path: above });
      if (seen.has(outer)) throw fault('ROOTS_NESTED', { outer, inner: formatRoot({ anchor, path }) });
    }
  }
}

/** The name of a member at the anchor: what stands in the tar header for `path` inside `root`. */
export function memberName(root: Root, path: string): string {
  if (path === '') return root.path;
  return root.path === '.' ? path : `${root.path}/${path}`;
}
