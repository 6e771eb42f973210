/**
 * What npm has cached of the packages that a lockfile names: the contents, by their integrity, and nothing else of its cache
 * folder. A lockfile whose entries have no `resolved` is answered from npm's index as well, so then its entries for those
 * packages come along. npm checks every content against its integrity when it reads it.
 */
import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { fingerprintOf, type Input, setInput, valueInput } from '../fingerprint.ts';
import type { Detection, StandIn } from '../plan.ts';
import { isThere } from '../project-place.ts';
import { installVerb, type NpmCommand } from './command.ts';
import { isInstalled, type Lockfile, nameAt } from './lockfile.ts';
import { type Settings, settingOf } from './settings.ts';

interface Wanted {
  /** `sha512-…`, as in the lockfile; one each. */
  integrities: string[];
  /** Packages of which npm asks where they come from, by name, with the versions that it will look for in the answer. */
  unresolved: Map<string, Set<string>>;
}

/** Undefined where there is nothing to cache, or no install that would use it. */
export function contentsOf(
  { name, lockfile, settings, command }: Contents,
  { folder, home, salt }: Detection,
): StandIn | undefined {
  const wanted = wantedOf(lockfile);
  if (command?.install !== true || wanted.integrities.length === 0) return undefined;
  const chosen = settingOf(settings, 'cache');
  const cache =
    chosen === undefined ? join(home, '.npm') : resolve(folder, chosen.replace(/^~(?=\/|$)/, home));
  const place = join(cache, '_cacache');
  const inputs: Input[] = [
    setInput(
      'contents',
      wanted.integrities.map((integrity) => [integrity, '']),
    ),
    ...(wanted.unresolved.size === 0
      ? []
      : [valueInput('index', [...wanted.unresolved.keys()].sort().join('\n'))]),
  ];
  const fingerprint = fingerprintOf('npm-contents', name, inputs, salt);
  return {
    fingerprint,
    roots: [
      {
        root: 'home:.npm/_cacache',
        place,
        restore: 'merge',
        modes: 'executable',
        select: () => cachedOf(place, wanted),
      },
    ],
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
    settle: () => dropStale(place, wanted),
    env: offlineFirst(settings, command, wanted),
  };
}

export interface Contents {
  name: string;
  lockfile: Lockfile;
  settings: Settings;
  command: NpmCommand | undefined;
}

function wantedOf({ packages }: Lockfile): Wanted {
  const integrities = new Set<string>();
  const unresolved = new Map<string, Set<string>>();
  for (const [place, { version, integrity, resolved, link, inBundle }] of packages) {
    if (!isInstalled(place) || link === true || inBundle === true || integrity === undefined) continue;
    if (resolved?.startsWith('file:')) continue;
    integrities.add(integrity);
    if (resolved !== undefined || version === undefined) continue;
    const name = nameAt(place);
    unresolved.set(name, (unresolved.get(name) ?? new Set()).add(version));
  }
  return { integrities: [...integrities].sort(), unresolved };
}

/**
 * Settings that keep an `npm ci` from asking where it need not; none that the user has an opinion of. An `npm install` may have
 * to find new versions, and an old answer would change what it installs.
 */
function offlineFirst(settings: Settings, command: NpmCommand, wanted: Wanted): Record<string, string> {
  if (installVerb(command) !== 'ci') return {};
  const said = (...names: string[]) => names.some((name) => settings.has(name));
  return {
    ...(said('audit') ? {} : { npm_config_audit: 'false' }),
    ...(wanted.unresolved.size === 0 || said('offline', 'prefer-offline', 'prefer-online')
      ? {}
      : { npm_config_prefer_offline: 'true' }),
  };
}

