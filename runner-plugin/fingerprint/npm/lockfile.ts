/**
 * package-lock.json, versions 2 and 3: what it says about the tree. The project's own version and those of its workspaces
 * do not count, nor the order of keys, nor from which registry a package with an integrity comes.
 */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { satisfies } from 'semver';
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import { fault } from '#protocol/wire/errors.ts';
import { type Input, setInput, valueInput } from '../fingerprint.ts';

/** What we read of an entry of `packages`; the rest counts for the key but is not looked at. */
export interface LockedPackage {
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
  inBundle?: boolean;
  hasInstallScript?: boolean;
  bin?: Record<string, string>;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optional?: boolean;
  dev?: boolean;
  devOptional?: boolean;
  peer?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  engines?: unknown;
}

export interface Lockfile {
  path: string;
  /** Whether the format is one that says what lies where; without it there are only the bytes. */
  known: boolean;
  /** By place: '' is the project, `packages/a` a workspace, `node_modules/x` a package. Empty where the format is unknown. */
  packages: ReadonlyMap<string, LockedPackage>;
  /** One set of `place -> version and digest`, or the bytes where the format is unknown. */
  inputs: Input[];
}

/** Reads and understands a lockfile. Throws LOCKFILE_UNREADABLE. */
export async function readLockfile(path: string): Promise<Lockfile> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw fault('LOCKFILE_UNREADABLE', { path, why: error.message }, { cause: error });
  });
  return parseLockfile(path, text);
}

export function parseLockfile(path: string, text: string): Lockfile {
  if (/^(<{7}|={7}|>{7})( |$)/m.test(text))
    throw fault('LOCKFILE_UNREADABLE', { path, why: 'it has merge conflict markers' });
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw fault('LOCKFILE_UNREADABLE', { path, why: (error as Error).message }, { cause: error });
  }
  if (!isRecord(value)) throw fault('LOCKFILE_UNREADABLE', { path, why: 'it is not a JSON object' });
  const { lockfileVersion, packages } = value;
  if ((lockfileVersion !== 2 && lockfileVersion !== 3) || !isRecord(packages)) {
    return { path, known: false, packages: new Map(), inputs: [valueInput('lockfile bytes', text)] };
  }
  const places = new Map<string, LockedPackage>();
  const lines: [string, string][] = [];
  for (const [place, entry] of Object.entries(packages)) {
    if (!isRecord(entry))
      throw fault('LOCKFILE_UNREADABLE', {
        path,
        why: `packages[${JSON.stringify(place)}] is not an object`,
      });
    places.set(place, entry as LockedPackage);
    lines.push([place === '' ? '(project)' : place, lineOf(place, entry)]);
  }
  return {
    path,
    known: true,
    packages: places,
    inputs: [valueInput('lockfile version', String(lockfileVersion)), setInput('lockfile', lines)],
  };
}

function lineOf(place: string, entry: Record<string, unknown>): string {
  const counted: Record<string, unknown> = { ...entry };
  // The project's own and its workspaces' versions are written by releases and change nothing that is installed.
  const own = !isInstalled(place);
  if (own) delete counted.version;
  // The name at the root is the folder's where package.json has none.
  if (place === '') delete counted.name;
  // With an integrity the bytes are known, whichever registry or mirror serves them.
  if (typeof entry.integrity === 'string' && /^https?:/.test(String(entry.resolved ?? '')))
    delete counted.resolved;
  const short = hash('sha256', canonicalBytes(counted), 'hex').slice(0, 16);
  const version = own || typeof entry.version !== 'string' ? '' : `${entry.version} `;
  return `${version}${short}`;
}

/** Whether a place is a package's (below some node_modules) rather than the project's or a workspace's own folder. */
export function isInstalled(place: string): boolean {
  return place.startsWith('node_modules/') || place.includes('/node_modules/');
}

/** Folders of the project that links point to: workspaces and `file:` directories. Relative to the lockfile's folder. */
export function linkTargets(lockfile: Lockfile): string[] {
  const targets = [...lockfile.packages.values()].flatMap((entry) =>
    entry.link === true && entry.resolved !== undefined ? [entry.resolved] : [],
  );
  return [...new Set(targets)].sort();
}

/** Every node_modules folder that the lockfile fills: the root's own, and those inside workspaces. */
export function moduleFolders(lockfile: Lockfile): string[] {
  const folders = new Set(['node_modules']);
  for (const place of lockfile.packages.keys()) {
    const at = place.indexOf('/node_modules/');
    if (at > 0 && !place.startsWith('node_modules/')) folders.add(`${place.slice(0, at)}/node_modules`);
  }
  return [...folders].sort();
}

/** Places of packages that run scripts when they are installed, workspaces and links left out. */
export function scripted(lockfile: Lockfile): string[] {
  return [...lockfile.packages].flatMap(([place, entry]) =>
    entry.hasInstallScript === true && isInstalled(place) && entry.link !== true ? [place] : [],
  );
}

/** Whether any package's presence depends on the machine's libc, system or processor. */
export function bindsToPlatform(lockfile: Lockfile): boolean {
  for (const entry of lockfile.packages.values()) {
    if (
      entry.hasInstallScript === true ||
      entry.os !== undefined ||
      entry.cpu !== undefined ||
      entry.libc !== undefined
    )
      return true;
  }
  return false;
}

/** Places of optional packages that npm leaves out, whatever else it is told, because this version of Node does not suit them. */
export function unsuitedPackages(lockfile: Lockfile, node: string): string[] {
  return [...lockfile.packages].flatMap(([place, { optional, engines }]) => {
    const range = isRecord(engines) ? engines.node : undefined;
    const suits =
      optional !== true || typeof range !== 'string' || satisfies(node, range, { includePrerelease: true });
    return suits ? [] : [place];
  });
}

/** The package's name at a place: what follows its last `node_modules/`. */
export function nameAt(place: string): string {
  const at = place.lastIndexOf('node_modules/');
  return at < 0 ? place : place.slice(at + 'node_modules/'.length);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
