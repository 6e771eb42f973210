/**
 * The kind `maven`: the reactor that a command builds becomes one plan, which holds what the local repository got from
 * remote ones. An exact hit is not the end: no list of inputs foresees every download, so a build that gained files commits
 * a successor, a generation under the same fingerprint.
 */
import { join, resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { formatRoot, rootOf } from '#protocol/format/root.ts';
import { fingerprintOf, type RootPlan } from '../fingerprint.ts';
import type { Detection, KindDetector, Plan } from '../plan.ts';
import { isThere } from '../project-place.ts';
import { withoutSecrets } from '../secret.ts';
import { isMaven } from './command.ts';
import { mavenInputs } from './inputs.ts';
import { allProperties, type MavenProject, readMavenProject } from './project.ts';
import { defaultRepository } from './repository.ts';
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
  const { reactor, maven, settings, env, repository, own } = project;
  const { folder } = reactor;
  const fingerprint = fingerprintOf('maven', project.name, await mavenInputs(project), detection.salt);
  const coreExtensions = await isThere(join(reactor.root, '.mvn', 'extensions.xml'));
  // Of an earlier build of this project: more may be in it than any entry holds.
  const stood = own !== undefined && (await isThere(own.place));
  const refused = maven === undefined ? 'no Maven is on PATH' : undefined;
  const plan: Plan = {
    fingerprint,
    roots: [repositoryRoot(project)],
    folder,
    cut: CUTS.maven,
    keepTimes: false,
    // Released artifacts never change: what another build of this project used is useful to this one.
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
    ...(refused === undefined ? {} : { refused }),
    ...(own === undefined ? {} : { handOver: own.handOver }),
    watch(restored, { saves }) {
      return watchRepository({
        saves,
        repository,
        // The plan's that is asked, to which the project's own inputs may have been added.
        fingerprint: this.fingerprint,
        restored,
        mirrors: settings.mirrors,
        now: Date.now(),
        ...(own === undefined ? {} : { own: { ...own, stood } }),
        recording: {
          // What the plan hands over already goes on.
          command: own?.handOver.command ?? detection.command ?? ['mvn'],
          version: maven?.version ?? 'none',
          env: { ...env, ...own?.handOver.env },
          defined: allProperties(project),
          coreExtensions,
          repository,
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

function repositoryRoot({ reactor: { folder }, home, repository, own }: MavenProject): RootPlan {
  // One of ours is called as the one that it stands in for, so that other hosts' entries fit.
  const called = own === undefined ? repository : defaultRepository(home);
  return {
    root: formatRoot(rootOf(called, { workspace: folder, home })),
    place: resolve(repository),
    restore: 'merge',
    modes: 'executable',
    select: () => trackedFiles(repository),
  };
}
