/** What a build output stands for: all that decides the downloads, every file, and what compilers are told by the machine. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Input, setInput, valueInput } from '../fingerprint.ts';
import { splitWords } from '../maven/command.ts';
import { mavenInputs } from '../maven/inputs.ts';
import { allProperties, type MavenProject } from '../maven/project.ts';
import { jdkRelease } from '../maven/toolchain.ts';
import { isSecretName, withoutCredentials } from '../secret.ts';
import type { Sources } from './sources.ts';

/** Encodings, languages and time zones that a JVM takes for its own. */
const LOCALE = ['LANG', 'LC_ALL', 'LC_CTYPE', 'TZ'];
const JVM_OPTIONS = ['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', 'MAVEN_OPTS'];

export async function targetInputs(project: MavenProject, sources: Sources): Promise<Input[]> {
  const { env, reactor } = project;
  const options = JVM_OPTIONS.flatMap((name) => splitWords(env[name] ?? ''));
  return [
    ...(await mavenInputs(project)),
    setInput(
      'files',
      sources.files.map(({ path, content }): [string, string] => [path, content]),
    ),
    digestOnly('properties', definedLines(project)),
    digestOnly('variables', variableLines(project)),
    valueInput('jdk release', await jdkRelease(env)),
    valueInput('jvm options', options.filter((word) => !word.startsWith('-D')).join(' ')),
    valueInput('locale', LOCALE.map((name) => env[name] ?? '').join('\0')),
    valueInput('platform', `${process.platform} ${process.arch}`),
    ...(await machineInputs(project)),
    // The compiler's own list of what it compiled has whole paths.
    valueInput('folder', reactor.folder),
  ];
}

/** Files outside the project that say which JDK compiles, and how Maven's own script starts. */
async function machineInputs({ env, home, command, maven, startedIn }: MavenProject): Promise<Input[]> {
  const { toolchains, globalToolchains } = command;
  const places: [name: string, paths: string[]][] = [
    [
      'toolchains',
      [
        toolchains === undefined ? join(home, '.m2', 'toolchains.xml') : resolve(startedIn, toolchains),
        ...(globalToolchains === undefined ? [] : [resolve(startedIn, globalToolchains)]),
        ...(globalToolchains === undefined && maven?.home !== undefined
          ? [join(maven.home, 'conf', 'toolchains.xml')]
          : []),
      ],
    ],
    // The script reads them before it looks at JAVA_HOME and MAVEN_OPTS; HOME is the shell's here, not Java's.
    [
      'mavenrc',
      env.MAVEN_SKIP_RC ? [] : ['/usr/local/etc/mavenrc', '/etc/mavenrc', join(env.HOME ?? home, '.mavenrc')],
    ],
  ];
  return Promise.all(
    places.map(async ([name, paths]) => {
      const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')));
      return valueInput(name, texts.join('\0'));
    }),
  );
}

/** Every one, whoever reads it. */
function definedLines(project: MavenProject): [string, string][] {
  return [...allProperties(project)]
    .filter(([name]) => !isSecretName(name) && !name.startsWith('maven.repo.local') && name !== 'user.home')
    .map(([name, value]) => [name, withoutCredentials(value)]);
}

/** Those that a POM names anywhere. */
function variableLines({ env, reactor }: MavenProject): [string, string][] {
  const names = new Set(
    reactor.poms.flatMap(({ project }) =>
      [...JSON.stringify(project).matchAll(/\$\{env\.([^}]+)\}/g)].map(([, name]) => name ?? ''),
    ),
  );
  return [...names]
    .filter((name) => !isSecretName(name))
    .map((name): [string, string] => [name, withoutCredentials(env[name] ?? '')]);
}

function digestOnly(name: string, lines: [string, string][]): Input {
  const { digest } = setInput(name, lines);
  return { name, digest };
}
