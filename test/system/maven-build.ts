/**
 * Builds as a pipeline runs them: a fresh checkout each time, nothing in the local repository, `cachalot run -- mvn …` before a
 * server that stays; and what each of them asked the repositories for.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { Test } from 'tap';
import { type Done, type Place, place, type Report, readReport } from './cachalot.ts';
import { coordinates, type MavenRepository, startMavenRepository } from './maven-repository.ts';
import { type MavenName, mavenHome, tinyPlugin } from './maven-tools.ts';

export type Files = Record<string, string>;

/** The local repository, in the checkout. */
export const REPOSITORY = '.m2/repository';

/** Maven 3.10 asks every repository that is no mirror which prefixes it has, in each build that has not asked that day. */
const PREFIXES = '/.meta/prefixes.txt';

/** A third of a small build's time is the JVM's own, at its start. */
const QUICK_START = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC';

export interface Build extends Report, Done {
  output: string;
  /** Paths asked for, all of them. */
  asked: string[];
  /** Without {@link PREFIXES}. */
  requests: string[];
}

export interface BuildOptions {
  /** In place of `verify`. */
  words?: readonly string[];
  env?: Record<string, string>;
  /** Of `cachalot run` itself. */
  flags?: readonly string[];
  /** In place of `checkout`, where another project is built beside it. */
  checkout?: string;
  /** False: nobody names the local repository. */
  named?: boolean;
  /** Whether the command is a script that runs Maven. */
  scripted?: boolean;
  /** By path in the checkout, after it. */
  inspect?: (folder: string) => void;
}

export interface Builds {
  place: Place;
  repository: MavenRepository;
  /** A checkout of these files, built and taken away. */
  build(files: Files, options?: BuildOptions): Promise<Build>;
  /** The settings that every build is given; `more` comes first inside of them. */
  settings(more?: string, ids?: readonly string[]): void;
}

/** `central`: as {@link startMavenRepository} has it. Repositories `central`, `corp` are in the settings. */
export async function setUpBuilds(t: Test, maven: MavenName, central?: string): Promise<Builds> {
  const here = place(t);
  await here.serve();
  const repository = await startMavenRepository(central);
  t.teardown(() => repository.close());
  const home = await mavenHome(maven);
  const settingsPath = join(here.folder, 'settings.xml');
  const settings: Builds['settings'] = (more = '', ids = ['central']) =>
    writeFileSync(settingsPath, settingsOf(more, ids, repository));
  settings();
  let count = 0;
  return {
    place: here,
    repository,
    settings,
    async build(files, options = {}) {
      const { words = ['verify'], env = {}, flags = [], checkout = 'checkout', inspect } = options;
      const folder = join(here.folder, checkout);
      const report = join(here.folder, `report-${count++}.json`);
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), content);
      }
      repository.taken();
      const local = options.named === false ? [] : [`-Dmaven.repo.local=${REPOSITORY}`];
      const typed = ['mvn', '-B', '-s', settingsPath, ...local, ...words];
      const command = options.scripted ? ['sh', '-c', typed.join(' ')] : typed;
      const done = await here.cachalot(['run', ...flags, '--report', report, '--', ...command], {
        folder,
        env: { MAVEN_OPTS: QUICK_START, PATH: `${join(home, 'bin')}${delimiter}${here.env.PATH}`, ...env },
      });
      inspect?.(folder);
      rmSync(folder, { recursive: true, force: true });
      const output = done.stdout + done.stderr;
      const asked = repository.taken();
      const requests = asked.filter((path) => !path.includes(PREFIXES));
      return { ...readReport(report, done), ...done, output, asked, requests };
    },
  };
}

/** With the plugin of {@link tinyPlugin} in the repository, for {@link project}. */
export async function setUpTiny(t: Test, maven: MavenName, central?: string): Promise<Builds> {
  const builds = await setUpBuilds(t, maven, central);
  const jar = tinyPlugin();
  builds.repository.publish('central', { gav: 'tiny:tiny-maven-plugin:1', jar });
  // Maven 3.8 gives it to every plugin that names none of its own.
  builds.repository.publish('central', { gav: 'org.codehaus.plexus:plexus-utils:1.1', jar });
  return builds;
}

function settingsOf(more: string, ids: readonly string[], repository: MavenRepository): string {
  const one = (element: string) =>
    ids
      .map(
        (id) =>
          `<${element}><id>${id}</id><url>${repository.url(id)}</url><snapshots><enabled>true</enabled></snapshots></${element}>`,
      )
      .join('');
  return `<settings>${more}<profiles><profile><id>fixture</id>
<repositories>${one('repository')}</repositories><pluginRepositories>${one('pluginRepository')}</pluginRepositories>
</profile></profiles><activeProfiles><activeProfile>fixture</activeProfile></activeProfiles></settings>`;
}

/** A POM of these dependencies (`group:artifact:version`), which the tiny plugin resolves at `compile` and again at `verify`. */
export function project(dependencies: readonly string[], more = ''): Files {
  const list = dependencies.map((one) => `<dependency>${coordinates(one)}</dependency>`).join('');
  return {
    'pom.xml': `<project><modelVersion>4.0.0</modelVersion>${coordinates('me:shop:1.0')}<packaging>pom</packaging>${more}
<dependencies>${list}</dependencies>
<build><plugins><plugin>${coordinates('tiny:tiny-maven-plugin:1')}
<executions><execution><goals><goal>resolve</goal></goals></execution></executions></plugin></plugins></build></project>`,
  };
}

/** Files below a folder, relative to it and sorted; none where it is not there. */
export function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .sort();
  } catch {
    return [];
  }
}

/** That a build succeeded, and what else is expected of it; says what it printed where that is not so. */
export function ended(t: Test, done: Build, expected: Partial<Build>): void {
  const { status = 0, requests, ...others } = expected;
  const holds =
    t.match(done, { status, ...others }, `status ${status} ${JSON.stringify(others)}`) &&
    (requests === undefined || t.same(done.requests, requests, `${requests.length} requests`));
  if (!holds) t.comment(done.output);
}
