/**
 * The kind `npm`: a package-lock.json becomes one plan. pnpm's and yarn's lockfiles are not ours: a project whose manager is
 * another one has no plan here.
 */
import { hash } from 'node:crypto';
import { dirname, join, posix, resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { stateFolder } from '../../client/state-folder.ts';
import { fingerprintOf, type Input, type RootPlan, setInput, valueInput } from '../fingerprint.ts';
import { nodeVersion } from '../node-project/manager-version.ts';
import type { Detection, KindDetector, Plan } from '../plan.ts';
import { onPath } from '../program.ts';
import { withoutSecrets } from '../secret.ts';
import { installVerb, type NpmCommand, readNpmCommand } from './command.ts';
import { contentsOf } from './contents.ts';
import { type Install, installPlan, recordsScripts, refuseInstall } from './install.ts';
import { type OwnScript, ownScripts, packagesOf } from './install-scripts.ts';
import { localContent, scriptVariables } from './local-content.ts';
import { bindsToPlatform, type Lockfile, moduleFolders, nameAt, unsuitedPackages } from './lockfile.ts';
import { nodeFacts, nodeProgram, npmFolder, npmVersion } from './manager.ts';
import { fieldsInput } from './package-json.ts';
import { findProject, nameOf, type Project, usesNpm } from './project.ts';
import { isOn, readSettings, type Settings, settingInputs, settingOf, settingsRefuse } from './settings.ts';
import { systemFacts } from './system.ts';

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
    started: detection.folder,
    home: detection.home,
    env: detection.env,
    flags: command?.flags ?? [],
    prefix: dirname(dirname(await nodeProgram(detection.env))),
    ...(npmHome === undefined ? {} : { npmFolder: npmHome }),
  });
  const version = await versionOf(detection, command, project, program);
  const ignored = isOn(settings, 'ignore-scripts');
  const scripts = ignored ? [] : await ownScripts(folder, project.packageJson, project.links);
  const { rebuild, roots: beside } = ignored
    ? { rebuild: [], roots: [] }
    : await packagesOf(project, detection.env, detection.home);
  const trees = rootsOf(project);
  const record = scripts.length > 0 ? recordOf(detection, folder) : undefined;
  const name = await nameOf(project);
  const unfit = settingsRefuse(settings, command?.install === true ? installVerb(command) : undefined);
  const standIn =
    unfit === undefined ? contentsOf({ name, lockfile, settings, command }, detection) : undefined;
  const install: Install = {
    detection,
    command,
    project,
    settings,
    version,
    scripts,
    rebuild,
    trees,
    offlineFirst: standIn?.env ?? {},
    ...(record === undefined ? {} : { record: record.place }),
  };
  const inputs = await inputsOf(detection, project, settings, version);
  if (scripts.length > 0 && !recordsScripts(install)) inputs.push(valueInput('scripts', 'not recorded'));
  const refused =
    unfit ??
    (lockfile.known ? undefined : unknownLockfile(lockfile)) ??
    (version === undefined ? 'no npm is on PATH, and the command names none' : refuseInstall(install));
  return {
    fingerprint: fingerprintOf('npm', name, inputs, detection.salt),
    roots: [...trees, ...beside, ...(record !== undefined && recordsScripts(install) ? [record] : [])],
    folder,
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [],
    ...(refused === undefined ? {} : { refused }),
    ...(command?.install === true ? { install: { onHit: 'skip' }, sample: {} } : {}),
    ...(await installPlan(install)),
    ...(standIn === undefined ? {} : { standIn }),
    ...(detection.command === undefined ? {} : { recorded: withoutSecrets(detection.command) }),
    notes: notesOf(scripts, rebuild),
  };
}

function unknownLockfile({ path }: Lockfile): string {
  return `${path} has a lockfileVersion that does not say where packages lie or which run scripts; npm writes it anew with \`npm install --package-lock-only --lockfile-version=3\``;
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
  const exact = settingOf(settings, 'node-version') ?? (await nodeVersion(detection.env, folder));
  // npm looks at the whole version of Node where it is told to be strict, and where the project says what it is developed with.
  if (engineStrict || packageJson.fields.devEngines !== undefined)
    inputs.push(valueInput('node version', exact));
  const unsuited = unsuitedPackages(lockfile, exact);
  if (unsuited.length > 0)
    inputs.push(
      setInput(
        'optional packages that do not suit Node',
        unsuited.map((place) => [place, '']),
      ),
    );
  if (project.startedIn !== '') inputs.push(valueInput('workspace started in', project.startedIn));
  return inputs;
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

/** One file for each checkout on this machine: what is recorded of an install's scripts, on its way into or out of an entry. */
function recordOf({ env }: Detection, folder: string): RootPlan {
  return {
    root: 'home:.local/state/cachalot/npm-scripts.json',
    place: join(stateFolder(env), 'npm-scripts', `${hash('sha256', folder, 'hex')}.json`),
    restore: 'replace',
    modes: 'executable',
  };
}

function notesOf(scripts: readonly OwnScript[], rebuild: readonly string[]): string[] {
  const notes: string[] = [];
  if (scripts.length > 0) {
    const titles = scripts.map(({ folder, event }) => `${event} of ${posix.join(folder, 'package.json')}`);
    notes.push(`run after each restore: ${titles.join(', ')}`);
  }
  if (rebuild.length > 0)
    notes.push(
      `rebuilt after each restore, because what their install scripts do is not known: ${[...new Set(rebuild.map(nameAt))].join(', ')}`,
    );
  return notes;
}
