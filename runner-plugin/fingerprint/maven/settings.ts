/**
 * Maven's settings, user's and global: which mirrors and repositories there are, by id, and what else decides where an
 * artifact comes from. Never servers' or proxies' credentials.
 */
import { join, resolve } from 'node:path';
import { type Input, setInput } from '../fingerprint.ts';
import { isSecretName, withoutCredentials } from '../secret.ts';
import type { MavenCommand } from './command.ts';
import type { Mirror } from './mirrors.ts';
import { canonicalText, child, type Element, readXml, textAt } from './xml.ts';

export interface MavenSettings {
  /** All that counts but the mirrors. */
  input: Input;
  /** In the order in which Maven asks them: the user's, then the global ones of other ids. */
  mirrors: Mirror[];
  /** `<localRepository>`, the user's before the global one; as written. */
  localRepository?: string;
}

/** Reads the files where they are. Throws INPUT_UNREADABLE. */
export async function readMavenSettings(options: {
  command: MavenCommand | undefined;
  folder: string;
  home: string;
  mavenHome?: string;
  /** Whose `.mvn/settings.xml` counts too, after the user's (Maven 4). */
  project?: string;
}): Promise<MavenSettings> {
  const user =
    options.command?.settings === undefined
      ? join(options.home, '.m2', 'settings.xml')
      : resolve(options.folder, options.command.settings);
  const named = options.command?.globalSettings;
  const global =
    named === undefined
      ? options.mavenHome && join(options.mavenHome, 'conf', 'settings.xml')
      : resolve(options.folder, named);
  const project = options.project && join(options.project, '.mvn', 'settings.xml');
  const files = await Promise.all(
    [user, project, global].map((path) =>
      path === undefined ? undefined : readXml(path, 'INPUT_UNREADABLE'),
    ),
  );
  const lines = files.flatMap((settings, i) =>
    settings === undefined ? [] : settingsLines(['user', 'project', 'global'][i] ?? '', settings),
  );
  const localRepository = files
    .map((settings) => textAt(settings, 'localRepository'))
    .find((text) => text !== undefined);
  // Values stay out of the details: a URL or a property may hold a credential.
  const { name, digest } = setInput('settings', lines);
  const mirrors = new Map<string, Mirror>();
  for (const mirror of files.flatMap(mirrorsOf)) if (!mirrors.has(mirror.id)) mirrors.set(mirror.id, mirror);
  return {
    input: { name, digest },
    mirrors: [...mirrors.values()],
    ...(localRepository === undefined ? {} : { localRepository }),
  };
}

function settingsLines(which: string, settings: Element): [string, string][] {
  const lines: [string, string][] = [];
  for (const profile of child(settings, 'profiles')?.children ?? []) {
    const id = textAt(profile, 'id') ?? '';
    for (const section of ['repositories', 'pluginRepositories']) {
      for (const repository of child(profile, section)?.children ?? []) {
        const policies = ['releases', 'snapshots']
          .map((policy) => child(repository, policy))
          .filter((policy) => policy !== undefined);
        lines.push([
          `${which} profile ${id} ${section} ${textAt(repository, 'id') ?? ''}`,
          policies.map((policy) => canonicalText(policy)).join(''),
        ]);
      }
    }
    for (const property of child(profile, 'properties')?.children ?? [])
      if (!isSecretName(property.name))
        lines.push([`${which} profile ${id} property ${property.name}`, withoutCredentials(property.text)]);
    const activation = child(profile, 'activation');
    if (activation !== undefined)
      lines.push([`${which} profile ${id} activation`, canonicalText(activation)]);
  }
  for (const section of ['activeProfiles', 'pluginGroups']) {
    const found = child(settings, section);
    if (found !== undefined)
      lines.push([`${which} ${section}`, found.children.map(({ text }) => text).join(' ')]);
  }
  return lines;
}

/** Without URLs: a mirror that moves serves the same repository under the same id. */
function mirrorsOf(settings: Element | undefined): Mirror[] {
  return (child(settings, 'mirrors')?.children ?? []).map((mirror) => ({
    id: textAt(mirror, 'id') ?? '',
    of: (textAt(mirror, 'mirrorOf') ?? '').replace(/\s+/g, ''),
    blocked: textAt(mirror, 'blocked') === 'true',
  }));
}
