/**
 * Maven's settings, user's and global: which mirrors and repositories there are, by id, and what else decides where an
 * artifact comes from. Never servers' or proxies' credentials.
 */
import { join, resolve } from 'node:path';
import { type Input, setInput } from '../fingerprint.ts';
import type { MavenCommand } from './command.ts';
import { canonicalText, child, type Element, readXml, textAt } from './xml.ts';

export interface MavenSettings {
  input: Input;
  /** `<localRepository>`, the user's before the global one; as written. */
  localRepository?: string;
}

/** Reads both files where they are. Throws INPUT_UNREADABLE. */
export async function readMavenSettings(options: {
  command: MavenCommand | undefined;
  folder: string;
  home: string;
  mavenHome?: string;
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
  const files = [
    await readXml(user, 'INPUT_UNREADABLE'),
    global === undefined ? undefined : await readXml(global, 'INPUT_UNREADABLE'),
  ];
  const lines = files.flatMap((settings, i) =>
    settings === undefined ? [] : settingsLines(i === 0 ? 'user' : 'global', settings),
  );
  const localRepository = files
    .map((settings) => textAt(settings, 'localRepository'))
    .find((text) => text !== undefined);
  // Values stay out of the details: a URL or a property may hold a credential.
  const { name, digest } = setInput('settings', lines);
  return { input: { name, digest }, ...(localRepository === undefined ? {} : { localRepository }) };
}

function settingsLines(which: string, settings: Element): [string, string][] {
  const lines: [string, string][] = [];
  for (const mirror of child(settings, 'mirrors')?.children ?? []) {
    // The URL does not count: a mirror that moves serves the same repository under the same id.
    lines.push([
      `${which} mirror ${textAt(mirror, 'id') ?? ''}`,
      `${textAt(mirror, 'mirrorOf') ?? ''} ${textAt(mirror, 'blocked') ?? ''}`.trim(),
    ]);
  }
  for (const profile of child(settings, 'profiles')?.children ?? []) {
    const id = textAt(profile, 'id') ?? '';
    for (const section of ['repositories', 'pluginRepositories']) {
      for (const repository of child(profile, section)?.children ?? []) {
        const policies = ['releases', 'snapshots']
          .map((policy) => child(repository, policy))
          .filter((policy) => policy !== undefined);
        lines.push([
          `${which} profile ${id} ${section} ${textAt(repository, 'id') ?? ''}`,
          policies.map(canonicalText).join(''),
        ]);
      }
    }
    for (const property of child(profile, 'properties')?.children ?? [])
      lines.push([`${which} profile ${id} property ${property.name}`, property.text]);
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
