/**
 * Where Maven will have the local repository.
 *
 * The order was tried on Maven 3.8, 3.9, 3.10 and 4: the command's last `-Dmaven.repo.local`, MAVEN_ARGS (from 3.9),
 * `.mvn/maven.config`, what the JVM is given (MAVEN_OPTS, `.mvn/jvm.config`; not Maven 4, which ignores it),
 * `<localRepository>`, `~/.m2/repository`.
 */
import { join, resolve } from 'node:path';

const PROPERTY = 'maven.repo.local';

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

/** Absolute. */
export function findRepository(sources: RepositorySources): string {
  const { properties, systemProperties, version, settings, env, folder, home } = sources;
  const fromJvm = version.startsWith('4.') ? undefined : systemProperties.get(PROPERTY);
  const named = properties.get(PROPERTY) ?? fromJvm ?? settings;
  if (named === undefined) return join(home, '.m2', 'repository');
  const filled = named
    .replace(/\$\{user\.home\}/g, home)
    .replace(/\$\{env\.([^}]+)\}/g, (whole, name: string) => env[name] ?? whole);
  return resolve(folder, filled.replace(/^~(?=\/)/, home));
}
