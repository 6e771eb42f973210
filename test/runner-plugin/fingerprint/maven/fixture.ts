/** A reactor of two modules on disk, a Maven and a JDK that say their versions in their files, and the plan of it all. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { mavenKind } from '#runner-plugin/fingerprint/maven/detect.ts';
import type { Detection, KindDetector, Plan } from '#runner-plugin/fingerprint/plan.ts';

export type Files = Record<string, string>;

export const ROOT = (more = '', version = '1.0.0') => `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>shop</artifactId>
  <version>${version}</version>
  <packaging>pom</packaging>
  <modules><module>core</module><module>web</module></modules>
  ${more}
</project>`;

export const MODULE = (artifact: string, more = '', version = '1.0.0') => `<project>
  <parent><groupId>org.example</groupId><artifactId>shop</artifactId><version>${version}</version></parent>
  <artifactId>${artifact}</artifactId>
  ${more}
</project>`;

export const CORE =
  '<dependencies><dependency><groupId>org.apache.commons</groupId><artifactId>commons-lang3</artifactId><version>3.17.0</version></dependency></dependencies>';
export const WEB = (version = '1.0.0') =>
  `<dependencies><dependency><groupId>org.example</groupId><artifactId>core</artifactId><version>${version}</version></dependency></dependencies>`;

export interface Options extends Partial<Detection> {
  maven?: string;
  jdk?: string;
}

export interface Project {
  base: string;
  folder: string;
  home: string;
  write(files: Files): void;
  remove(path: string): void;
  /** Of another kind. */
  detect(kind: KindDetector, options?: Options): Promise<Plan[]>;
  /** With the variables that {@link detect} gives. */
  within<T>(body: (env: Record<string, string>) => T): T;
  plan(options?: Options): Promise<Plan>;
  plans(options?: Options): Promise<Plan[]>;
}

export function project(t: Test, files: Files = {}): Project {
  const base = mkdtempSync(join(tmpdir(), 'cachalot-maven-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const [folder, home] = [join(base, 'checkout'), join(base, 'home')];
  mkdirSync(home);
  const put = (path: string, content: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };
  const write = (more: Files) => {
    for (const [path, content] of Object.entries(more))
      put(join(path.startsWith('~/') ? home : folder, path.replace(/^~\//, '')), content);
  };
  write({
    'pom.xml': ROOT(),
    'core/pom.xml': MODULE('core', CORE),
    'web/pom.xml': MODULE('web', WEB()),
    ...files,
  });
  const environment = (maven = '3.9.16', jdk = '17.0.15'): Record<string, string> => {
    const [mavenHome, javaHome] = [join(base, `maven-${maven}`), join(base, `jdk-${jdk}`)];
    put(join(mavenHome, 'bin/mvn'), '#!/bin/sh\nexit 1\n');
    chmodSync(join(mavenHome, 'bin/mvn'), 0o755);
    put(join(mavenHome, `lib/maven-core-${maven}.jar`), '');
    put(join(javaHome, 'release'), `JAVA_VERSION="${jdk}"\n`);
    return {
      PATH: join(mavenHome, 'bin'),
      JAVA_HOME: javaHome,
      JAVA_TOOL_OPTIONS: `-Duser.home=${home}`,
      HOME: home,
    };
  };
  const detect: Project['detect'] = (kind, { maven, jdk, env = {}, ...more } = {}) =>
    kind.detect({
      folder,
      home,
      skipInstall: 'understood',
      command: ['mvn', '-B', 'verify'],
      ...more,
      env: { ...environment(maven, jdk), ...env },
    });
  const plans: Project['plans'] = (options) => detect(mavenKind, options);
  return {
    base,
    folder,
    home,
    write,
    remove: (path) => rmSync(join(folder, path)),
    detect,
    within: (body) => body(environment()),
    plans,
    async plan(options) {
      const [plan] = await plans(options);
      if (plan === undefined) throw new Error('the project has no plan');
      return plan;
    },
  };
}
