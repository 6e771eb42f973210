/**
 * The kind `npm`: a package-lock.json becomes one plan. pnpm's and yarn's lockfiles are not ours: a project whose manager is
 * another one has no plan here.
 */
import { chmod, stat } from 'node:fs/promises';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { fingerprintOf, type Input, type RootPlan, valueInput } from '../fingerprint.ts';
import type { Detection, FinishContext, KindDetector, Plan } from '../plan.ts';
import { onPath } from '../program.ts';
import { isThere, placedName } from '../project-place.ts';
import { type NpmCommand, readNpmCommand } from './command.ts';
import { type OwnScript, ownScripts, toRebuild } from './install-scripts.ts';
import { differsFromLockfile } from './installed.ts';
import { localContent, scriptVariables } from './local-content.ts';
import {
  bindsToPlatform,
  type Lockfile,
  linkTargets,
  moduleFolders,
  nameAt,
  readLockfile,
} from './lockfile.ts';
import { nodeFacts, npmFolder, npmVersion } from './manager.ts';
import { binFiles, fieldsInput, type PackageJson, readPackageJson } from './package-json.ts';
import { isOn, readSettings, type Settings, settingInputs, settingOf, settingsRefuse } from './settings.ts';
import { systemFacts } from './system.ts';

const LOCKFILES = ['npm-shrinkwrap.json', 'package-lock.json'];

export const npmKind: KindDetector = {
  kind: 'npm',
  owns: (command) => readNpmCommand(command) !== undefined,
  async detect(detection) {
    const command = detection.command === undefined ? undefined : readNpmCommand(detection.command);
    const start =
      command?.folder === undefined ? detection.folder : resolve(detection.folder, command.folder);
    const project = await findProject(start);
    if (project === undefined || !usesNpm(project, command)) return [];
    return [await planOf(detection, command, project)];
  },
};

interface Project {
  folder: string;
  lockfile: Lockfile;
  packageJson: PackageJson;
  links: { folder: string; packageJson: PackageJson }[];
  /** Where in the project the command was started: npm narrows an install to the workspace that it is started in. */
  startedIn: string;
}

