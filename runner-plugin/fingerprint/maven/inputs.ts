/** All that decides what a build of a reactor asks repositories for, as far as it can be known before. */
import { join, relative } from 'node:path';
import { type Input, setInput, valueInput } from '../fingerprint.ts';
import { isSecretName, withoutCredentials } from '../secret.ts';
import { activationInputs } from './activation.ts';
import { mirrorInputs } from './mirrors.ts';
import { coordinatesOf, countedNames, ga, isKnown, type Pom, pomLines, propertiesOf } from './pom.ts';
import { allProperties, type MavenProject } from './project.ts';
import type { Reactor } from './reactor.ts';
import { featureOf, jdkVersion } from './toolchain.ts';
import { readXml, textAt } from './xml.ts';

/** Throws POM_UNREADABLE and INPUT_UNREADABLE. */
export async function mavenInputs(project: MavenProject): Promise<Input[]> {
  const { env, reactor, maven, command, settings } = project;
  const properties = allProperties(project);
  const names = new Set(reactor.poms.map((pom) => ga(coordinatesOf(pom))));
  const poms = reactor.poms.map((pom) => ({ pom, lines: pomLines(pom, { reactor: names }) }));
  const counted = countedNames(
    poms.flatMap(({ lines }) => lines),
    [...reactor.poms.map(propertiesOf), properties],
  );
  const jdk = await jdkVersion(env);
  return [
    ...poms.map(({ pom, lines }) => pomInput(pom, reactor, lines, counted)),
    ...(await extensionsInput('extensions', join(reactor.root, '.mvn', 'extensions.xml'))),
    // Maven 4 has them for a user too.
    ...(maven?.version.startsWith('4.')
      ? await extensionsInput("user's extensions", join(project.home, '.m2', 'extensions.xml'))
      : []),
    valueInput('maven', maven?.version ?? 'none'),
    valueInput('jdk', featureOf(jdk)),
    // In the order given: `clean verify` and `verify clean` do not download the same before they fail.
    valueInput('goals', command.goals.join(' ')),
    ...(command.profiles.length === 0
      ? []
      : [valueInput('profiles', [...new Set(command.profiles)].sort().join(','))]),
    ...(command.selection.length === 0 ? [] : [valueInput('projects', command.selection.join(' '))]),
    ...definedInputs(properties, counted),
    ...variableInputs(env, counted),
    settings.input,
    ...mirrorInputs(settings.mirrors),
    ...(await activationInputs(reactor.poms, { properties, env, jdk })),
  ];
}

function pomInput(
  pom: Pom,
  reactor: Reactor,
  lines: [string, string][],
  counted: ReadonlySet<string>,
): Input {
  const properties = [...propertiesOf(pom)].filter(([name]) => counted.has(name));
  return setInput(`pom ${relative(reactor.folder, pom.path)}`, [
    ...lines,
    ...properties.map(([name, value]): [string, string] => [`property ${name}`, withoutCredentials(value)]),
  ]);
}

/** `-D`, of Maven or of its JVM, that a POM refers to or that plugins are known to read; where the repository is, is not among them. */
function definedInputs(properties: ReadonlyMap<string, string>, counted: ReadonlySet<string>): Input[] {
  return [...properties]
    .filter(([name]) => (counted.has(name) || isKnown(name)) && !isSecretName(name))
    .filter(([name]) => !name.startsWith('maven.repo.local'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => valueInput(`property ${name}`, withoutCredentials(value)));
}

/** Variables that a POM refers to. */
function variableInputs(env: MavenProject['env'], counted: ReadonlySet<string>): Input[] {
  return [...counted]
    .filter((name) => name.startsWith('env.') && !isSecretName(name))
    .sort()
    .map((name) => valueInput(`variable ${name.slice(4)}`, withoutCredentials(env[name.slice(4)] ?? '')));
}

async function extensionsInput(name: string, path: string): Promise<Input[]> {
  const extensions = await readXml(path, 'INPUT_UNREADABLE');
  if (extensions === undefined) return [];
  const lines = extensions.children.map((extension): [string, string] => {
    const at = (part: string) => textAt(extension, part) ?? '';
    return [`${at('groupId')}:${at('artifactId')}`, at('version')];
  });
  return [setInput(name, lines)];
}
