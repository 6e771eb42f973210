/** What Maven asks a repository for again in every build, however full the local one is: `doctor` and `why` name it. */
import { coordinatesOf, ga, type Pom, propertiesOf, references } from './pom.ts';
import { child, type Element, textAt } from './xml.ts';

/** One line for each plugin without a version anywhere in the reactor, each range and each snapshot that is not built here. */
export function unpinned(poms: readonly Pom[]): string[] {
  const reactor = new Set(poms.map((pom) => ga(coordinatesOf(pom))));
  const properties = new Map(poms.flatMap((pom) => [...propertiesOf(pom)]));
  const pinned = new Set<string>();
  const used = new Set<string>();
  const notes = new Set<string>();
  for (const { project } of poms) {
    for (const plugin of elementsOf(project, 'plugin')) {
      const name = pluginName(plugin);
      if (textAt(plugin, 'version') === undefined) used.add(name);
      else pinned.add(name);
    }
    for (const element of ['parent', 'dependency', 'plugin', 'extension'].flatMap((name) =>
      elementsOf(project, name),
    )) {
      const name = `${textAt(element, 'groupId') ?? 'org.apache.maven.plugins'}:${textAt(element, 'artifactId') ?? ''}`;
      if (reactor.has(name)) continue;
      const version = filled(textAt(element, 'version') ?? '', properties);
      if (/^[[(]/.test(version) || /^(LATEST|RELEASE)$/.test(version))
        notes.add(`${name} has a range of versions: its metadata is asked for in every build`);
      if (version.endsWith('-SNAPSHOT'))
        notes.add(`${name} is a snapshot: its metadata is asked for in every build`);
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

/** All of that name, however deep. */
function elementsOf(element: Element, name: string): Element[] {
  return element.children.flatMap((one) => [...(one.name === name ? [one] : []), ...elementsOf(one, name)]);
}

function filled(version: string, properties: ReadonlyMap<string, string>): string {
  const [name] = references(version);
  const value = name === undefined ? undefined : properties.get(name);
  return value === undefined || references(value).length > 0
    ? version
    : version.replace(`\${${name}}`, value);
}

function pluginName(plugin: Element): string {
  return `${textAt(plugin, 'groupId') ?? 'org.apache.maven.plugins'}:${textAt(plugin, 'artifactId') ?? ''}`;
}

function isLocal(project: Element, poms: readonly Pom[]): boolean {
  const parent = textAt(project, 'parent', 'artifactId');
  return poms.some((pom) => textAt(pom.project, 'artifactId') === parent);
}
