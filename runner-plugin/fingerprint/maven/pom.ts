/**
 * One POM, reduced to what may change a download: coordinates, parent, packaging, modules, dependencies, management, the
 * whole build, reporting, repositories, profiles; and of its properties those that one of these refers to, or that a plugin
 * or a BOM's user is known to read. Comments, white space, names, licences and developers do not count, nor the reactor's
 * own version wherever it stands.
 */
import { isSecretName, withoutCredentials } from '../secret.ts';
import { canonicalText, child, type Element, textAt } from './xml.ts';

export interface Pom {
  /** Absolute. */
  path: string;
  project: Element;
}

export interface Coordinates {
  group: string;
  artifact: string;
}

/** Group and artifact, the group inherited from the parent where it has none of its own. */
export function coordinatesOf(pom: Pom): Coordinates {
  const parent = child(pom.project, 'parent');
  return {
    group: textAt(pom.project, 'groupId') ?? textAt(parent, 'groupId') ?? '',
    artifact: textAt(pom.project, 'artifactId') ?? '',
  };
}

export function ga({ group, artifact }: Coordinates): string {
  return `${group}:${artifact}`;
}

/** Modules, those of profiles too: a profile may be switched on by anything. */
export function modulesOf(pom: Pom): string[] {
  const profiles = child(pom.project, 'profiles')?.children ?? [];
  const lists = [pom.project, ...profiles].flatMap((element) => [
    child(element, 'modules'),
    child(element, 'subprojects'),
  ]);
  return lists
    .flatMap((list) => list?.children.map((module) => module.text) ?? [])
    .filter((module) => module !== '');
}

const COUNTED = [
  'packaging',
  'modules',
  'subprojects',
  'dependencies',
  'dependencyManagement',
  'build',
  'reporting',
  'repositories',
  'pluginRepositories',
];
const GROUP_OF_PROJECT = /^\$\{(project|pom)\.(parent\.)?groupId\}$/;
const OWN_VERSION = /\$\{((project|pom)\.(parent\.)?version|revision)\}/;
// Written by releases, or the release's number itself (Maven's CI-friendly versions).
export const OWN_VERSION_PROPERTIES: ReadonlySet<string> = new Set([
  'revision',
  'changelist',
  'sha1',
  'project.build.outputTimestamp',
]);

export interface Reduction {
  /** Group and artifact of every project in the reactor. */
  reactor: ReadonlySet<string>;
}

/** Sorted later: one line an element, so that a difference can be named. */
export function pomLines(pom: Pom, reduction: Reduction): [string, string][] {
  const { project } = pom;
  const lines: [string, string][] = [['project', ga(coordinatesOf(pom))]];
  const parent = child(project, 'parent');
  if (parent !== undefined) lines.push(['parent', coordinateText(parent, reduction)]);
  lines.push(...sectionLines('', project, reduction));
  for (const profile of child(project, 'profiles')?.children ?? []) {
    const name = `profile ${textAt(profile, 'id') ?? ''} `;
    const activation = child(profile, 'activation');
    if (activation !== undefined) lines.push([`${name}activation`, canonicalText(activation)]);
    lines.push(...sectionLines(name, profile, reduction));
    // A profile's properties take the place of others only while it is on, which cannot be known here.
    for (const property of child(profile, 'properties')?.children ?? []) {
      if (!OWN_VERSION_PROPERTIES.has(property.name) && !isSecretName(property.name))
        lines.push([`${name}property ${property.name}`, property.text]);
    }
  }
  return lines.map(([line, value]) => [line, withoutCredentials(value)]);
}

function sectionLines(prefix: string, element: Element, reduction: Reduction): [string, string][] {
  const lines: [string, string][] = [];
  for (const section of COUNTED) {
    const found = child(element, section);
    if (found === undefined) continue;
    if (section === 'dependencies') lines.push(...dependencyLines(`${prefix}dependency`, found, reduction));
    else if (section === 'dependencyManagement') {
      const managed = child(found, 'dependencies');
      if (managed !== undefined)
        lines.push(...dependencyLines(`${prefix}managed dependency`, managed, reduction));
    } else if (section === 'build') lines.push(...buildLines(`${prefix}build`, found, reduction));
    else lines.push([`${prefix}${section}`, countedText(found, reduction)]);
  }
  return lines;
}

