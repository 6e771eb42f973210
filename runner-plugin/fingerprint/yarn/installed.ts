/** Whether a tree is what yarn.lock says, by yarn's own record of it, and nothing that came after yarn. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UNDERSTOOD_NAMES } from '../node-project/install-scripts.ts';
import { changedAfter } from '../node-project/touched.ts';
import { isMap, parseYaml } from '../node-project/yaml.ts';
import { readPackageJson } from '../npm/package-json.ts';
import { isThere } from '../project-place.ts';
import type { YarnLockfile } from './lockfile.ts';

export interface InstalledByYarn {
  folder: string;
  lockfile: YarnLockfile;
  /** Absolute; node_modules folders, and yarn's unplugged packages. */
  folders: readonly string[];
  pnp: boolean;
  /** Whether all that the lockfile names has to be there: nobody can tell how the command called yarn. */
  whole: boolean;
  /** Packages whose install scripts are understood, where yarn 1 runs them; undefined where it need not be known. */
  understood: ReadonlySet<string> | undefined;
}

const RUN_INSTALL = 'to have it saved, run the install itself (`yarn install`)';

/** What it was made of is in the lockfile too, and not in the tree. */
const isPatched = ({ resolution }: { resolution: string }) => resolution.includes('@patch:');

const UNRECORDED = 'yarn has left no record of an install that ended well';

/** Why the tree is not to be saved (one sentence); undefined where it is. Throws INPUT_UNREADABLE. */
export async function whyNotInstalled(options: InstalledByYarn): Promise<string | undefined> {
  const { folder, lockfile, pnp, whole } = options;
  const modules = join(folder, 'node_modules');
  if (lockfile.form === 'classic') {
    const record = join(modules, '.yarn-integrity');
    return (
      (await classicDiffers(record, lockfile, whole)) ??
      (options.understood === undefined ? undefined : await unknownScript(modules, options.understood)) ??
      (await changed(options, record))
    );
  }
  if (pnp) {
    const record = join(folder, '.pnp.cjs');
    return (await isThere(record)) ? changed(options, record) : UNRECORDED;
  }
  const record = join(modules, '.yarn-state.yml');
  return (await berryDiffers(record, lockfile, whole)) ?? (await changed(options, record));
}

async function classicDiffers(
  record: string,
  { patterns }: YarnLockfile,
  whole: boolean,
): Promise<string | undefined> {
  try {
    const { lockfileEntries, flags } = JSON.parse(await readFile(record, 'utf8')) as {
      lockfileEntries?: unknown;
      flags?: unknown;
    };
    if (whole && Array.isArray(flags) && flags.length > 0)
      return `node_modules was filled with ${flags.join(', ')}; ${RUN_INSTALL}`;
    const other = Object.keys(isMap(lockfileEntries) ? lockfileEntries : {}).find(
      (one) => !patterns.has(one),
    );
    return other === undefined ? undefined : `node_modules holds ${other}, which the lockfile does not name`;
  } catch {
    return UNRECORDED;
  }
}

async function berryDiffers(
  record: string,
  { packages }: YarnLockfile,
  whole: boolean,
): Promise<string | undefined> {
  const text = await readFile(record, 'utf8').catch(() => undefined);
  if (text === undefined) return UNRECORDED;
  const [state] = parseYaml(text);
  const known = new Set(packages.map(({ resolution }) => resolution));
  const held = new Set(
    Object.keys(isMap(state) ? state : {})
      .filter((locator) => locator !== '__metadata')
      // A package that is there once for each set of its peers.
      .map((locator) => locator.replace(/@virtual:[^#]*#/, '@')),
  );
  const other = [...held].find((locator) => !known.has(locator));
  if (other !== undefined) return `node_modules holds ${other}, which the lockfile does not name`;
  const patched = new Set(packages.filter(isPatched).map(({ name }) => name));
  const lacking = packages.find(
    (one) => !one.conditional && !held.has(one.resolution) && (isPatched(one) || !patched.has(one.name)),
  );
  return whole && lacking !== undefined
    ? `node_modules lacks ${lacking.resolution}; ${RUN_INSTALL}`
    : undefined;
}

async function changed(
  { folders, lockfile, pnp }: InstalledByYarn,
  record: string,
): Promise<string | undefined> {
  const path = await changedAfter({
    folders,
    record,
    own: new Set(['.yarn-integrity', '.yarn-state.yml', '.package-map.json', '.cache', '.vite']),
    // yarn 2 and later build packages after their record, and do so again on a restored tree.
    ...(lockfile.form === 'berry' ? { packages: UNDERSTOOD_NAMES } : {}),
  });
  return path === undefined
    ? undefined
    : `${pnp ? '.yarn/unplugged' : 'node_modules'}/${path} was changed after yarn had filled it`;
}

/** yarn 1 does not say which packages ran scripts, and does not run them again on a tree that is complete. */
async function unknownScript(modules: string, understood: ReadonlySet<string>): Promise<string | undefined> {
  for (const entry of await readdir(modules, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    const path = join(modules, entry.name);
    const found = entry.name.startsWith('@')
      ? await unknownScript(path, understood)
      : ((await scriptOf(path, understood)) ?? (await unknownScript(join(path, 'node_modules'), understood)));
    if (found !== undefined) return found;
  }
  return undefined;
}

async function scriptOf(folder: string, understood: ReadonlySet<string>): Promise<string | undefined> {
  const packageJson = await readPackageJson(join(folder, 'package.json'));
  if (packageJson === undefined) return undefined;
  const { name, scripts } = packageJson.fields;
  if (understood.has(String(name))) return undefined;
  const event = ['preinstall', 'install', 'postinstall'].find((one) => isMap(scripts) && one in scripts);
  if (event === undefined && !(await isThere(join(folder, 'binding.gyp')))) return undefined;
  return `${name} has the script ${event ?? 'install'}, and what it does is not known`;
}