/** The nearest lockfile upwards whose project the start belongs to. */
async function findProject(start: string): Promise<Project | undefined> {
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

async function readLinks(folder: string, lockfile: Lockfile): Promise<Project['links']> {
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

function usesNpm(project: Project, command: NpmCommand | undefined): boolean {
  if (command !== undefined) return true;
  const manager = project.packageJson.fields.packageManager;
  return typeof manager !== 'string' || manager.startsWith('npm@');
}

async function planOf(
  detection: Detection,
  command: NpmCommand | undefined,
  project: Project,
): Promise<Plan> {
  const { folder, lockfile } = project;
  const program = await onPath('npm', detection.env);
  const npmHome = program === undefined ? undefined : await npmFolder(program);
  const settings = await readSettings({
    folder,
    home: detection.home,
    env: detection.env,
    flags: command?.flags ?? [],
    ...(npmHome === undefined
      ? {}
      : { globalConfig: join(dirname(dirname(dirname(npmHome))), 'etc', 'npmrc') }),
  });
  const version = await versionOf(detection, command, project, program);
  const inputs = await inputsOf(detection, project, settings, version);
  const fingerprint = fingerprintOf('npm', await nameOf(project), inputs, detection.salt);
  const scripts = isOn(settings, 'ignore-scripts')
    ? []
    : await ownScripts(folder, project.packageJson, project.links);
  const rebuild = isOn(settings, 'ignore-scripts') ? [] : toRebuild(lockfile);
  const refused =
    settingsRefuse(settings) ??
    (version === undefined
      ? 'no npm is on PATH, and the command names none'
      : refuseInstall(detection, command, scripts));
  return {
    fingerprint,
    roots: rootsOf(project),
    folder,
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [],
    ...(refused === undefined ? {} : { refused }),
    ...(command?.install === true ? { install: { onHit: 'skip' } } : {}),
    finish: (context) => finish(context, project, settings, rebuild),
    refuseSave: saveRule(detection, command, project, scripts, await isThere(join(folder, 'node_modules'))),
    ...(detection.command === undefined ? {} : { recorded: withoutSecrets(detection.command) }),
    notes: notesOf(scripts, rebuild),
  };
}

async function versionOf(
  detection: Detection,
  command: NpmCommand | undefined,
  project: Project,
  program: string | undefined,
): Promise<string | undefined> {
  if (command?.version !== undefined) return command.version;
  const manager = project.packageJson.fields.packageManager;
  // Without a command the version is the one that the project asks for; npm itself, once started, does not look there.
  if (command === undefined && typeof manager === 'string' && manager.startsWith('npm@'))
    return manager.slice('npm@'.length).split('+')[0];
  return program === undefined ? undefined : npmVersion(program, detection.env);
}

async function inputsOf(
  detection: Detection,
  project: Project,
  settings: Settings,
  version: string | undefined,
): Promise<Input[]> {
  const { folder, lockfile, packageJson, links } = project;
  const node = await nodeFacts(detection.env);
  const engineStrict = isOn(settings, 'engine-strict');
  const inputs: Input[] = [
    ...lockfile.inputs,
    valueInput('npm', version ?? 'none'),
    valueInput('node abi', node.abi),
    valueInput('platform', node.platform),
    valueInput('arch', node.arch),
    fieldsInput('package.json', packageJson, { project: true, engineStrict }),
    ...links.map((link) =>
      fieldsInput(`${link.folder}/package.json`, link.packageJson, { project: false, engineStrict }),
    ),
    ...settingInputs(settings, detection.env),
    ...scriptVariables(lockfile, detection.env),
    ...(await localContent(folder, lockfile, packageJson)),
  ];
  if (bindsToPlatform(lockfile)) {
    const system = await systemFacts();
    inputs.push(valueInput('libc', system.libc ?? 'none'), valueInput('os', system.os));
  }
  if (engineStrict)
    inputs.push(valueInput('node version', settingOf(settings, 'node-version') ?? process.version));
  if (project.startedIn !== '') inputs.push(valueInput('workspace started in', project.startedIn));
  return inputs;
}

/** The package's name and place; never the name of the folder that it was checked out to. */
function nameOf(project: Project): Promise<string> {
  const { name } = project.packageJson.fields;
  return placedName(typeof name === 'string' && name !== '' ? name : '_', project.folder);
}

function rootsOf(project: Project): RootPlan[] {
  return moduleFolders(project.lockfile).map((path) => ({
    root: `workspace:${path}`,
    place: posix.join(project.folder, path),
    restore: 'replace',
    modes: 'executable',
    // Tools keep what they computed there; it is neither the package manager's nor the same on two runners.
    exclude: ['.cache'],
  }));
}

/** Why an install command goes its own way; undefined where a hit may stand for it. */
function refuseInstall(
  detection: Detection,
  command: NpmCommand | undefined,
  scripts: readonly OwnScript[],
): string | undefined {
  if (command?.install !== true || detection.skipInstall === 'always') return undefined;
  // `npm ci` deletes node_modules first, so restoring it would be for nothing.
  if (detection.skipInstall === 'never') return 'told never to skip an install';
  const first = scripts[0];
  return first === undefined
    ? undefined
    : `${whose(first)} has the script ${first.event}, which an install runs`;
}

function whose(script: OwnScript): string {
  return script.folder === '' ? 'package.json' : `${script.folder}/package.json`;
}

/** npm makes the bins of links executable in the source tree, which a fresh checkout has as 0644. */
async function finish(
  context: FinishContext,
  project: Project,
  settings: Settings,
  rebuild: readonly string[],
): Promise<void> {
  if (settingOf(settings, 'bin-links') !== 'false') {
    for (const link of project.links) {
      for (const file of binFiles(link.packageJson.fields)) {
        const path = join(project.folder, link.folder, file);
        const found = await stat(path).catch(() => undefined);
        if (found?.isFile()) await chmod(path, (found.mode & 0o777) | (0o111 & ~process.umask()));
      }
    }
  }
  const names = [...new Set(rebuild.map(nameAt))];
  if (names.length > 0) await context.run('npm', ['rebuild', '--no-audit', '--no-fund', ...names]);
}

function saveRule(
  detection: Detection,
  command: NpmCommand | undefined,
  project: Project,
  scripts: readonly OwnScript[],
  wasThere: boolean,
): NonNullable<Plan['refuseSave']> {
  return async (status) => {
    if (status !== undefined && status !== 0) return 'the command failed, and may have left half a tree';
    const first = scripts[0];
    // What such a script does to node_modules would be done again on top of itself (patch-package doubles lines).
    if (first !== undefined && detection.skipInstall !== 'always') {
      return `${whose(first)} has the script ${first.event}, which may have changed the tree after it was installed`;
    }
    if (status !== undefined && command?.install !== true && wasThere)
      return 'the command is not an install, and node_modules was there before it';
    const again = await readLockfile(project.lockfile.path);
    return differsFromLockfile(dirname(again.path), again);
  };
}

function notesOf(scripts: readonly OwnScript[], rebuild: readonly string[]): string[] {
  const notes = scripts.map(
    (script) => `${whose(script)} has the script ${script.event}: the install is not skipped`,
  );
  if (rebuild.length > 0)
    notes.push(
      `rebuilt after each restore, because what their install scripts do is not known: ${[...new Set(rebuild.map(nameAt))].join(', ')}`,
    );
  return notes;
}

function withoutSecrets(command: readonly string[]): string[] {
  return command.map((word) =>
    word.replace(/^(--?(?:\/\/[^=]*|[^=]*(?:auth|token|password|otp)[^=]*)=).*/i, '$1***'),
  );
}
