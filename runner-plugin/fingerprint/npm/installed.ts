/**
 * Whether node_modules holds what the lockfile says, by npm's own record of it: the hidden lockfile that npm writes at the
 * end of every install that succeeded.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isInstalled, type LockedPackage, type Lockfile } from './lockfile.ts';

/** Why the tree is not the lockfile's (one sentence); undefined where it is. */
export async function differsFromLockfile(folder: string, lockfile: Lockfile): Promise<string | undefined> {
  if (lockfile.packages.size === 0) return undefined;
  const text = await readFile(join(folder, 'node_modules', '.package-lock.json'), 'utf8').catch(
    () => undefined,
  );
  const expected = [...lockfile.packages.keys()].filter((place) => place.startsWith('node_modules/'));
  if (text === undefined)
    return expected.length === 0 ? undefined : 'npm has left no record of an install that ended well';
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
  return undefined;
}
