/** What Maven asks a repository for again in every build, however full the local one is: `doctor` and `why` name it. */
import type { Pom } from './pom.ts';
import { child, type Element, textAt } from './xml.ts';

/** One line for each plugin without a version anywhere in the reactor, each range and each snapshot. */
export function unpinned(poms: readonly Pom[]): string[] {
  const pinned = new Set<string>();
  const used = new Set<string>();
  const notes = new Set<string>();
  for (const { project } of poms) {
    for (const scope of [project, ...(child(project, 'profiles')?.children ?? [])]) {
      for (const plugin of pluginsOf(scope)) {
        const name = pluginName(plugin);
        if (textAt(plugin, 'version') === undefined) used.add(name);
        else pinned.add(name);
      }
      for (const dependency of child(scope, 'dependencies')?.children ?? []) {
        const version = textAt(dependency, 'version') ?? '';
        const name = `${textAt(dependency, 'groupId') ?? ''}:${textAt(dependency, 'artifactId') ?? ''}`;
        if (/^[[(]/.test(version))
          notes.add(`${name} has a range of versions: its metadata is asked for in every build`);
        if (version.endsWith('-SNAPSHOT'))
          notes.add(`${name} is a snapshot: its metadata is asked for in every build`);
      }
    }
  }
  // A parent outside the project may pin what nobody here does.
  const hasForeignParent = poms.some(
    ({ project }) => child(project, 'parent') !== undefined && !isLocal(project, poms),
  );
  if (!hasForeignParent)
    for (const name of used)
      if (!pinned.has(name)) notes.add(`${name} has no version: its metadata is asked for again every day`);
  return [...notes].sort();
}

function pluginsOf(scope: Element): Element[] {
  const build = child(scope, 'build');
  return [child(build, 'plugins'), child(child(build, 'pluginManagement'), 'plugins')].flatMap(
    (list) => list?.children ?? [],
  );
}

function pluginName(plugin: Element): string {
  return `${textAt(plugin, 'groupId') ?? 'org.apache.maven.plugins'}:${textAt(plugin, 'artifactId') ?? ''}`;
}

function isLocal(project: Element, poms: readonly Pom[]): boolean {
  const parent = textAt(project, 'parent', 'artifactId');
  return poms.some((pom) => textAt(pom.project, 'artifactId') === parent);
}
