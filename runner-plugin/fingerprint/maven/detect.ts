/**
 * The kind `maven`: the reactor that a command builds becomes one plan, which holds what the local repository got from
 * remote ones. An exact hit is not the end: no list of inputs foresees every download, so a build that gained files commits
 * a successor, a generation under the same fingerprint.
 */
import { resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { formatRoot, rootOf } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import { fingerprintOf, type RootPlan } from '../fingerprint.ts';
import type { Detection, KindDetector, Plan } from '../plan.ts';
import { placedName } from '../project-place.ts';
import { withoutSecrets } from '../secret.ts';
import { isMaven } from './command.ts';
import { mavenInputs } from './inputs.ts';
import { coordinatesOf, ga } from './pom.ts';
import { allProperties, type MavenProject, readMavenProject } from './project.ts';
import { watchRepository } from './successor.ts';
import { trackedFiles } from './tracking.ts';
import { unpinned } from './unpinned.ts';

export const mavenKind: KindDetector = {
  kind: 'maven',
  owns: isMaven,
  async detect(detection) {
    const project = await readMavenProject(detection);
    return project === undefined ? [] : [await mavenPlan(detection, project)];
  },
};

/** What a project's dependencies and plugins are restored and saved by. */
export async function mavenPlan(detection: Detection, project: MavenProject): Promise<Plan> {
  const { reactor, maven, settings, env, home, repository } = project;
  const { folder } = reactor;
  const fingerprint = fingerprintOf(
    'maven',
    await reactorName(project),
    await mavenInputs(project),
    detection.salt,
  );
  const refused = maven === undefined ? 'no Maven is on PATH' : undefined;
  const plan: Plan = {
    fingerprint,
    roots: [repositoryRoot(repository, folder, home)],
    folder,
    cut: CUTS.maven,
    keepTimes: false,
    // Released artifacts never change: what another build of this project used is useful to this one.
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
    ...(refused === undefined ? {} : { refused }),
    watch(restored, { saves }) {
      return watchRepository({
        saves,
        repository,
        // The plan's that is asked, to which the project's own inputs may have been added.
        fingerprint: this.fingerprint,
        restored,
        mirrors: settings.mirrors,
        recording: {
          command: detection.command ?? ['mvn'],
          version: maven?.version ?? 'none',
          env,
          defined: allProperties(project).keys(),
        },
      });
    },
    refuseSave: async () =>
      (await trackedFiles(repository)).length === 0
        ? 'the local repository holds nothing from a remote one'
        : undefined,
    ...(detection.command === undefined ? {} : { recorded: withoutSecrets(detection.command) }),
    notes: unpinned(reactor.poms),
  };
  return plan;
}

/** The first POM's group and artifact, and where it lies in its repository. */
export async function reactorName({ reactor: { poms, folder } }: MavenProject): Promise<string> {
  const first = poms[0];
  if (first === undefined) throw fault('POM_UNREADABLE', { path: folder, why: 'there is none' });
  return placedName(ga(coordinatesOf(first)), folder);
}

function repositoryRoot(repository: string, folder: string, home: string): RootPlan {
  return {
    root: formatRoot(rootOf(repository, { workspace: folder, home })),
    place: resolve(repository),
    restore: 'merge',
    modes: 'executable',
    select: () => trackedFiles(repository),
  };
}
