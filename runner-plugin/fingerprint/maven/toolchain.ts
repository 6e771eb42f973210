/** Which Maven and which JDK will run, read from their own files where possible: starting Maven to ask costs half a second. */
import { execFile } from 'node:child_process';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fault } from '#protocol/wire/errors.ts';
import { onPath } from '../program.ts';
import { readJarEntry } from './jar.ts';

const run = promisify(execFile);
type Env = Readonly<Record<string, string | undefined>>;

export interface Maven {
  /** `3.9.16`; for a wrapper the distribution that it names. */
  version: string;
  /** Its home folder, where there is one already. */
  home?: string;
}

/** The Maven of a command. Throws INPUT_UNREADABLE where it does not say its version; undefined where there is none. */
export async function findMaven(options: {
  program: string;
  wrapper: boolean;
  root: string;
  env: Env;
}): Promise<Maven | undefined> {
  if (options.wrapper) return wrapped(options.root);
  const path = options.program.includes('/') ? options.program : await onPath(options.program, options.env);
  if (path === undefined) return undefined;
  const home = dirname(dirname(await realpath(path)));
  const version = await versionIn(home);
  if (version !== undefined) return { version, home };
  return { version: await ask(path, options.env), home };
}

async function wrapped(root: string): Promise<Maven | undefined> {
  const path = join(root, '.mvn', 'wrapper', 'maven-wrapper.properties');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const url = text === undefined ? undefined : /^\s*distributionUrl\s*=\s*(.+?)\s*$/m.exec(text)?.[1];
  if (url === undefined) return undefined;
  // The URL's host may be a mirror of one's own; the file's name says the version.
  const file = basename(url.replaceAll('\\:', ':'));
  return { version: /maven-(?:mvnd-)?(\d.*?)-bin/.exec(file)?.[1] ?? file };
}

async function versionIn(home: string): Promise<string | undefined> {
  const names = await readdir(join(home, 'lib')).catch(() => []);
  const core = names.find((name) => /^maven-core-.*\.jar$/.test(name));
  if (core === undefined) return undefined;
  const named = /^maven-core-(\d+\.\d+\.\d.*)\.jar$/.exec(core)?.[1];
  if (named !== undefined) return named;
  // Debian's is called maven-core-3.x.jar.
  const properties = await readJarEntry(
    join(home, 'lib', core),
    'META-INF/maven/org.apache.maven/maven-core/pom.properties',
  );
  return properties === undefined ? undefined : /^version=(.+)$/m.exec(properties)?.[1]?.trim();
}

async function ask(program: string, env: Env): Promise<string> {
  try {
    const { stdout } = await run(program, ['--version'], { env: env as NodeJS.ProcessEnv, timeout: 20_000 });
    const version = /Apache Maven (\S+)/.exec(stdout)?.[1];
    if (version !== undefined) return version.replace(/\u001b\[[\d;]*m/g, '');
  } catch {
    // said below
  }
  throw fault('INPUT_UNREADABLE', { path: program, why: 'it does not say its version' });
}

/** The JDK's version (`17.0.15`), from JAVA_HOME or the java on PATH; `unknown` where neither says. */
export async function jdkVersion(env: Env): Promise<string> {
  const release = await jdkRelease(env);
  return /^JAVA_VERSION="([^"]+)"/m.exec(release)?.[1] ?? 'unknown';
}

/** All that the JDK says of itself; '' where it says nothing. */
export async function jdkRelease(env: Env): Promise<string> {
  const home = env.JAVA_HOME || (await homeOfJava(env));
  return home === undefined ? '' : readFile(join(home, 'release'), 'utf8').catch(() => '');
}

/** `1.8.0_392` -> `8`, `17.0.15` -> `17`. */
export function featureOf(version: string): string {
  return /^(?:1\.)?(\d+)/.exec(version)?.[1] ?? version;
}

async function homeOfJava(env: Env): Promise<string | undefined> {
  const java = await onPath('java', env);
  if (java === undefined) return undefined;
  const home = dirname(dirname(await realpath(java)));
  // Java 8 has a jre folder between.
  return (await stat(join(home, 'release')).catch(() => undefined)) === undefined ? dirname(home) : home;
}

/**
 * The home folder as Java has it, which is not HOME: what the JVM is told, else what the user database says, and only where
 * that says nothing the given one.
 */
export function javaHome(systemProperties: ReadonlyMap<string, string>, home: string): string {
  const told = systemProperties.get('user.home');
  if (told !== undefined) return told;
  try {
    return userInfo().homedir || home;
  } catch {
    // A container's uid without a line in /etc/passwd.
    return home;
  }
}
