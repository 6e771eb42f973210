/**
 * What a command line says to Maven: goals, properties, profiles, which projects and which files. `.mvn/maven.config` and,
 * from Maven 3.9, MAVEN_ARGS come before the command's own words, which win.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface MavenCommand {
  /** `mvn`, or a wrapper in the project, whose Maven its own settings name. */
  wrapper: boolean;
  goals: string[];
  /** `-D`, by name; the last one wins. */
  properties: ReadonlyMap<string, string>;
  profiles: string[];
  /** `-pl`, `-am`, `-amd`, `-N`: which part of the reactor is built, sorted. */
  selection: string[];
  /** `-f`, relative to the working folder. */
  file?: string;
  /** `-s` and `-gs`. */
  settings?: string;
  globalSettings?: string;
  /** `-t` and `-gt`. */
  toolchains?: string;
  globalToolchains?: string;
  offline: boolean;
}

const WITH_VALUE: Record<string, string> = {
  '-f': 'file',
  '--file': 'file',
  '-s': 'settings',
  '--settings': 'settings',
  '-gs': 'global-settings',
  '--global-settings': 'global-settings',
  '-P': 'profiles',
  '--activate-profiles': 'profiles',
  '-pl': 'projects',
  '--projects': 'projects',
  '-rf': 'resume',
  '--resume-from': 'resume',
  '-D': 'define',
  '--define': 'define',
  '-T': '',
  '--threads': '',
  '-l': '',
  '--log-file': '',
  '-t': 'toolchains',
  '--toolchains': 'toolchains',
  '-gt': 'global-toolchains',
  '--global-toolchains': 'global-toolchains',
  '-b': '',
  '--builder': '',
  '--color': '',
  '-emp': '',
  '--encrypt-master-password': '',
  '-ep': '',
  '--encrypt-password': '',
};
const SELECTING = new Set([
  '-am',
  '--also-make',
  '-amd',
  '--also-make-dependents',
  '-N',
  '--non-recursive',
  '-itr',
]);
// One dash and more letters, none of which is a value.
const FLAGS = new Set(['-fae', '-ff', '-fn', '-fos', '-ntp', '-nsu']);
const CANONICAL: Record<string, string> = {
  '--also-make': '-am',
  '--also-make-dependents': '-amd',
  '--non-recursive': '-N',
};

/** Whether the program is Maven or a project's wrapper of it. */
export function isMaven(command: readonly string[]): boolean {
  return ['mvn', 'mvnw', 'mvnd', 'mvn.cmd', 'mvnw.cmd'].includes(basename(command[0] ?? ''));
}

/** Reads the words in order of weight; undefined command: a look without one. */
export function readMavenCommand(words: readonly string[], wrapper: boolean): MavenCommand {
  const goals: string[] = [];
  const properties = new Map<string, string>();
  const profiles: string[] = [];
  const selection: string[] = [];
  const single = new Map<string, string>();
  let offline = false;
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!word.startsWith('-')) {
      goals.push(word);
      continue;
    }
    if (SELECTING.has(word)) {
      selection.push(CANONICAL[word] ?? word);
      continue;
    }
    if (FLAGS.has(word)) continue;
    if (word === '-o' || word === '--offline') offline = true;
    const [option, value] = splitOption(word, rest);
    if (option === 'define') define(properties, value);
    else if (option === 'profiles') profiles.push(...value.split(',').map((one) => one.trim()));
    else if (option === 'projects') selection.push(...value.split(',').map((one) => `-pl ${one.trim()}`));
    else if (option === 'resume') selection.push(`-rf ${value}`);
    else if (option !== undefined && option !== '') single.set(option, value);
  }
  const [toolchains, globalToolchains] = [single.get('toolchains'), single.get('global-toolchains')];
  const [file, settings, globalSettings] = [
    single.get('file'),
    single.get('settings'),
    single.get('global-settings'),
  ];
  return {
    wrapper,
    goals,
    properties,
    profiles,
    selection: selection.sort(),
    ...(file === undefined ? {} : { file }),
    ...(settings === undefined ? {} : { settings }),
    ...(globalSettings === undefined ? {} : { globalSettings }),
    ...(toolchains === undefined ? {} : { toolchains }),
    ...(globalToolchains === undefined ? {} : { globalToolchains }),
    offline,
  };
}

function splitOption(word: string, rest: string[]): [option: string | undefined, value: string] {
  if (word in WITH_VALUE) return [WITH_VALUE[word], rest.shift() ?? ''];
  if (word.startsWith('--') && word.includes('=')) {
    const equals = word.indexOf('=');
    return [WITH_VALUE[word.slice(0, equals)], word.slice(equals + 1)];
  }
  // Maven takes these with the value attached.
  for (const short of ['-D', '-P', '-pl', '-T', '-f', '-s']) {
    if (word.startsWith(short) && word.length > short.length && !word.startsWith('--'))
      return [WITH_VALUE[short], word.slice(short.length)];
  }
  return [undefined, ''];
}

function define(properties: Map<string, string>, text: string): void {
  const equals = text.indexOf('=');
  const name = (equals < 0 ? text : text.slice(0, equals)).trim();
  properties.delete(name);
  properties.set(name, equals < 0 ? 'true' : text.slice(equals + 1));
}

/** The words of a maven.config: one an argument a line from Maven 3.9 and 4, split at white space before; comments begin with #. */
export async function configWords(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, '.mvn', 'maven.config'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .flatMap((line) => splitWords(line));
}

/** The properties of a maven.properties, which Maven 4 takes as if each were the first `-D`. */
export async function propertyWords(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, 'maven.properties'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .flatMap(
      (line) => (/^\s*([^#!\s][^=:\s]*)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? []).slice(1, 3).join('=') || [],
    )
    .map((pair) => `-D${pair}`);
}

/** What the JVM is given: each wins over those before it. */
export async function systemProperties(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ReadonlyMap<string, string>> {
  const config = await readFile(join(folder, '.mvn', 'jvm.config'), 'utf8').catch(() => '');
  const texts = [env.JAVA_TOOL_OPTIONS, env.JDK_JAVA_OPTIONS, config, env.MAVEN_OPTS];
  return readMavenCommand(
    texts.flatMap((text) => splitWords(text ?? '')),
    false,
  ).properties;
}

/** Words as a shell would part them, quotes taken off; no expansion. */
export function splitWords(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  );
}
