/**
 * The kind `maven-target`: what a build compiled and packed, the safe form of leaving `mvn clean` out. Only where every file of
 * the project, every setting, the JDK and the folder are what they were is each module's `target` restored, with its times
 * moved after the checkout's, so that Maven itself finds nothing to compile.
 *
 * It comes with the kind `maven`, and only where it is asked for by name: plugins and tests may write to `target`, or read from
 * it, what no fingerprint sees, so whether a build may begin with an older one's is for its owner to say.
 */
import { resolve } from 'node:path';
import { CUTS, LIMITS } from '#protocol/format/limits.ts';
import { formatRoot, rootOf } from '#protocol/format/root.ts';
import { fingerprintOf, type RootPlan } from '../fingerprint.ts';
import { isMaven } from '../maven/command.ts';
import { mavenPlan } from '../maven/detect.ts';
import { type MavenProject, readMavenProject } from '../maven/project.ts';
import type { Detection, KindDetector, Plan, Sample } from '../plan.ts';
import { withoutSecrets } from '../secret.ts';
import { targetInputs } from './inputs.ts';
import { outputsOf } from './outputs.ts';
import { refusal } from './refusal.ts';
import { firstDifference, readSources, type Sources } from './sources.ts';
import { settleTimes } from './times.ts';

/** What leaves nothing outside the project, and so may run a second time: the life cycle up to `verify`. */
const REPEATABLE = new Set([
  'validate',
  'initialize',
  'generate-sources',
  'process-sources',
  'generate-resources',
  'process-resources',
  'compile',
  'process-classes',
  'generate-test-sources',
  'process-test-sources',
  'generate-test-resources',
  'process-test-resources',
  'test-compile',
  'process-test-classes',
  'test',
  'prepare-package',
  'package',
  'pre-integration-test',
  'integration-test',
  'post-integration-test',
  'verify',
]);

/** Archives, lists of inputs and generated sources hold times and places of their build; classes do not. */
const SAMPLE: Sample = {
  placeInputs: ['folder'],
  counts: (path) => /^(test-)?classes\/.*\.class$/.test(path),
};

export const mavenTargetKind: KindDetector = {
  kind: 'maven-target',
  optIn: true,
  owns: isMaven,
  async detect(detection) {
    const project = await readMavenProject(detection);
    return project === undefined
      ? []
      : [await mavenPlan(detection, project), await targetPlan(detection, project)];
  },
};

async function targetPlan(detection: Detection, project: MavenProject): Promise<Plan> {
  const { reactor, home, repository } = project;
  const { folder } = reactor;
  const targets = [...new Set(reactor.poms.map(({ path }) => resolve(path, '..', 'target')))];
  const read = () => readSources(project, [...targets, repository]);
  const sources = await read();
  const refused =
    targets.length > LIMITS.rootsPerEntry ? 'it has too many modules' : refusal(project, sources);
  return {
    fingerprint: fingerprintOf(
      'maven-target',
      project.name,
      await targetInputs(project, sources),
      detection.salt,
    ),
    roots: targets.map((place): RootPlan => targetRoot(place, folder, home)),
    folder,
    cut: CUTS.default,
    keepTimes: true,
    nearKeys: [],
    ...(refused === undefined ? {} : { refused }),
    finish: () => settleTimes({ targets, newestSource: newestOf(sources), now: Date.now() }),
    refuseSave: async (status) => {
      if (status !== 0) return 'the command failed';
      const changed = firstDifference(sources, await read());
      return changed === undefined ? undefined : `the build changed its own sources: ${changed}`;
    },
    ...(detection.command === undefined ? {} : { recorded: withoutSecrets(detection.command) }),
    ...(project.command.goals.every((goal) => REPEATABLE.has(goal)) ? { sample: SAMPLE } : {}),
    notes: [],
  };
}

function targetRoot(place: string, folder: string, home: string): RootPlan {
  return {
    root: formatRoot(rootOf(place, { workspace: folder, home })),
    place,
    restore: 'replace',
    modes: 'executable',
    select: () => outputsOf(place),
  };
}

function newestOf({ files }: Sources): number {
  return files.reduce((newest, { mtimeMs }) => Math.max(newest, mtimeMs), 0);
}
