/**
 * yarn.lock, in the form of yarn 1 and in that of yarn 2 and later: what it says about the tree. The order of entries and
 * comments do not count. With yarn 1 the place that a package came from does: yarn compares it with what it has installed.
 */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { fault } from '#protocol/wire/errors.ts';
import { type Input, setInput, valueInput } from '../fingerprint.ts';
import { hasConflict, isMap, mapAt, parseYaml } from '../node-project/yaml.ts';

export interface LockedByYarn {
  name: string;
  /** yarn 2 and later: `left@npm:1.0.0`; yarn 1: nothing. */
  resolution: string;
  version: string;
  /** yarn 2 and later: of its archive, as yarn writes it (`10c0/5bde…`); yarn 1: sha1 of its tarball, where `resolved` has it. */
  checksum?: string;
  /** Whether it is only there where it suits the machine; yarn 1 does not say. */
  conditional?: true;
}

export interface YarnLockfile {
  path: string;
  /** Of its bytes. */
  digest: Digest;
  /** Whose form it has: `classic` is yarn 1's. */
  form: 'classic' | 'berry';
  packages: LockedByYarn[];
  /** yarn 2 and later: what names of archives end with in a cache that projects share. */
  cacheKey?: string;
  /** What packages are asked for by: `left@^1.0.0`. */
  patterns: ReadonlySet<string>;
  inputs: Input[];
  /** Projects of the workspace, relative to the lockfile's folder; yarn 1's lockfile does not say. */
  workspaces: string[];
  /** Folders and tarballs that are copied, relative to the lockfile's folder; yarn 2 and later keep digests of them. */
  localPlaces: string[];
  /** Whether a package's presence depends on the machine. */
  bindsToPlatform: boolean;
}

/** Throws LOCKFILE_UNREADABLE. */
export async function readYarnLockfile(path: string): Promise<YarnLockfile> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw fault('LOCKFILE_UNREADABLE', { path, why: error.message }, { cause: error });
  });
  if (hasConflict(text)) throw fault('LOCKFILE_UNREADABLE', { path, why: 'it has merge conflict markers' });
  return /^__metadata:/m.test(text) ? readBerry(path, text) : readClassic(path, text);
}

function readBerry(path: string, text: string): YarnLockfile {
  let value: unknown;
  try {
    [value] = parseYaml(text);
  } catch (error) {
    const why = (error as Error).message.split('\n', 1)[0] ?? '';
    throw fault('LOCKFILE_UNREADABLE', { path, why }, { cause: error });
  }
  if (!isMap(value)) throw fault('LOCKFILE_UNREADABLE', { path, why: 'it is not a map' });
  const packages: LockedByYarn[] = [];
  const all = new Set<string>();
  const lines: [string, string][] = [];
  for (const [key, entry] of Object.entries(value)) {
    if (key === '__metadata' || !isMap(entry)) continue;
    const one = {
      name: nameIn(String(entry.resolution)),
      resolution: String(entry.resolution),
      version: String(entry.version),
      ...(typeof entry.checksum === 'string' ? { checksum: entry.checksum } : {}),
      ...('conditions' in entry ? { conditional: true as const } : {}),
    };
    const patterns = key.split(', ').sort();
    for (const pattern of patterns) all.add(pattern);
    packages.push(one);
    lines.push([one.name, `${one.version} ${short({ ...entry, patterns })}`]);
  }
  const { cacheKey } = mapAt(value, '__metadata');
  return {
    path,
    digest: hash('sha256', text, 'hex'),
    form: 'berry',
    packages,
    ...(typeof cacheKey === 'string' ? { cacheKey } : {}),
    patterns: all,
    inputs: [valueInput('lockfile version', short(value.__metadata ?? null)), setInput('lockfile', lines)],
    workspaces: packages.flatMap(({ resolution }) => /@workspace:(.+)$/.exec(resolution)?.[1] ?? []).sort(),
    localPlaces: [],
    bindsToPlatform: Object.values(value).some((entry) => isMap(entry) && 'conditions' in entry),
  };
}

/** Blocks of `pattern, pattern:` and indented fields, which is all that yarn 1 writes. */
function readClassic(path: string, text: string): YarnLockfile {
  const packages: LockedByYarn[] = [];
  const lines: [string, string][] = [];
  const localPlaces: string[] = [];
  const all = new Set<string>();
  const content = text
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  for (const block of content.split(/\n(?=\S)/)) {
    const [header = '', ...fields] = block.split('\n').filter((line) => line.trim() !== '');
    if (header === '') continue;
    const version = fields.map((field) => /^ {2}version:? "?([^"]+)"?$/.exec(field)?.[1]).find(Boolean);
    if (!header.endsWith(':') || version === undefined)
      throw fault('LOCKFILE_UNREADABLE', { path, why: `this is no entry: ${header.slice(0, 80)}` });
    const patterns = header
      .slice(0, -1)
      .split(', ')
      .map((pattern) => pattern.replace(/^"|"$/g, ''))
      .sort();
    const name = nameIn(patterns[0] ?? '');
    const checksum = fields
      .map((field) => /^ {2}resolved .*#([0-9a-f]{40})"?$/.exec(field)?.[1])
      .find(Boolean);
    packages.push({ name, resolution: '', version, ...(checksum === undefined ? {} : { checksum }) });
    lines.push([name, `${version} ${short([patterns, fields])}`]);
    for (const pattern of patterns) {
      all.add(pattern);
      const place = /@file:(.+)$/.exec(pattern)?.[1];
      if (place !== undefined) localPlaces.push(place);
    }
  }
  return {
    path,
    digest: hash('sha256', text, 'hex'),
    form: 'classic',
    packages,
    patterns: all,
    inputs: [valueInput('lockfile version', '1'), setInput('lockfile', lines)],
    workspaces: [],
    localPlaces,
    // It does not say which packages are for one system only.
    bindsToPlatform: packages.length > 0,
  };
}

/** `@own/tool@npm:1.0.0` -> `@own/tool` */
function nameIn(descriptor: string): string {
  const at = descriptor.indexOf('@', 1);
  return at < 0 ? descriptor : descriptor.slice(0, at);
}

function short(value: unknown): string {
  return hash('sha256', canonicalBytes(value), 'hex').slice(0, 16);
}
