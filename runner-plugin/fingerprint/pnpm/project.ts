/** A project of pnpm's: its lockfile, its settings, and which pnpm it is that runs there. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManagerCommand } from '../node-project/command.ts';
import { versionOnPath } from '../node-project/manager-version.ts';
import { type ProjectPlace, versionAskedFor } from '../node-project/place.ts';
import type { ManagerSettings } from '../node-project/settings.ts';
import type { Detection } from '../plan.ts';
import { onPath } from '../program.ts';
import { isInstall } from './command.ts';
import { type PnpmLockfile, readPnpmLockfile } from './lockfile.ts';
import { readPnpmSettings } from './settings.ts';
import { storeInUse } from './store.ts';

export interface Project {
  place: ProjectPlace;
  lockfile: PnpmLockfile;
  settings: ManagerSettings;
  /** pnpm's. */
  version: string | undefined;
  major: number;
  /** pnpm's own words: `['pnpm']`, `['npx', 'pnpm@10.1.0']`. */
  program: readonly string[];
  /** Absolute. */
  store: string;
}

/** Throws LOCKFILE_UNREADABLE, INPUT_UNREADABLE. */
export async function readProject(
  { env, home }: Detection,
  command: ManagerCommand | undefined,
  place: ProjectPlace,
): Promise<Project> {
  const { folder, packageJson } = place;
  const [lockfile, node] = await Promise.all([readPnpmLockfile(place.lockfile), onPath('node', env)]);
  const settings = await readPnpmSettings({
    folder,
    startedIn: join(folder, place.startedIn),
    home,
    env,
    field: packageJson.fields.pnpm,
    // A script's flags are the script's.
    flags: command !== undefined && isInstall(command) ? command.flags : [],
    node: node === undefined ? undefined : await realpath(node),
  });
  // Whichever pnpm is started runs the one that packageManager names, unless told not to.
  const asked = isSwitchedOff(settings, 'manage-package-manager-versions')
    ? undefined
    : versionAskedFor('pnpm', packageJson);
  const version = asked ?? command?.version ?? (await versionOnPath('pnpm', env, folder));
  const major = majorOf(version);
  const store = await storeInUse({ settings, env, home, folder, major });
  return { place, lockfile, settings, version, major, program: command?.program ?? ['pnpm'], store };
}

/** A package in a sub-folder that the lockfile does not know is a project of its own, and has no lockfile. */
export function isMember({ place: { startedIn }, lockfile }: Project): boolean {
  return startedIn === '' || !lockfile.known || lockfile.importers.includes(startedIn);
}

function isSwitchedOff(settings: ManagerSettings, name: string): boolean {
  return String(settings.get(name)) === 'false';
}

/** pnpm's; where it is not known, that of which most is. */
function majorOf(version: string | undefined): number {
  return Number.parseInt(version ?? '10', 10);
}
