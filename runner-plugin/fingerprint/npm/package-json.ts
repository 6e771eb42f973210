/**
 * package.json of the project, its workspaces and its other links: the fields that an install reads, and the scripts that
 * it would run there.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import { fault } from '#protocol/wire/errors.ts';
import { type Input, setInput } from '../fingerprint.ts';

export interface PackageJson {
  path: string;
  fields: Record<string, unknown>;
}

/** Reads a package.json. Throws INPUT_UNREADABLE; undefined where there is none. */
export async function readPackageJson(path: string): Promise<PackageJson | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fault('INPUT_UNREADABLE', { path, why: (error as Error).message }, { cause: error });
  }
  try {
    const fields: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
      throw new Error('it is not a JSON object');
    return { path, fields: fields as Record<string, unknown> };
  } catch (error) {
    throw fault('INPUT_UNREADABLE', { path, why: (error as Error).message }, { cause: error });
  }
}

/** Events whose scripts an install runs for the project itself, in npm's order (npm help scripts; tried on npm 9 to 12). */
export const PROJECT_EVENTS = [
  'predependencies',
  'dependencies',
  'postdependencies',
  'preinstall',
  'install',
  'postinstall',
  'prepublish',
  'preprepare',
  'prepare',
  'postprepare',
] as const;
/** … and for its links, which get no pre and post variants. */
export const LINK_EVENTS = ['preinstall', 'prepare', 'install', 'postinstall'] as const;

// Fields that npm reads when it lays out a tree from a lockfile. Version, description, main, files and the like are not among them.
const INSTALL_FIELDS = [
  'name',
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'overrides',
  'workspaces',
  'bundleDependencies',
  'bundledDependencies',
  'os',
  'cpu',
  'libc',
  'allowScripts',
];
// npm refuses to install where these do not agree with it, with Node or with the machine.
const PROJECT_FIELDS = [...INSTALL_FIELDS, 'devEngines'];

export interface FieldOptions {
  /** The project's own package.json, as against a link's. */
  project: boolean;
  /** `engines` decides only with engine-strict. */
  engineStrict: boolean;
}

/** One set: field and, for those that are themselves maps, each name with its value. */
export function fieldsInput(name: string, { fields }: PackageJson, options: FieldOptions): Input {
  const lines: [string, string][] = [];
  const counted = [
    ...(options.project ? PROJECT_FIELDS : [...INSTALL_FIELDS, 'bin']),
    ...(options.engineStrict ? ['engines'] : []),
  ];
  for (const field of counted) {
    // npm takes the folder's name where there is none, and the project's own name appears nowhere in its tree.
    if (field === 'name' && options.project) continue;
    const value = fields[field];
    if (value === undefined) continue;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, one] of Object.entries(value)) lines.push([`${field} ${key}`, textOf(one)]);
    } else {
      lines.push([field, textOf(value)]);
    }
  }
  for (const [event, script] of installScripts(fields, options.project ? PROJECT_EVENTS : LINK_EVENTS))
    lines.push([`script ${event}`, script]);
  return setInput(name, lines);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : canonicalBytes(value).toString('utf8');
}

/** The scripts of those events that are there, in the given order. */
export function installScripts(
  fields: Record<string, unknown>,
  events: readonly string[],
): [event: string, script: string][] {
  const scripts = fields.scripts;
  if (typeof scripts !== 'object' || scripts === null) return [];
  const named = scripts as Record<string, unknown>;
  return events.flatMap((event): [string, string][] =>
    typeof named[event] === 'string' && named[event] !== '' ? [[event, named[event]]] : [],
  );
}

/** Names that a package's bins are linked by. */
export function binNames({ name, bin }: Record<string, unknown>): string[] {
  if (typeof bin === 'string') return typeof name === 'string' ? [basename(name)] : [];
  return typeof bin === 'object' && bin !== null ? Object.keys(bin).map((key) => basename(key)) : [];
}

/** Bin files of a package, relative to its folder. */
export function binFiles(fields: Record<string, unknown>): string[] {
  const { bin } = fields;
  if (typeof bin === 'string') return [bin];
  if (typeof bin !== 'object' || bin === null) return [];
  return Object.values(bin).filter((file): file is string => typeof file === 'string');
}