function dependencyLines(what: string, list: Element, reduction: Reduction): [string, string][] {
  const names: string[] = [];
  const lines = list.children.map((dependency): [string, string] => {
    const parts = ['groupId', 'artifactId', 'classifier', 'type'].map(
      (part) => textAt(dependency, part) ?? '',
    );
    const name = parts.join(':').replace(/:+$/, '');
    names.push(name);
    const version = textAt(dependency, 'version');
    const rest = dependency.children.filter(
      ({ name: part }) => !['groupId', 'artifactId', 'classifier', 'type', 'version'].includes(part),
    );
    const text = rest.map((one) => countedText(one, reduction)).join('');
    return [
      `${what} ${name}`,
      `${version === undefined ? '' : ownVersion(dependency, reduction, version)}${text === '' ? '' : ` ${text}`}`,
    ];
  });
  // Of two versions of one thing at one depth the first dependency's wins.
  if (names.length > 1) lines.push([`${what} order`, names.join(' ')]);
  return lines;
}

function buildLines(what: string, build: Element, reduction: Reduction): [string, string][] {
  const lines: [string, string][] = [];
  for (const element of build.children) {
    const plugins =
      element.name === 'plugins'
        ? element
        : element.name === 'pluginManagement'
          ? child(element, 'plugins')
          : undefined;
    if (plugins === undefined) {
      lines.push([`${what} ${element.name}`, countedText(element, reduction)]);
      continue;
    }
    const kind = element.name === 'plugins' ? 'plugin' : 'managed plugin';
    for (const plugin of plugins.children) {
      const name = `${textAt(plugin, 'groupId') ?? 'org.apache.maven.plugins'}:${textAt(plugin, 'artifactId') ?? ''}`;
      const version = textAt(plugin, 'version');
      const rest = plugin.children.filter(
        ({ name: part }) => !['groupId', 'artifactId', 'version'].includes(part),
      );
      lines.push([
        `${what} ${kind} ${name}`,
        `${version === undefined ? '' : ownVersion(plugin, reduction, version)} ${rest.map((one) => countedText(one, reduction)).join('')}`.trim(),
      ]);
    }
  }
  return lines;
}

/** As it counts: the reactor's own versions are one word wherever they stand (a plugin's dependencies, processors' paths). */
function countedText(element: Element, reduction: Reduction): string {
  return canonicalText(element, (inner, above) => {
    if (isSecretName(inner.name)) return '***';
    return inner.name === 'version' && above !== undefined
      ? ownVersion(above, reduction, inner.text)
      : inner.text.replace(/\s+/g, ' ');
  });
}

function coordinateText(element: Element, reduction: Reduction): string {
  const version = textAt(element, 'version') ?? '';
  const at = textAt(element, 'relativePath');
  return [
    textAt(element, 'groupId'),
    textAt(element, 'artifactId'),
    ownVersion(element, reduction, version),
    ...(at === undefined ? [] : [at]),
  ].join(':');
}

/** A version as it counts: the reactor's own, in whatever form, is one word. */
function ownVersion(element: Element, { reactor }: Reduction, version: string): string {
  const [group, artifact] = [textAt(element, 'groupId') ?? '', textAt(element, 'artifactId') ?? ''];
  const named = GROUP_OF_PROJECT.test(group)
    ? [...reactor].some((one) => one.endsWith(`:${artifact}`))
    : reactor.has(`${group}:${artifact}`);
  return named || OWN_VERSION.test(version) ? '(reactor)' : version;
}

/** Properties of a POM, profiles left out, by name. */
export function propertiesOf(pom: Pom): Map<string, string> {
  return new Map(
    child(pom.project, 'properties')?.children.map((property) => [property.name, property.text]),
  );
}

/** Names in `${…}`. */
export function references(text: string): string[] {
  return [...text.matchAll(/\$\{([^}]+)\}/g)].map(([, name]) => name ?? '');
}

/**
 * Properties that count, by name: those that a counted line of any POM refers to, also through other properties, wherever in
 * the reactor they are defined; and those that BOMs, parents and plugins are known to read without anyone here naming them
 * (`jackson.version`, `maven.compiler.release`).
 */
export function countedNames(
  lines: readonly [string, string][],
  properties: readonly ReadonlyMap<string, string>[],
): Set<string> {
  const counted = new Set<string>();
  const visit = (name: string): void => {
    if (counted.has(name) || OWN_VERSION_PROPERTIES.has(name) || isSecretName(name)) return;
    counted.add(name);
    for (const map of properties) references(map.get(name) ?? '').forEach(visit);
  };
  for (const [, value] of lines) references(value).forEach(visit);
  for (const map of properties) for (const name of map.keys()) if (isKnown(name)) visit(name);
  return counted;
}

// User properties of the plugins that nearly every build has, and Spring Boot's and other BOMs' version overrides.
const KNOWN =
  /(\.version$)|(^maven\.)|^(skipTests|skipITs|argLine|surefire\.|failsafe\.|spring-boot\.|java\.|native|quarkus\.|gpg\.skip$|checkstyle\.|spotbugs\.|pmd\.|jacoco\.|enforcer\.|start-class$|main\.class$)/;

export function isKnown(property: string): boolean {
  return KNOWN.test(property);
}
