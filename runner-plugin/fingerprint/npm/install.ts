/**
 * What an install does besides filling node_modules, and what follows for a hit that stands for it and for a tree that is to
 * be saved: bins of links, packages to be rebuilt, scripts of the project and its links.
 */
import { chmod, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RootPlan } from '../fingerprint.ts';
import { nodeVersion } from '../node-project/manager-version.ts';
import type { Detection, FinishContext, Plan } from '../plan.ts';
import { isThere } from '../project-place.ts';
import { installVerb, type NpmCommand, sameNpm } from './command.ts';
import type { OwnScript } from './install-scripts.ts';
import { differsFromLockfile, lacksOfLockfile } from './installed.ts';
import { nameAt, readLockfile } from './lockfile.ts';
import { binFiles, binNames } from './package-json.ts';
import { findProject, type Project } from './project.ts';
import { askNpm } from './scripts/environment.ts';
import { type Replay, readyScripts, replay } from './scripts/replay.ts';
import { ScriptWatch } from './scripts/watch.ts';
import { isOn, omitted, type Settings, settingOf } from './settings.ts';

export interface Install {
  detection: Detection;
  command: NpmCommand | undefined;
  project: Project;
  settings: Settings;
  /** npm's own. */
  version: string | undefined;
  /** Scripts of the project and its links that it would run; none where they are not to be run. */
  scripts: readonly OwnScript[];
  /** Places of packages whose scripts have to run again after a restore. */
  rebuild: readonly string[];
  /** Roots that npm fills. */
  trees: readonly RootPlan[];
  /** What the command is given where its packages' contents were restored. */
  offlineFirst: Readonly<Record<string, string>>;
  /** Where the record of scripts lies, where there are any; a root of the entry then. */
  record?: string;
}

/** Why the command goes its own way; undefined where a hit may stand for it, or be of use to it. */
export function refuseInstall(install: Install): string | undefined {
  const { detection, command, scripts } = install;
  if (command?.install === true && detection.skipInstall === 'never') return 'told never to skip an install';
  const first = scripts[0];
  if (first === undefined || detection.command === undefined || !recordsScripts(install)) return undefined;
  if (command?.install !== true)
    return `${whose(first)} has the script ${first.event}, which only an install runs`;
  if (command.flags.some(([name]) => name === 'script-shell'))
    return 'a script shell of its own on the command line hides which scripts npm runs';
  return undefined;
}

/** Whoever wants a hit to stand for the install whatever it would do gets that: nothing is recorded, nothing run again. */
export function recordsScripts({ detection, scripts }: Install): boolean {
  return scripts.length > 0 && detection.skipInstall !== 'always';
}

/** The part of a plan that deals with the install. */
export async function installPlan(
  install: Install,
): Promise<Pick<Plan, 'foresee' | 'finish' | 'refuseSave' | 'watch' | 'replay'>> {
  const wasThere = await isThere(join(install.project.folder, 'node_modules'));
  const { record } = install;
  if (record === undefined || !recordsScripts(install)) {
    return {
      async finish(context) {
        await makeBinsExecutable(install);
        await rebuildPackages(context, install);
      },
      refuseSave: (status) => refuseTree(install, wasThere, status),
    };
  }
  const watch = scriptWatch(install, record);
  let given: Promise<Record<string, string>> | undefined;
  let ready: Replay | undefined;
  return {
    foresee(context) {
      if (!context.skipping) return;
      given = environmentOf(context, install);
      // Whoever waits for it hears of it.
      given.catch(() => undefined);
    },
    async finish(context) {
      await rebuildPackages(context, install);
      if (!context.skipping) return;
      ready = await prepareReplay(install, record, await (given ?? environmentOf(context, install)));
    },
    async replay(context) {
      if (ready === undefined) throw new Error('the restored tree was not finished');
      return replay(ready, context);
    },
    async watch(restored, context) {
      const idle = { gained: async () => undefined };
      return restored === undefined && context.saves ? watch.start(context) : idle;
    },
    refuseSave: async (status) =>
      (await refuseTree(install, wasThere, status)) ?? (await refuseScripts(install, watch, wasThere)),
  };
}

