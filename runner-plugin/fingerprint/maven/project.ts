/** What is read once of a project, its command and its machine, for every kind of entry that a Maven build can have. */
import { join } from 'node:path';
import type { Detection } from '../plan.ts';
import {
  configWords,
  isMaven,
  type MavenCommand,
  propertyWords,
  readMavenCommand,
  splitWords,
  systemProperties,
} from './command.ts';
import { keepsHome, type OwnRepository, ownRepository } from './own-repository.ts';
import { nameOf, type Reactor, readReactor } from './reactor.ts';
import { defaultRepository, namedRepository } from './repository.ts';
import { type MavenSettings, readMavenSettings } from './settings.ts';
import { findMaven, javaHome, type Maven } from './toolchain.ts';

export interface MavenProject {
  env: Detection['env'];
  /** Where Maven is started: its options' paths are relative to it. Absolute. */
  startedIn: string;
  reactor: Reactor;
  /** The first POM's group and artifact, and where it lies in its repository. */
  name: string;
  /** Undefined where there is none. */
  maven: Maven | undefined;
  command: MavenCommand;
  /** What the JVM is given. */
  system: ReadonlyMap<string, string>;
  settings: MavenSettings;
  /** As Java has it. */
  home: string;
  /** The local repository. */
  repository: string;
  /** Where that is one for this project alone. */
  own?: OwnRepository;
}

/** Undefined where there is no POM. Throws POM_UNREADABLE, INPUT_UNREADABLE and SETTING_INVALID. */
export async function readMavenProject(detection: Detection): Promise<MavenProject | undefined> {
  const { env, folder } = detection;
  const words = detection.command ?? [];
  const wrapper = isMaven(words) && /mvnw/.test(words[0] ?? '');
  const given = isMaven(words) ? words.slice(1) : [];
  const reactor = await readReactor(folder, readMavenCommand(given, wrapper).file);
  if (reactor === undefined) return undefined;
  const { root } = reactor;
  const program = isMaven(words) ? (words[0] ?? 'mvn') : 'mvn';
  const maven = await findMaven({ program, wrapper, root, env });
  const version = maven?.version ?? 'none';
  // MAVEN_ARGS came with 3.9; earlier versions ignore it.
  const fromEnv = /^3\.[0-8]\./.test(version) ? [] : splitWords(env.MAVEN_ARGS ?? '');
  const system = await systemProperties(root, env);
  const home = javaHome(system, detection.home);
  // Two folders that Maven 4 reads more than earlier ones do: the user's first, the project's wins.
  const folders = version.startsWith('4.') ? [join(home, '.m2'), join(root, '.mvn')] : [];
  const fromFiles = (await Promise.all(folders.map(propertyWords))).flat();
  const command = readMavenCommand(
    [...fromFiles, ...(await configWords(root)), ...fromEnv, ...given],
    wrapper,
  );
  const settings = await readMavenSettings({
    command,
    folder,
    home,
    ...(version.startsWith('4.') ? { project: root } : {}),
    ...(maven?.home === undefined ? {} : { mavenHome: maven.home }),
  });
  const named = namedRepository({
    properties: command.properties,
    systemProperties: system,
    ...(settings.localRepository === undefined ? {} : { settings: settings.localRepository }),
    env,
    version,
    folder,
    home,
  });
  const name = await nameOf(reactor);
  const own =
    keepsHome(env) && named === undefined && maven !== undefined
      ? ownRepository(
          { name, folder: reactor.folder },
          { command: detection.command ?? ['mvn'], env, version },
        )
      : undefined;
  const repository = own?.place ?? named ?? defaultRepository(home);
  const found = { env, startedIn: folder, reactor, name, maven, command, system, settings, home, repository };
  return own === undefined ? found : { ...found, own };
}

/** Properties that the user defines, wherever; Maven's own win over the JVM's. */
export function allProperties({ system, command }: MavenProject): ReadonlyMap<string, string> {
  return new Map([...system, ...command.properties]);
}
