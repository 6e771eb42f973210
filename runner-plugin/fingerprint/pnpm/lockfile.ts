/**
 * pnpm-lock.yaml, version 9.0 (pnpm 9 and later): what it says about the tree. The order of keys does not count, nor from which
 * registry a package with an integrity comes, nor that a version is deprecated.
 */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { fault } from '#protocol/wire/errors.ts';
import { type Input, setInput, valueInput } from '../fingerprint.ts';
import { hasConflict, isMap, mapAt, parseYaml, type YamlMap } from '../node-project/yaml.ts';

export interface PnpmLockfile {
  path: string;
  /** Of its bytes. */
  digest: Digest;
  /** Whether the format is one that we know; without it there are only the bytes. */
  known: boolean;
  /** Projects of the workspace, relative to the lockfile's folder; `.` is the root. */
  importers: string[];
  packages: [name: string, version: string][];
  /** What pnpm's store calls them: integrities of tarballs, and where there is none, ids. */
  stored: ReadonlySet<string>;
  inputs: Input[];
  /** Whether any package's presence depends on the machine's libc, system or processor. */
  bindsToPlatform: boolean;
  /** Whether one is left out where Node's version does not suit it. */
  bindsToNode: boolean;
  /** Folders of which packages are copies, relative to the lockfile's. */
  localFolders: string[];
  /** Files that patch packages, relative to the lockfile's folder. */
  patches: string[];
}

/** Throws LOCKFILE_UNREADABLE. */
export async function readPnpmLockfile(path: string): Promise<PnpmLockfile> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw fault('LOCKFILE_UNREADABLE', { path, why: error.message }, { cause: error });
  });
  if (hasConflict(text)) throw fault('LOCKFILE_UNREADABLE', { path, why: 'it has merge conflict markers' });
  let documents: unknown[];
  try {
    documents = parseYaml(text);
  } catch (error) {
    throw fault('LOCKFILE_UNREADABLE', { path, why: firstLine(error) }, { cause: error });
  }
  const [lockfile] = documents;
  if (!isMap(lockfile)) throw fault('LOCKFILE_UNREADABLE', { path, why: 'it is not a map' });
  // A second document holds pnpm's own dependencies, in a form that is still moving.
  if (documents.length > 1 || lockfile.lockfileVersion !== '9.0') return unknownFormat(path, text);
  return { path, digest: hash('sha256', text, 'hex'), known: true, ...whatItSays(lockfile) };
}

function unknownFormat(path: string, text: string): PnpmLockfile {
  return {
    path,
    digest: hash('sha256', text, 'hex'),
    known: false,
    importers: ['.'],
    packages: [],
    stored: new Set(),
    inputs: [valueInput('lockfile bytes', text)],
    bindsToPlatform: true,
    bindsToNode: true,
    localFolders: [],
    patches: [],
  };
}

function whatItSays(lockfile: YamlMap): Omit<PnpmLockfile, 'path' | 'digest' | 'known'> {
  const packages = mapAt(lockfile, 'packages');
  const snapshots = mapAt(lockfile, 'snapshots');
  const importers = mapAt(lockfile, 'importers');
  const all = Object.values(packages);
  return {
    importers: Object.keys(importers).sort(),
    packages: Object.keys(packages).map(nameAndVersion),
    stored: new Set(
      Object.entries(packages).flatMap(([key, one]) => storedAs(key, mapAt(one, 'resolution'))),
    ),
    inputs: [
      valueInput('lockfile version', '9.0'),
      setInput('lockfile', packageLines(packages, snapshots)),
      setInput('lockfile projects', importerLines(importers)),
      setInput('lockfile settings', otherLines(lockfile)),
    ],
    bindsToPlatform: all.some((one) => isMap(one) && ['os', 'cpu', 'libc'].some((field) => field in one)),
    bindsToNode: Object.entries(snapshots).some(
      ([key, snapshot]) =>
        isMap(snapshot) && snapshot.optional === 'true' && 'engines' in mapAt(packages, withoutPeers(key)),
    ),
    localFolders: all.flatMap((one) => {
      const { directory } = mapAt(one, 'resolution');
      return typeof directory === 'string' ? [directory] : [];
    }),
    patches: Object.values(mapAt(lockfile, 'patchedDependencies')).flatMap((patch) =>
      isMap(patch) && typeof patch.path === 'string' ? [patch.path] : [],
    ),
  };
}

function storedAs(key: string, resolution: YamlMap): string[] {
  const integrities = integritiesIn(resolution);
  const isById = integrities.length === 0 || resolution.gitHosted === 'true';
  return isById ? [...integrities, key, nameAndVersion(key)[1]] : integrities;
}

/** Of a tarball, or of one for each platform. */
function integritiesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) =>
    name === 'integrity' && typeof one === 'string' ? [one] : integritiesIn(one),
  );
}

/** `@own/tool@1.0.0(peer@2.0.0)` -> `@own/tool`, `1.0.0(peer@2.0.0)` */
function nameAndVersion(key: string): [name: string, version: string] {
  const at = key.indexOf('@', 1);
  return at < 0 ? [key, ''] : [key.slice(0, at), key.slice(at + 1)];
}

function withoutPeers(key: string): string {
  const at = key.indexOf('(');
  return at < 0 ? key : key.slice(0, at);
}

function packageLines(packages: YamlMap, snapshots: YamlMap): [string, string][] {
  const keys = new Set([...Object.keys(snapshots), ...Object.keys(packages)]);
  // A package without peers is its own snapshot; one with peers has as many as there are sets of peers.
  const described = new Set([...Object.keys(snapshots)].map(withoutPeers));
  return [...keys]
    .filter((key) => key in snapshots || !described.has(key))
    .map((key) => {
      const [name, version] = nameAndVersion(key);
      return [name, `${version} ${short([counted(packages[withoutPeers(key)]), snapshots[key] ?? null])}`];
    });
}

/** A package's entry, as far as it decides what is installed. */
function counted(entry: unknown): unknown {
  if (!isMap(entry)) return null;
  const { deprecated: _, ...rest } = entry;
  const { resolution } = rest;
  if (!isMap(resolution) || typeof resolution.integrity !== 'string') return rest;
  const { tarball, ...without } = resolution;
  // With an integrity the bytes are known, whichever registry or mirror serves them.
  return /^https?:/.test(String(tarball ?? 'http:')) ? { ...rest, resolution: without } : rest;
}

function importerLines(importers: YamlMap): [string, string][] {
  return Object.entries(importers).flatMap(([place, importer]) => {
    const lines: [string, string][] = [];
    for (const [field, value] of Object.entries(isMap(importer) ? importer : {})) {
      for (const [name, one] of Object.entries(isMap(value) ? value : { '': value })) {
        const version = isMap(one) && typeof one.version === 'string' ? `${one.version} ` : '';
        lines.push([`${place} ${field} ${name}`.trim(), version + short(one)]);
      }
    }
    return lines.length === 0 ? [[place, '']] : lines;
  });
}

const ELSEWHERE = new Set(['lockfileVersion', 'packages', 'snapshots', 'importers', 'time']);

function otherLines(lockfile: YamlMap): [string, string][] {
  return Object.entries(lockfile)
    .filter(([name]) => !ELSEWHERE.has(name))
    .map(([name, value]) => [name, short(value)]);
}

function short(value: unknown): string {
  return hash('sha256', canonicalBytes(value), 'hex').slice(0, 16);
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n', 1)[0] ?? '';
}
