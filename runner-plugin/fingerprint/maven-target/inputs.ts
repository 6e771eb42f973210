/** What a build output stands for: all that decides the downloads, every file, and what compilers are told by the machine. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  const { env, reactor, home } = project;
  const toolchains = await readFile(join(home, '.m2', 'toolchains.xml'), 'utf8').catch(() => '');
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
    valueInput('toolchains', toolchains),
    // The compiler's own list of what it compiled has whole paths.
    valueInput('folder', reactor.folder),
  ];
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
