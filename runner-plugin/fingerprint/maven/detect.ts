/**
 * The kind `maven`: the reactor that a command builds becomes one plan, which holds what the local repository got from
 * remote ones. An exact hit is not the end: no list of inputs foresees every download, so a build that gained files commits
 * a successor, a generation under the same fingerprint.
 */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { formatRoot, rootOf } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import { fingerprintOf, type Input, type RootPlan, setInput, valueInput } from '../fingerprint.ts';
import type { Detection, KindDetector, Plan, Watch } from '../plan.ts';
import { placedName } from '../project-place.ts';
import { activationInputs } from './activation.ts';
import { configWords, isMaven, type MavenCommand, readMavenCommand, splitWords } from './command.ts';
import {
  coordinatesOf,
  countedProperties,
  ga,
  isKnown,
  type Pom,
  pomLines,
  propertiesOf,
  references,
} from './pom.ts';
import { type Reactor, readReactor } from './reactor.ts';
import { findRepository, trackedFiles } from './repository.ts';
import { type MavenSettings, readMavenSettings } from './settings.ts';
import { findMaven, javaHome, jdkFeature, type Maven } from './toolchain.ts';
import { unpinned } from './unpinned.ts';
import { parseElement } from './xml.ts';

export const mavenKind: KindDetector = {
  kind: 'maven',
  owns: isMaven,
  async detect(detection) {
    const words = detection.command ?? [];
    const wrapper = isMaven(words) && /mvnw/.test(words[0] ?? '');
    const own = isMaven(words) ? words.slice(1) : [];
    const reactor = await readReactor(detection.folder, readMavenCommand(own, wrapper).file);
    if (reactor === undefined) return [];
    const maven = await findMaven({
      program: isMaven(words) ? (words[0] ?? 'mvn') : 'mvn',
      wrapper,
      root: reactor.root,
      env: detection.env,
    });
    const version = maven?.version ?? 'none';
    // MAVEN_ARGS came with 3.9; earlier versions ignore it.
    const fromEnv = /^3\.[0-8]\./.test(version) ? [] : splitWords(detection.env.MAVEN_ARGS ?? '');
    const command = readMavenCommand([...(await configWords(reactor.root)), ...fromEnv, ...own], wrapper);
    return [await planOf(detection, reactor, maven, command)];
  },
};

async function planOf(
  detection: Detection,
  reactor: Reactor,
  maven: Maven | undefined,
  command: MavenCommand,
): Promise<Plan> {
  const { folder } = reactor;
  const { env } = detection;
  const home = javaHome(env, detection.home);
  const settings = await readMavenSettings({
    command,
    folder: detection.folder,
    home,
    ...(maven?.home === undefined ? {} : { mavenHome: maven.home }),
  });
  const property = command.properties.get('maven.repo.local');
  const repository = findRepository({
    ...(property === undefined ? {} : { property }),
    ...(settings.localRepository === undefined ? {} : { settings: settings.localRepository }),
    env,
    version: maven?.version ?? 'none',
    folder: detection.folder,
    home,
  });
  const first = reactor.poms[0];
  if (first === undefined) throw fault('POM_UNREADABLE', { path: folder, why: 'there is none' });
  const name = await placedName(ga(coordinatesOf(first)), folder);
  const fingerprint = fingerprintOf(
    'maven',
    name,
    await inputsOf(detection, reactor, maven, command, settings),
    detection.salt,
  );
  const refused = maven === undefined ? 'no Maven is on PATH' : undefined;
  return {
    fingerprint,
    roots: [repositoryRoot(repository, folder, home)],
    folder,
    cut: CUTS.maven,
    keepTimes: false,
    // Released artifacts never change: what another build of this project used is useful to this one.
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
    ...(refused === undefined ? {} : { refused }),
    watch: () => watch(repository),
    refuseSave: async () =>
      (await trackedFiles(repository)).length === 0
        ? 'the local repository holds nothing from a remote one'
        : undefined,
    ...(detection.command === undefined ? {} : { recorded: withoutValues(detection.command) }),
    notes: unpinned(reactor.poms),
  };
}

async function inputsOf(
  detection: Detection,
  reactor: Reactor,
  maven: Maven | undefined,
  command: MavenCommand,
  settings: MavenSettings,
): Promise<Input[]> {
  const reactorNames = new Set(reactor.poms.map((pom) => ga(coordinatesOf(pom))));
  const lines = new Map(reactor.poms.map((pom) => [pom, pomLines(pom, { reactor: reactorNames })]));
  const poms = reactor.poms.map((pom) => pomInput(pom, reactor, lines.get(pom) ?? []));
  const extensions = await extensionsInput(reactor);
  return [
    ...poms,
    ...extensions,
    valueInput('maven', maven?.version ?? 'none'),
    valueInput('jdk', await jdkFeature(detection.env)),
    // In the order given: `clean verify` and `verify clean` do not download the same before they fail.
    valueInput('goals', command.goals.join(' ')),
    ...(command.profiles.length === 0
      ? []
      : [valueInput('profiles', [...new Set(command.profiles)].sort().join(','))]),
    ...(command.selection.length === 0 ? [] : [valueInput('projects', command.selection.join(' '))]),
    ...definedInputs(command, [...lines.values()].flat()),
    settings.input,
    ...(await activationInputs(reactor.poms, { properties: command.properties, env: detection.env })),
  ];
}

function pomInput(pom: Pom, reactor: Reactor, lines: [string, string][]): Input {
  const own = countedProperties(lines, propertiesOf(pom)).map(([name, value]): [string, string] => [
    `property ${name}`,
    value,
  ]);
  return setInput(`pom ${relative(reactor.folder, pom.path)}`, [...lines, ...own]);
}

/** `-D` that a POM refers to or that plugins are known to read; where the repository is, is not among them. */
function definedInputs(command: MavenCommand, lines: readonly [string, string][]): Input[] {
  const referred = new Set(lines.flatMap(([, value]) => references(value)));
  return [...command.properties]
    .filter(
      ([name]) =>
        (referred.has(name) || isKnown(name)) && !name.startsWith('maven.repo.local') && name !== 'revision',
    )
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => valueInput(`property ${name}`, value));
}

async function extensionsInput(reactor: Reactor): Promise<Input[]> {
  const path = join(reactor.root, '.mvn', 'extensions.xml');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return [];
  try {
    const lines = parseElement(text).children.map((extension): [string, string] => {
      const at = (name: string) => extension.children.find((one) => one.name === name)?.text ?? '';
      return [`${at('groupId')}:${at('artifactId')}`, at('version')];
    });
    return [setInput('extensions', lines)];
  } catch (error) {
    throw fault('INPUT_UNREADABLE', { path, why: (error as Error).message }, { cause: error });
  }
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

/** Walking a repository of 70 MB takes 20 ms, so what a build added is found by looking twice. */
async function watch(repository: string): Promise<Watch> {
  const before = new Set(await trackedFiles(repository));
  return {
    async gained() {
      const after = await trackedFiles(repository);
      const files = after.filter((file) => !before.has(file)).length;
      return files === 0 ? undefined : { generation: hash('sha256', after.join('\n'), 'hex'), files };
    },
  };
}

function withoutValues(command: readonly string[]): string[] {
  return command.map((word) =>
    word.replace(/^(-D[^=]*(?:password|token|secret|key|passphrase)[^=]*=).*/i, '$1***'),
  );
}
