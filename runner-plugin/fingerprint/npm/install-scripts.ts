/**
 * Which scripts an install would run besides filling node_modules, and what follows for a hit: whether the install may be
 * skipped, and which packages are rebuilt after a restore because we do not know what their scripts do.
 */
import { join, resolve } from 'node:path';
import { type AnchorFolders, formatRoot, rootOf } from '#protocol/format/root.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { RootPlan } from '../fingerprint.ts';
import { isThere } from '../project-place.ts';
import { PUPPETEER_SETTINGS } from './local-content.ts';
import { type Lockfile, nameAt, scripted } from './lockfile.ts';
import { installScripts, LINK_EVENTS, type PackageJson, PROJECT_EVENTS } from './package-json.ts';

/**
 * Packages whose install scripts leave everything they do inside their own folder, or in a folder of their own that is saved
 * too ({@link further}), so that what was saved is what a run of the script would leave. Seen in the scripts of the real
 * packages, and by comparing trees with and without scripts; what the scripts read of the environment is an input
 * (local-content.ts). docs/package-managers.md has the same list.
 */
export const UNDERSTOOD: Readonly<Record<string, string>> = {
  '@parcel/watcher': 'builds from source in its own folder, only when told to',
  '@prisma/engines': 'fetches its engines into its own folder',
  '@sentry/cli': 'fetches its program into its own folder',
  '@swc/core': 'checks that the platform package loads, writes nothing',
  'better-sqlite3': 'fetches or builds its addon in its own folder',
  bufferutil: 'fetches or builds its addon in its own folder',
  'core-js': 'prints a notice',
  'core-js-bundle': 'prints a notice',
  'core-js-pure': 'prints a notice',
  cypress: "fetches its program into Cypress's folder, which is saved too",
  electron: 'unpacks its program into its own folder',
  esbuild: 'puts the platform package over its own bin/esbuild',
  'ffmpeg-static': 'fetches its program into its own folder',
  fsevents: 'builds its addon in its own folder, on macOS only',
  prisma: 'checks the version of Node, writes nothing',
  puppeteer: "fetches browsers into Puppeteer's folder, which is saved too; not with settings of its own",
  sharp: 'checks for its platform package; a build from source stays in its own folder',
  'unrs-resolver':
    'checks that its platform package loads; one that is fetched instead stays in its own node_modules',
  'utf-8-validate': 'fetches or builds its addon in its own folder',
};

export interface Packages {
  /** Places of packages whose scripts have to run again after a restore. */
  rebuild: string[];
  /** Folders outside of the project that scripts of understood packages fill. */
  roots: RootPlan[];
}

/** What follows from the install scripts of packages. */
export async function packagesOf(
  { lockfile, folder, packageJson }: { lockfile: Lockfile; folder: string; packageJson: PackageJson },
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<Packages> {
  const packages: Packages = { rebuild: [], roots: [] };
  for (const place of scripted(lockfile)) {
    const name = nameAt(place);
    const roots =
      name in UNDERSTOOD
        ? await further(name, lockfile.packages.get(place)?.version, {
            env,
            workspace: folder,
            home,
            configured: packageJson.fields[name] !== undefined,
          })
        : undefined;
    if (roots === undefined) packages.rebuild.push(place);
    else
      for (const root of roots)
        if (!packages.roots.some((one) => one.root === root.root)) packages.roots.push(root);
  }
  return packages;
}

interface Surroundings extends AnchorFolders {
  env: Readonly<Record<string, string | undefined>>;
  /** The project's package.json has a field of the package's name, which is where some look for settings. */
  configured: boolean;
}

/** Undefined where such a folder is not known for certain. */
async function further(
  name: string,
  version: string | undefined,
  around: Surroundings,
): Promise<RootPlan[] | undefined> {
  const { env, home, workspace, configured } = around;
  if (name === 'cypress') {
    const caches =
      process.platform === 'darwin'
        ? join(home, 'Library', 'Caches')
        : env.XDG_CACHE_HOME || join(home, '.cache');
    const base = env.CYPRESS_CACHE_FOLDER || join(caches, 'Cypress');
    return version === undefined ? undefined : folderRoot(base, version, around);
  }
  if (name === 'puppeteer') {
    const settings = await Promise.all(PUPPETEER_SETTINGS.map((file) => isThere(join(workspace, file))));
    if (configured || settings.includes(true)) return undefined;
    return folderRoot(env.PUPPETEER_CACHE_DIR || join(home, '.cache', 'puppeteer'), '.', around);
  }
  return [];
}

function folderRoot(base: string, below: string, around: AnchorFolders): RootPlan[] | undefined {
  // Scripts take a relative one from other folders than ours.
  if (!base.startsWith('/')) return undefined;
  const place = resolve(base, below);
  try {
    return [{ root: formatRoot(rootOf(place, around)), place, restore: 'merge', modes: 'executable' }];
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
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
