/**
 * Whether node_modules holds what the lockfile says, by npm's own record of it: the hidden lockfile that npm writes at the
 * end of every install that succeeded.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isInstalled, type LockedPackage, type Lockfile, nameAt, unsuitedPackages } from './lockfile.ts';

export interface Expected {
  /** Types of dependencies that are left out. */
  omit: readonly string[];
  /** Node's version. */
  node: string;
}

/** Why the tree is not the lockfile's (one sentence); undefined where it is. */
export async function differsFromLockfile(folder: string, lockfile: Lockfile): Promise<string | undefined> {
  const installed = await readInstalled(folder, lockfile);
  return typeof installed === 'string' ? installed : undefined;
}

/**
 * Why the tree is not all that an install makes of the lockfile; undefined where it is. For commands of which nobody can tell how they
 * called npm: with `--omit=dev` it leaves a tree in which all is as the lockfile says, and not all is there.
 */
export async function lacksOfLockfile(
  folder: string,
  lockfile: Lockfile,
  { omit, node }: Expected,
): Promise<string | undefined> {
  const installed = await readInstalled(folder, lockfile);
  if (typeof installed === 'string') return installed;
  const optional = mayBeMissing(lockfile, node);
  const lacking = [...lockfile.packages].find(
    ([place, entry]) =>
      isInstalled(place) &&
      installed[place] === undefined &&
      !optional.has(place) &&
      !omit.some((type) => isOfType(entry, type)),
  );
  return lacking === undefined
    ? undefined
    : `node_modules lacks ${lacking[0]}, which an install with these settings would make; to have it saved, run the install itself (\`npm ci\`)`;
}

function isOfType(entry: LockedPackage, type: string): boolean {
  if (type === 'dev') return entry.dev === true || entry.devOptional === true;
  if (type === 'optional') return entry.optional === true || entry.devOptional === true;
  return type === 'peer' && entry.peer === true;
}

/** Optional packages that do not suit this machine, and what only they need: npm leaves it out with them. */
function mayBeMissing(lockfile: Lockfile, node: string): Set<string> {
  const missing = new Set(unsuitedPackages(lockfile, node));
  for (const [place, { optional, os, cpu }] of lockfile.packages) {
    if (optional === true && !(suits(os, process.platform) && suits(cpu, process.arch))) missing.add(place);
    // Which libc npm finds is not asked here: of two packages that differ in it one is always left out.
    if (optional === true && lockfile.packages.get(place)?.libc !== undefined) missing.add(place);
  }
  for (let before = -1; before !== missing.size; ) {
    before = missing.size;
    const needed = new Set<string>();
    for (const [place, entry] of lockfile.packages) {
      if (missing.has(place)) continue;
      for (const field of [entry.dependencies, entry.optionalDependencies, entry.devDependencies])
        for (const name of Object.keys(field ?? {})) needed.add(name);
    }
    for (const [place, { optional }] of lockfile.packages)
      if (optional === true && !needed.has(nameAt(place))) missing.add(place);
  }
  return missing;
}

/** npm's reading of `os` and `cpu`: `!x` is not to be there, of the others one is. */
function suits(listed: readonly string[] | string | undefined, own: string): boolean {
  const all = listed === undefined ? [] : [listed].flat();
  if (all.includes(`!${own}`)) return false;
  const named = all.filter((one) => !one.startsWith('!'));
  return named.length === 0 || named.includes(own) || named.includes('any');
}

/** What npm's record names, by place; or why it is not the lockfile's (one sentence). */
async function readInstalled(
  folder: string,
  lockfile: Lockfile,
): Promise<Record<string, LockedPackage> | string> {
  if (lockfile.packages.size === 0) return {};
  const text = await readFile(join(folder, 'node_modules', '.package-lock.json'), 'utf8').catch(
    () => undefined,
  );
  const expected = [...lockfile.packages.keys()].filter((place) => place.startsWith('node_modules/'));
  if (text === undefined)
    return expected.length === 0 ? {} : 'npm has left no record of an install that ended well';
  let packages: Record<string, LockedPackage>;
  try {
    packages = (JSON.parse(text) as { packages?: Record<string, LockedPackage> }).packages ?? {};
  } catch {
    return "npm's record of the install cannot be read";
  }
  for (const [place, entry] of Object.entries(packages)) {
    if (!isInstalled(place)) continue;
    const locked = lockfile.packages.get(place);
    if (locked === undefined || locked.version !== entry.version || locked.integrity !== entry.integrity) {
      return `node_modules holds another ${place} than the lockfile names`;
    }
  }
  return packages;
}