function scriptWatch(
  { project, settings, version, trees, offlineFirst }: Install,
  record: string,
): ScriptWatch {
  const { folder, links, lockfile } = project;
  return new ScriptWatch({
    folder,
    links: links.map((link) => link.folder),
    bins: new Set(links.flatMap(({ packageJson }) => binNames(packageJson.fields))),
    trees,
    userShell: settingOf(settings, 'script-shell'),
    hidden: Object.keys(offlineFirst),
    preinstallIsEarly: Number.parseInt(version ?? '0', 10) >= 12,
    record,
    differs: async () => differsFromLockfile(folder, await readLockfile(lockfile.path)),
  });
}

/** npm makes the bins of links executable in the source tree, which a fresh checkout has as 0644. */
async function makeBinsExecutable({ project, settings }: Install): Promise<void> {
  if (settingOf(settings, 'bin-links') === 'false') return;
  for (const link of project.links) {
    for (const file of binFiles(link.packageJson.fields)) {
      const path = join(project.folder, link.folder, file);
      const found = await stat(path).catch(() => undefined);
      if (found?.isFile()) await chmod(path, (found.mode & 0o777) | (0o111 & ~process.umask()));
    }
  }
}

async function rebuildPackages(context: FinishContext, { command, rebuild }: Install): Promise<void> {
  const names = [...new Set(rebuild.map(nameAt))];
  if (names.length === 0) return;
  const [program = 'npm', ...args] = command?.program ?? ['npm'];
  await context.run(program, [...args, 'rebuild', '--no-audit', '--no-fund', ...names]);
}

function environmentOf(
  { env, signal }: FinishContext,
  { detection, command }: Install,
): Promise<Record<string, string>> {
  const npm = sameNpm(command ?? { program: ['npm'], install: true, flags: [] }, ['run', 'env']);
  return askNpm(npm, { folder: detection.folder, env, signal });
}

async function prepareReplay(
  install: Install,
  record: string,
  given: Readonly<Record<string, string>>,
): Promise<Replay> {
  const { command, project, settings } = install;
  const links = project.links.map((link) => link.folder);
  return {
    folder: project.folder,
    linkBins: () => makeBinsExecutable(install),
    given,
    scripts: await readyScripts(record, project.folder, links),
    command: command === undefined ? 'ci' : installVerb(command),
    userShell: settingOf(settings, 'script-shell'),
    foreground: isOn(settings, 'foreground-scripts'),
  };
}

/** Why the tree cannot stand for the lockfile's. */
async function refuseTree(
  { command, detection, project, settings }: Install,
  wasThere: boolean,
  status: number | undefined,
): Promise<string | undefined> {
  if (status !== undefined && status !== 0) return 'the command failed, and may have left half a tree';
  if (status !== undefined && command?.install !== true && wasThere)
    return 'the command is not an install, and node_modules was there before it';
  const again = await readLockfile(project.lockfile.path);
  if (command?.install === true) return differsFromLockfile(dirname(again.path), again);
  return lacksOfLockfile(dirname(again.path), again, {
    omit: omitted(settings, detection.env),
    node: await nodeVersion(detection.env, project.folder),
  });
}

/** Why what was seen of the scripts is not what every install would do. */
async function refuseScripts(
  { command, project, scripts }: Install,
  watch: ScriptWatch,
  wasThere: boolean,
): Promise<string | undefined> {
  if (watch.problem !== undefined) return watch.problem;
  if (wasThere && (command === undefined || installVerb(command) !== 'ci'))
    return 'node_modules was there before it, so that other scripts may have run than after a checkout';
  const now = await findProject(project.folder);
  const strange = now?.links.find((link) => watch.others.has(link.folder));
  if (strange !== undefined) return `${strange.folder} became a link while its scripts ran`;
  const unseen = scripts.find(
    ({ folder, event }) =>
      folder === '' &&
      !event.endsWith('dependencies') &&
      !watch.scripts.some((seen) => seen.folder === '' && seen.event === event),
  );
  return unseen === undefined ? undefined : `the script ${unseen.event} of package.json was not seen to run`;
}

function whose(script: OwnScript): string {
  return script.folder === '' ? 'package.json' : `${script.folder}/package.json`;
}
