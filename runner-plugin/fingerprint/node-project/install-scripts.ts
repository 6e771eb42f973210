/**
 * Install scripts of packages, of which pnpm's and yarn's lockfiles do not say who has any: what is known about a package is npm's
 * list (npm/install-scripts.ts), asked by name.
 */
import type { RootPlan } from '../fingerprint.ts';
import { type Packages, packagesOf, UNDERSTOOD } from '../npm/install-scripts.ts';
import type { LockedPackage } from '../npm/lockfile.ts';
import { nameAt } from '../npm/lockfile.ts';
import type { PackageJson } from '../npm/package-json.ts';

export interface ScriptedPackages {
  /** Names, sorted, of packages whose scripts are not understood, or not with this project's settings. */
  unknown: string[];
  /** Folders outside of the project that scripts of understood packages fill. */
  roots: RootPlan[];
}

export interface Surroundings {
  /** The project's. */
  folder: string;
  packageJson: PackageJson;
  env: Readonly<Record<string, string | undefined>>;
  home: string;
}

/** `packages`: name and version of those that may run scripts. */
export async function scriptedPackages(
  packages: readonly [name: string, version: string][],
  { folder, packageJson, env, home }: Surroundings,
): Promise<ScriptedPackages> {
  const places = packages.map(([name, version], i): [string, LockedPackage] => [
    // A name may be there in several versions.
    `${i}/node_modules/${name}`,
    { version, hasInstallScript: true },
  ]);
  const lockfile = { path: '', packages: new Map(places), known: true, inputs: [] };
  const { rebuild, roots }: Packages = await packagesOf({ lockfile, folder, packageJson }, env, home);
  return { unknown: [...new Set(rebuild.map(nameAt))].sort(), roots };
}

/** Names of all packages whose scripts are understood. */
export const UNDERSTOOD_NAMES: ReadonlySet<string> = new Set(Object.keys(UNDERSTOOD));
