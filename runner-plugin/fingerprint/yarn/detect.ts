/**
 * The kind `yarn`: a yarn.lock becomes one plan. After an exact hit the user's own command runs: it finds nothing to link and runs
 * the project's own scripts. yarn 1 needs node_modules alone for that; yarn 4 reads its cache even where all is in place, so
 * that an entry of it holds what the lockfile names of the cache too.
 *
 * `.yarn/install-state.gz` is left out on purpose: by it yarn 4 takes the project's scripts for run, which on a fresh checkout they
 * were not (tried; without it yarn links nothing anew either).
 */
import { chmod, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { fingerprintOf, type Input, type RootPlan, valueInput } from '../fingerprint.ts';
import { type ManagerCommand, readManagerCommand } from '../node-project/command.ts';
import { contentInputs } from '../node-project/content.ts';
import { fieldsInput } from '../node-project/fields.ts';
import { scriptedPackages, UNDERSTOOD_NAMES } from '../node-project/install-scripts.ts';
import { nodeVersion, versionOnPath } from '../node-project/manager-version.ts';
import {
  findProjectOf,
  isSameFile,
  nameOf,
  type ProjectPlace,
  versionAskedFor,
} from '../node-project/place.ts';
import { isOn, type ManagerSettings } from '../node-project/settings.ts';
import { scriptVariables } from '../node-project/variables.ts';
import { nodeFacts } from '../npm/manager.ts';
import { binFiles, type PackageJson, readPackageJson } from '../npm/package-json.ts';
import { systemFacts } from '../npm/system.ts';
import type { Detection, KindDetector, Plan, StandIn } from '../plan.ts';
import { isThere } from '../project-place.ts';
import { withoutSecrets } from '../secret.ts';
import { cachedFiles, cacheFolder, namedBy } from './cache.ts';
import { FLAGS, isInstall, YARN } from './command.ts';
import { whyNotInstalled } from './installed.ts';
import { readYarnLockfile, type YarnLockfile } from './lockfile.ts';
import { readYarnSettings, settingsRefuse, yarnSettingInputs } from './settings.ts';
import { workspacesOf } from './workspaces.ts';

/** Which major versions write which form and were tried on a restored tree (docs/package-managers.md). */
const JUDGED = { classic: '1', berry: '4' } as const;

export const yarnKind: KindDetector = {
  kind: 'yarn',
  owns: (command) => readManagerCommand(command, YARN, FLAGS) !== undefined,
  async detect(detection) {
    const command =
      detection.command === undefined ? undefined : readManagerCommand(detection.command, YARN, FLAGS);
    const told = command?.flags.findLast(([name]) => name === 'cwd')?.[1];
    const start = told === undefined ? detection.folder : resolve(detection.folder, told);
    const place = await findProjectOf('yarn', start, command !== undefined);
    if (place === undefined) return [];
    const project = await readProject(detection, command, place);
    return isMember(project) ? [await planOf(detection, command, project)] : [];
  },
};

interface Project {
  place: ProjectPlace;
  lockfile: YarnLockfile;
  settings: ManagerSettings;
  version: string | undefined;
  /** yarn 2 and later without node_modules. */
  pnp: boolean;
  workspaces: { folder: string; packageJson: PackageJson }[];
  /** Absolute. */
  cache: string;
}

async function readProject(
  { env, home }: Detection,
  command: ManagerCommand | undefined,
  place: ProjectPlace,
): Promise<Project> {
  const { folder, packageJson } = place;
  const lockfile = await readYarnLockfile(place.lockfile);
  const { form } = lockfile;
  // A script's flags are the script's.
  const flags = command !== undefined && isInstall(command) ? command.flags : [];
  const settings = await readYarnSettings({ folder, home, env, flags, form });
  const folders = form === 'berry' ? lockfile.workspaces : await workspacesOf(folder, packageJson);
  const workspaces = [];
  for (const one of folders.filter((path) => path !== '.')) {
    const found = await readPackageJson(join(folder, one, 'package.json'));
    if (found !== undefined) workspaces.push({ folder: one, packageJson: found });
  }
  const linker = settings.get('node-linker');
  return {
    place,
    lockfile,
    settings,
    version:
      releaseVersion(settings) ??
      versionAskedFor('yarn', packageJson) ??
      command?.version ??
      (await versionOnPath('yarn', env, folder)),
    pnp: form === 'berry' && linker !== 'node-modules' && linker !== 'pnpm',
    workspaces,
    cache: cacheFolder({ settings, env, home, folder, form }),
  };
}

/** A package in a sub-folder that is no workspace is a project of its own, and has no lockfile. */
function isMember({ place: { startedIn }, workspaces }: Project): boolean {
  return startedIn === '' || workspaces.some((one) => one.folder === startedIn);
}

/** Of the yarn that the project carries: `.yarn/releases/yarn-4.1.0.cjs`. */
function releaseVersion(settings: ManagerSettings): string | undefined {
  return /yarn-(\d[^/]*?)\.c?js$/.exec(String(settings.get('yarn-path') ?? ''))?.[1];
}

/** A yarn of the project's own whose name does not say its version counts by its content. */
async function releaseInputs(folder: string, settings: ManagerSettings): Promise<Input[]> {
  const path = settings.get('yarn-path');
  if (typeof path !== 'string' || releaseVersion(settings) !== undefined) return [];
  return contentInputs('yarn release', folder, [path]);
}

async function planOf(
  detection: Detection,
  command: ManagerCommand | undefined,
  project: Project,
): Promise<Plan> {
  const { place, lockfile, settings, pnp, workspaces } = project;
  const { folder } = place;
  const name = await nameOf(place);
  const refused = whyRefused(detection, command, project);
  const trees = treesOf(project);
  // Which packages have scripts is not known before they are there; of those that are understood we know.
  const scripted = lockfile.packages.filter((one) => UNDERSTOOD_NAMES.has(one.name));
  const { unknown, roots: further } = await scriptedPackages(
    scripted.map((one): [string, string] => [one.name, one.version]),
    { folder, packageJson: place.packageJson, env: detection.env, home: detection.home },
  );
  const wasThere = await isThere(pnp ? join(folder, '.pnp.cjs') : join(folder, 'node_modules'));
  const install = command !== undefined && isInstall(command);
  let restored = false;
  return {
    fingerprint: fingerprintOf('yarn', name, await inputsOf(detection, project), detection.salt),
    roots: [...trees, ...(lockfile.form === 'berry' ? [cacheRoot(project)] : []), ...further],
    folder,
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [],
    ...(refused === undefined ? {} : { refused }),
    ...(install
      ? {
          install: { onHit: 'run', why: "yarn finds nothing to link, and runs the project's own scripts" },
          sample: {},
        }
      : {}),
    async finish() {
      await makeBinsExecutable(folder, workspaces);
      restored = true;
    },
    async refuseSave(status) {
      // What was restored and is still that lockfile's is there already.
      if (restored && (await isSameFile(lockfile.path, lockfile.digest))) return 'it is what was restored';
      if (status !== undefined && status !== 0) return 'the command failed, and may have left half a tree';
      if (status !== undefined && !install && wasThere)
        return 'the command is not an install, and its tree was there before it';
      return whyNotInstalled({
        folder,
        lockfile: await readYarnLockfile(lockfile.path),
        folders: trees.filter(({ root }) => !root.endsWith('js')).map((tree) => tree.place),
        pnp,
        whole: !install,
        understood:
          detection.skipInstall === 'always' || isOn(settings, 'ignore-scripts')
            ? undefined
            : new Set([...UNDERSTOOD_NAMES].filter((one) => !unknown.includes(one))),
      });
    },
    standIn: standInOf(project, name, detection.salt),
    ...(detection.command === undefined ? {} : { recorded: withoutSecrets(detection.command) }),
    notes: refused === undefined ? [] : [`what yarn links is not cached: ${refused}`],
  };
}

function whyRefused(
  { skipInstall }: Detection,
  command: ManagerCommand | undefined,
  { place, lockfile, settings, version, workspaces }: Project,
): string | undefined {
  if (place.conflict !== undefined) return place.conflict;
  if (version === undefined) return 'no yarn is on PATH, and neither the project nor the command names one';
  if (version.split('.')[0] !== JUDGED[lockfile.form])
    return `yarn ${version} was not tried with a lockfile of this form; its cache is cached`;
  if (workspaces.some((one) => one.folder.startsWith('..')))
    return 'a workspace lies outside the folder of the lockfile; the cache is cached';
  if (skipInstall === 'never' && command !== undefined && isInstall(command))
    return 'told never to trust a tree; the cache is cached';
  const setting = settingsRefuse(settings);
  if (setting !== undefined) return `${setting}; the cache is cached`;
  if (lockfile.form === 'berry' || isOn(settings, 'ignore-scripts')) return undefined;
  // yarn 1 runs them when it links, and takes them for run on a tree that is complete.
  for (const { folder, packageJson } of workspaces) {
    const { scripts } = packageJson.fields as { scripts?: Record<string, unknown> };
    const event = ['preinstall', 'install', 'postinstall'].find((one) => scripts?.[one] !== undefined);
    if (event !== undefined)
      return `${folder}/package.json has the script ${event}, which yarn 1 would not run; the cache is cached`;
  }
  return undefined;
}

async function inputsOf({ env, skipInstall }: Detection, project: Project): Promise<Input[]> {
  const { place, lockfile, settings, version, workspaces, pnp, cache } = project;
  const { folder, packageJson } = place;
  const node = await nodeFacts(env);
  const names = new Set(lockfile.packages.map(({ name }) => name));
  const outside = relative(folder, cache);
  const inputs = [
    ...lockfile.inputs,
    valueInput('yarn', version ?? 'none'),
    valueInput('node abi', node.abi),
    valueInput('platform', node.platform),
    valueInput('arch', node.arch),
    fieldsInput('package.json', packageJson, true),
    ...workspaces.map((one) => fieldsInput(`${one.folder}/package.json`, one.packageJson, false)),
    ...yarnSettingInputs(settings, { env, form: lockfile.form }),
    ...scriptVariables(names, lockfile.inputs.map(({ digest }) => digest).join(), env),
    ...(await contentInputs('patches', folder, ['patches', '.yarn/patches'])),
    ...(await contentInputs('plugins', folder, ['.yarn/plugins'])),
    ...(await releaseInputs(folder, settings)),
    ...(await contentInputs('local packages', folder, lockfile.localPlaces)),
    // What yarn links with PnP names its cache by the way to it.
    ...(pnp && outside.startsWith('..') ? [valueInput('way to the cache', outside)] : []),
  ];
  if (lockfile.form === 'classic') {
    // It leaves out optional packages that do not suit Node.
    inputs.push(valueInput('node version', await nodeVersion(env, folder)));
    // What it deletes of each package once it has linked it.
    inputs.push(...(await contentInputs('files to clean', folder, ['.yarnclean'])));
    // Such a tree is for those who trust every install script.
    if (skipInstall === 'always') inputs.push(valueInput('install scripts', 'trusted'));
  }
  if (lockfile.bindsToPlatform) {
    const system = await systemFacts();
    inputs.push(valueInput('libc', system.libc ?? 'none'), valueInput('os', system.os));
  }
  return inputs;
}

/** What yarn links: node_modules of the project and its workspaces, or with PnP its map and what it has unpacked. */
function treesOf({ place: { folder }, workspaces, pnp }: Project): RootPlan[] {
  const paths = pnp
    ? ['.pnp.cjs', '.pnp.loader.mjs', '.yarn/unplugged']
    : [
        'node_modules',
        ...workspaces
          .filter((one) => !one.folder.startsWith('..'))
          .map((one) => `${one.folder}/node_modules`),
      ];
  return paths.map((path) => ({
    root: `workspace:${path}`,
    place: join(folder, path),
    restore: 'replace',
    modes: 'executable',
    // Tools keep what they computed there; it is neither yarn's nor the same on two runners.
    exclude: path.endsWith('node_modules') ? ['.cache', '.vite'] : [],
  }));
}

/** Under one name wherever it lies: yarn's settings say where that is. */
function cacheRoot({ lockfile, cache }: Project): RootPlan {
  return {
    root: lockfile.form === 'classic' ? 'home:.cache/yarn/v6' : 'home:.yarn/berry/cache',
    place: cache,
    restore: 'merge',
    modes: 'executable',
    select: () => cachedFiles(cache, lockfile),
    wants: () => namedBy(lockfile),
  };
}

function standInOf(project: Project, name: string, salt: string | undefined): StandIn {
  const { lockfile } = project;
  const fingerprint = fingerprintOf('yarn-cache', name, lockfile.inputs, salt);
  return {
    fingerprint,
    roots: [cacheRoot(project)],
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
  };
}

/** yarn makes the bins of workspaces executable when it links them; a fresh checkout may have them as 0644. */
async function makeBinsExecutable(folder: string, workspaces: Project['workspaces']): Promise<void> {
  for (const { folder: workspace, packageJson } of workspaces) {
    for (const file of binFiles(packageJson.fields)) {
      const path = join(folder, workspace, file);
      const found = await stat(path).catch(() => undefined);
      if (found?.isFile()) await chmod(path, (found.mode & 0o777) | (0o111 & ~process.umask()));
    }
  }
}
