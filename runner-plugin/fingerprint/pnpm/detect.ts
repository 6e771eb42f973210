/**
 * The kind `pnpm`: a pnpm-lock.yaml becomes one plan, which holds every project's node_modules. After an exact hit the user's own
 * command runs: it finds nothing to do and runs the project's own scripts. Where the tree may not be had, pnpm's store stands in.
 */
import { join, resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { fingerprintOf, type RootPlan } from '../fingerprint.ts';
import { type ManagerCommand, readManagerCommand } from '../node-project/command.ts';
import { watchForTree } from '../node-project/early-tree.ts';
import { scriptedPackages } from '../node-project/install-scripts.ts';
import { findProjectOf, isSameFile, nameOf } from '../node-project/place.ts';
import type { Detection, FinishContext, KindDetector, Plan, Sample } from '../plan.ts';
import { isThere } from '../project-place.ts';
import { withoutSecrets } from '../secret.ts';
import { allowedToBuild } from './builds.ts';
import { FLAGS, isInstall, PNPM } from './command.ts';
import { inputsOf } from './inputs.ts';
import { whyIncomplete, whyNotInstalled } from './installed.ts';
import { type PnpmLockfile, readPnpmLockfile } from './lockfile.ts';
import { keepOrigin, ORIGIN_FILE, originOf, tellVerification } from './origin.ts';
import { isMember, type Project, readProject } from './project.ts';
import { MODULES_FILE, relocate, STATE_FILE } from './relocate.ts';
import { mayBuild, omitted, settingsRefuse } from './settings.ts';
import { standInOf } from './stand-in.ts';

/** Major versions whose behaviour on a restored tree was tried (docs/package-managers.md). */
const JUDGED = new Set([10, 11]);

/** pnpm's records of an install name times and places, and so do the shims of bins. */
const SAMPLE: Sample = {
  counts: (path) => ![MODULES_FILE, STATE_FILE, ORIGIN_FILE].includes(path),
  madeIn: async (places) => originOf(places.get('workspace:node_modules') ?? ''),
};

export const pnpmKind: KindDetector = {
  kind: 'pnpm',
  owns: (command) => readManagerCommand(command, PNPM, FLAGS) !== undefined,
  async detect(detection) {
    const command =
      detection.command === undefined ? undefined : readManagerCommand(detection.command, PNPM, FLAGS);
    const told = command?.flags.findLast(([name]) => name === 'dir')?.[1];
    const start = told === undefined ? detection.folder : resolve(detection.folder, told);
    const place = await findProjectOf('pnpm', start, command !== undefined);
    if (place === undefined) return [];
    const project = await readProject(detection, command, place);
    return isMember(project) ? [await planOf(detection, command, project)] : [];
  },
};

async function planOf(
  detection: Detection,
  command: ManagerCommand | undefined,
  project: Project,
): Promise<Plan> {
  const { place, lockfile, settings } = project;
  const { folder } = place;
  const name = await nameOf(place);
  const inputs = await inputsOf(project, detection.env);
  const allowed = mayBuild(settings);
  const { unknown, roots: further } = await scriptedPackages(allowedToBuild(lockfile.packages, allowed), {
    folder,
    packageJson: place.packageJson,
    env: detection.env,
    home: detection.home,
  });
  const rebuild = detection.skipInstall === 'always' ? [] : unknown;
  const refused = whyRefused(detection, command, project);
  const cache = { settings, env: detection.env, home: detection.home };
  const modules = join(folder, 'node_modules');
  const wasThere = await isThere(modules);
  const install = command !== undefined && isInstall(command);
  let restored = false;
  let early = false;
  const trees = rootsOf(folder, lockfile);
  const plan: Plan = {
    fingerprint: fingerprintOf('pnpm', name, inputs, detection.salt),
    roots: [...trees, ...further],
    folder,
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [],
    ...(refused === undefined ? {} : { refused }),
    ...(install ? { install: installOf(command), sample: SAMPLE } : {}),
    async finish(context) {
      await relocate({ folder, importers: lockfile.importers, store: project.store });
      await tellVerification(cache, folder, lockfile.path);
      await build(context, project, rebuild);
      restored = true;
      // Should pnpm disagree all the same, it makes the tree anew instead of asking whether it may.
      plan.handOver = {
        env: { npm_config_confirm_modules_purge: 'false', pnpm_config_confirm_modules_purge: 'false' },
      };
    },
    async watch(entry, context) {
      const keep = () => keepOrigin(cache, folder, lockfile.path);
      if (!install || !context.saves || entry !== undefined)
        return { gained: async () => undefined, ended: keep };
      const shell = settings.get('script-shell');
      const watch = await watchForTree(
        {
          folder,
          roots: trees.map(({ root }) => root),
          userShell: typeof shell === 'string' && shell !== '' ? shell : undefined,
          variables: ['pnpm_config_script_shell'],
          isWhole: async () =>
            (await whyNotInstalled(folder, await readPnpmLockfile(lockfile.path))) === undefined,
          prepare: keep,
          taken() {
            early = true;
          },
        },
        context,
      );
      return {
        ...watch,
        async ended() {
          await watch.ended?.();
          await keep();
        },
      };
    },
    async refuseSave(status) {
      // What was restored and is still that lockfile's is there already.
      if (restored && (await isSameFile(lockfile.path, lockfile.digest))) return 'it is what was restored';
      if (status !== undefined && status !== 0) return 'the command failed, and may have left half a tree';
      if (status !== undefined && !install && wasThere)
        return 'the command is not an install, and node_modules was there before it';
      if (early) return undefined;
      const now = await readPnpmLockfile(lockfile.path);
      return (
        (await whyNotInstalled(folder, now)) ??
        (install ? undefined : whyIncomplete(folder, now, omitted(settings)))
      );
    },
    standIn: standInOf(project, name, detection),
    ...(detection.command === undefined ? {} : { recorded: withoutSecrets(detection.command) }),
    notes: notesOf(refused, rebuild),
  };
  return plan;
}

function installOf({ words: [verb] }: ManagerCommand): NonNullable<Plan['install']> {
  return verb === 'install' || verb === 'i' || verb === undefined
    ? { onHit: 'run', why: "pnpm finds nothing to do, and runs the project's own scripts" }
    : { onHit: 'run', why: `pnpm ${verb} deletes node_modules first`, deletes: true };
}

function whyRefused(
  { skipInstall }: Detection,
  command: ManagerCommand | undefined,
  { place, lockfile, settings, version, major }: Project,
): string | undefined {
  if (place.conflict !== undefined) return place.conflict;
  if (version === undefined)
    return 'no pnpm is on PATH, and neither the command nor packageManager names one';
  if (!JUDGED.has(major)) return `pnpm ${version} was not tried; its store is cached`;
  if (!lockfile.known) return 'the lockfile has a format that is not known; the store is cached';
  if (lockfile.importers.some((importer) => importer.startsWith('..')))
    return 'a project lies outside the folder of the lockfile; the store is cached';
  if (skipInstall === 'never' && command !== undefined && isInstall(command))
    return 'told never to trust a tree; the store is cached';
  if (skipInstall !== 'always' && mayBuild(settings) === undefined)
    return 'every package may run install scripts (dangerouslyAllowAllBuilds); the store is cached';
  const setting = settingsRefuse(settings);
  return setting === undefined ? undefined : `${setting}; the store is cached`;
}

function rootsOf(folder: string, { importers }: PnpmLockfile): RootPlan[] {
  return importers
    .filter((importer) => !importer.startsWith('..'))
    .map((importer) => (importer === '.' ? 'node_modules' : `${importer}/node_modules`))
    .map((path) => ({
      root: `workspace:${path}`,
      place: join(folder, path),
      restore: 'replace',
      modes: 'executable',
      // Tools keep what they computed there; it is neither pnpm's nor the same on two runners.
      exclude: ['.cache', '.tmp'],
    }));
}

async function build(context: FinishContext, project: Project, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const [program = 'pnpm', ...rest] = project.program;
  await context.run(program, [...rest, 'rebuild', ...names]);
}

function notesOf(refused: string | undefined, rebuild: readonly string[]): string[] {
  return [
    ...(refused === undefined ? [] : [`node_modules is not cached: ${refused}`]),
    ...(rebuild.length === 0
      ? []
      : [
          `rebuilt after each restore, because what their install scripts do is not known: ${rebuild.join(', ')}`,
        ]),
  ];
}
