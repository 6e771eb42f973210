/** An npm project: the nearest lockfile upwards that the start belongs to, with its links. */
import { stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { placedName } from '../project-place.ts';
import type { NpmCommand } from './command.ts';
import { type Lockfile, linkTargets, readLockfile } from './lockfile.ts';
import { type PackageJson, readPackageJson } from './package-json.ts';

const LOCKFILES = ['npm-shrinkwrap.json', 'package-lock.json'];

export interface Project {
  folder: string;
  lockfile: Lockfile;
  packageJson: PackageJson;
  links: Link[];
  /** Where in the project the command was started: npm narrows an install to the workspace that it is started in. */
  startedIn: string;
}

/** A workspace or another `file:` directory. */
export interface Link {
  /** Relative to the project's. */
  folder: string;
  packageJson: PackageJson;
}

/** Undefined where there is none. Throws LOCKFILE_UNREADABLE and INPUT_UNREADABLE. */
export async function findProject(start: string): Promise<Project | undefined> {
  let own: string | undefined;
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    const packageJson = await readPackageJson(join(folder, 'package.json'));
    if (packageJson !== undefined) {
      own ??= folder;
      const path = await firstThere(folder, LOCKFILES);
      if (path !== undefined) {
        const lockfile = await readLockfile(path);
        const startedIn = relative(folder, own);
        // A package in a sub-folder that the lockfile does not know is a project of its own, and has no lockfile.
        if (startedIn !== '' && !lockfile.packages.has(startedIn)) return undefined;
        return { folder, lockfile, packageJson, links: await readLinks(folder, lockfile), startedIn };
      }
    }
    if (folder === dirname(folder)) return undefined;
  }
}

async function readLinks(folder: string, lockfile: Lockfile): Promise<Link[]> {
  const links = [];
  for (const target of linkTargets(lockfile)) {
    const packageJson = await readPackageJson(join(folder, target, 'package.json'));
    if (packageJson !== undefined) links.push({ folder: target, packageJson });
  }
  return links;
}

async function firstThere(folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  return undefined;
}

export function usesNpm(project: Project, command: NpmCommand | undefined): boolean {
  if (command !== undefined) return true;
  const manager = project.packageJson.fields.packageManager;
  return typeof manager !== 'string' || manager.startsWith('npm@');
}

/** The package's name and place; never the name of the folder that it was checked out to. */
export function nameOf(project: Project): Promise<string> {
  const { name } = project.packageJson.fields;
  return placedName(typeof name === 'string' && name !== '' ? name : '_', project.folder);
}