/** Paths relative to the cache folder, of what is there. */
async function cachedOf(place: string, { integrities, unresolved }: Wanted): Promise<string[]> {
  const contents = new Set(integrities.flatMap(contentPaths));
  const buckets: string[] = [];
  if (unresolved.size > 0) {
    const known = new Set(integrities);
    const isOurs = (integrity: string, name: string) => known.has(integrity) || unresolved.has(name);
    for (const bucket of bucketsOf(place)) {
      for (const { integrity } of answersIn(bucket, isOurs)) {
        buckets.push(relative(place, bucket));
        for (const path of contentPaths(integrity)) contents.add(path);
      }
    }
  }
  const there = await Promise.all(
    [...contents].map(async (path) => ((await isThere(join(place, path))) ? [path] : [])),
  );
  return [...there.flat(), ...new Set(buckets)];
}

/** Where npm keeps a content: by its digest in hexadecimal, cut in three. Of several digests it takes the strongest. */
function contentPaths(integrity: string): string[] {
  return integrity.split(/\s+/).flatMap((one) => {
    const match = /^(sha\d+)-([A-Za-z0-9+/=]+)/.exec(one);
    if (match === null) return [];
    const hex = Buffer.from(match[2] ?? '', 'base64').toString('hex');
    return [join('content-v2', match[1] ?? '', hex.slice(0, 2), hex.slice(2, 4), hex.slice(4))];
  });
}

/**
 * An answer from before a version was published would be the last word for an npm that prefers what it has. It is forgotten, restored
 * or not, and npm asks again.
 */
async function dropStale(place: string, { unresolved }: Wanted): Promise<void> {
  if (unresolved.size === 0) return;
  for (const bucket of bucketsOf(place)) {
    for (const { name, integrity } of answersIn(bucket, (_, name) => unresolved.has(name))) {
      const versions = unresolved.get(name) ?? [];
      const [path = ''] = contentPaths(integrity);
      const text = await readFile(join(place, path)).catch(() => undefined);
      // Versions are keys of an object; written otherwise than registries do, it is asked for once more.
      const knows = (version: string) =>
        [':{', ': {'].some((of) => text?.includes(`${JSON.stringify(version)}${of}`));
      if (text !== undefined && ![...versions].every(knows)) {
        await rm(bucket, { force: true });
        break;
      }
    }
  }
}

// A machine's own npm cache may have many thousands of buckets: read one after the other without waiting, they take a fifth of a
// second, and awaited each by itself, five.
function bucketsOf(place: string): string[] {
  const folder = join(place, 'index-v5');
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

interface CachedAnswer {
  /** Of the package whose packument it is; what follows the last slash of its address otherwise. */
  name: string;
  integrity: string;
}

/** Those that are wanted. A line of a bucket is the digest of what follows, a tab, and JSON. */
function answersIn(bucket: string, isWanted: (integrity: string, name: string) => boolean): CachedAnswer[] {
  return readFileSync(bucket, 'utf8')
    .split('\n')
    .flatMap((line): CachedAnswer[] => {
      // Of the thousands of lines few are wanted: only those are read as JSON.
      const name = nameOf(KEY.exec(line)?.[1] ?? '');
      if (!isWanted(INTEGRITY.exec(line)?.[1] ?? '', name)) return [];
      const [digest, json = ''] = line.split('\t');
      // What was cut off in the middle of writing does not count.
      if (digest !== hash('sha1', json, 'hex')) return [];
      const { integrity } = JSON.parse(json) as { integrity?: unknown };
      return typeof integrity === 'string' ? [{ name, integrity }] : [];
    });
}

const KEY = /"key":"make-fetch-happen:request-cache:https?:\/\/([^"?#]*)/;
const INTEGRITY = /"integrity":"([^"]*)"/;

/** Of the package whose packument lies there. npm escapes the slash of a scope. */
function nameOf(address: string): string {
  const parts = address.replaceAll(/%2f/gi, '/').split('/');
  const name = parts.at(-1) ?? '';
  const scope = parts.at(-2) ?? '';
  return scope.startsWith('@') ? `${scope}/${name}` : name;
}
