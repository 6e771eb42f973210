/**
 * Where Maven will have the local repository.
 *
 * The order was tried on Maven 3.8, 3.9, 3.10 and 4: the command's last `-Dmaven.repo.local`, MAVEN_ARGS (from 3.9),
 * `.mvn/maven.config`, what the JVM is given (MAVEN_OPTS, `.mvn/jvm.config`; not Maven 4, which ignores it),
 * `<localRepository>`, `~/.m2/repository`.
 */
import { join, resolve } from 'node:path';

export const REPOSITORY_PROPERTY = 'maven.repo.local';

export interface RepositorySources {
  /** After command, MAVEN_ARGS and maven.config have been read in that order. */
  properties: ReadonlyMap<string, string>;
  /** What the JVM is given. */
  systemProperties: ReadonlyMap<string, string>;
  env: Readonly<Record<string, string | undefined>>;
  version: string;
  settings?: string;
  folder: string;
  home: string;
}

/** Absolute; undefined where nobody names one, and Maven takes the {@link defaultRepository}. */
export function namedRepository(sources: RepositorySources): string | undefined {
  const { properties, systemProperties, version, settings, env, folder, home } = sources;
  const fromJvm = version.startsWith('4.') ? undefined : systemProperties.get(REPOSITORY_PROPERTY);
  const named = properties.get(REPOSITORY_PROPERTY) ?? fromJvm ?? settings;
  if (named === undefined) return undefined;
  const filled = named
    .replace(/\$\{user\.home\}/g, home)
    .replace(/\$\{env\.([^}]+)\}/g, (whole, name: string) => env[name] ?? whole);
  return resolve(folder, filled.replace(/^~(?=\/)/, home));
}

export function defaultRepository(home: string): string {
  return join(home, '.m2', 'repository');
}
