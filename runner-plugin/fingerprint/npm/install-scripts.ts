/**
 * Which scripts an install would run besides filling node_modules, and what follows for a hit: whether the install may be
 * skipped, and which packages are rebuilt after a restore because we do not know what their scripts do.
 */
import { join } from 'node:path';
import { isThere } from '../project-place.ts';
import { type Lockfile, nameAt, scripted } from './lockfile.ts';
import { installScripts, LINK_EVENTS, type PackageJson, PROJECT_EVENTS } from './package-json.ts';

/**
 * Packages whose install scripts leave everything they do inside their own folder (seen in their tarballs and by comparing
 * trees with and without scripts), so that the saved folder is what a run of the script would leave.
 */
export const UNDERSTOOD: Readonly<Record<string, string>> = {
  esbuild: 'puts the platform package over its own bin/esbuild',
  '@swc/core': 'checks that the platform package loads, writes nothing',
  'core-js': 'prints a notice',
  'core-js-pure': 'prints a notice',
  'core-js-bundle': 'prints a notice',
  sharp: 'checks for its platform package; a build from source stays in its own folder',
  fsevents: 'builds its addon in its own folder, on macOS only',
  '@parcel/watcher': 'builds from source in its own folder, only when told to',
  'unrs-resolver':
    'checks that its platform package loads; one that is fetched instead stays in its own node_modules',
};

/** Places of packages whose scripts have to run again after a restore. */
export function toRebuild(lockfile: Lockfile): string[] {
  return scripted(lockfile).filter((place) => !(nameAt(place) in UNDERSTOOD));
}

export interface OwnScript {
  /** package.json's folder, relative to the lockfile's; '' is the project. */
  folder: string;
  event: string;
}

/** Scripts of the project and its links that an install runs; `binding.gyp` without an install script is one too. */
export async function ownScripts(
  root: string,
  project: PackageJson,
  links: readonly { folder: string; packageJson: PackageJson }[],
): Promise<OwnScript[]> {
  const found: OwnScript[] = [];
  for (const { folder, packageJson, events } of [
    { folder: '', packageJson: project, events: PROJECT_EVENTS as readonly string[] },
    ...links.map((link) => ({ ...link, events: LINK_EVENTS as readonly string[] })),
  ]) {
    const scripts = installScripts(packageJson.fields, events).map(([event]) => event);
    found.push(...scripts.map((event) => ({ folder, event })));
    if (
      !scripts.includes('install') &&
      !scripts.includes('preinstall') &&
      (await isThere(join(root, folder, 'binding.gyp')))
    ) {
      found.push({ folder, event: 'install' });
    }
  }
  return found;
}
