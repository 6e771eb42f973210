/**
 * Where a project of a manager is: its lockfile, looked for upwards, and whether it is that manager's at all. Of several
 * managers' lockfiles in one folder only that counts whose manager the command or `packageManager` names.
 */
import { hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Digest } from '#protocol/format/manifest.ts';
import { type PackageJson, readPackageJson } from '../npm/package-json.ts';
import { placedName } from '../project-place.ts';

const LOCKFILES: Readonly<Record<string, readonly string[]>> = {
  npm: ['npm-shrinkwrap.json', 'package-lock.json'],
  pnpm: ['pnpm-lock.yaml'],
  yarn: ['yarn.lock'],
  bun: ['bun.lock', 'bun.lockb'],
};

export interface ProjectPlace {
  /** The lockfile's. Absolute. */
  folder: string;
  lockfile: string;
  packageJson: PackageJson;
  /** The package that the command was started in, relative to the folder; '' is the project itself. */
  startedIn: string;
  /** Why it cannot be told whose project this is (one sentence). */
  conflict?: string;
}

/** `named`: the command is the manager's own. Undefined where there is no project of that manager. Throws INPUT_UNREADABLE. */
export async function findProjectOf(
  manager: 'pnpm' | 'yarn',
  start: string,
  named: boolean,
): Promise<ProjectPlace | undefined> {
  let own: string | undefined;
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    const packageJson = await readPackageJson(join(folder, 'package.json'));
    if (packageJson !== undefined) own ??= folder;
    const found = await managersAt(folder);
    if (found.length > 0) {
      const chosen = found.find((one) => one.manager === manager);
      if (chosen === undefined || packageJson === undefined) return undefined;
      const field = packageJson.fields.packageManager;
      const asked = typeof field === 'string' ? field.split('@')[0] : undefined;
      if (!named && asked !== undefined && asked !== manager) return undefined;
      const others = found.filter((one) => one.manager !== manager).map(({ file }) => file);
      return {
        folder,
        lockfile: join(folder, chosen.file),
        packageJson,
        startedIn: own === undefined ? '' : relative(folder, own),
        ...(named || asked === manager || others.length === 0
          ? {}
          : {
              conflict: `${others.join(' and ')} lies beside ${chosen.file}, and neither the command nor packageManager says which counts`,
            }),
      };
    }
    if (folder === dirname(folder)) return undefined;
  }
}

async function managersAt(folder: string): Promise<{ manager: string; file: string }[]> {
  const found: { manager: string; file: string }[] = [];
  for (const [manager, files] of Object.entries(LOCKFILES)) {
    for (const file of files) {
      const there = await stat(join(folder, file)).catch(() => undefined);
      if (there?.isFile()) {
        found.push({ manager, file });
        break;
      }
    }
  }
  return found;
}

/** The package's name and place; never the name of the folder that it was checked out to. */
export function nameOf({ packageJson, folder }: ProjectPlace): Promise<string> {
  const { name } = packageJson.fields;
  return placedName(typeof name === 'string' && name !== '' ? name : '_', folder);
}

/** What `packageManager` names, if it is that manager: `10.1.0`. */
export function versionAskedFor(manager: string, { fields }: PackageJson): string | undefined {
  const field = fields.packageManager;
  return typeof field === 'string' && field.startsWith(`${manager}@`)
    ? field.slice(manager.length + 1).split('+')[0]
    : undefined;
}

/** Whether a lockfile still has those bytes. */
export async function isSameFile(path: string, digest: Digest): Promise<boolean> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes !== undefined && hash('sha256', bytes, 'hex') === digest;
}
