/**
 * What npm has cached of the packages that a lockfile names: the contents, by their integrity, and nothing else of its cache
 * folder. A lockfile whose entries have no `resolved` is answered from npm's index as well, so then its entries for those
 * packages come along. npm checks every content against its integrity when it reads it.
 *
 * Of an entry comes what the new lockfile names, in the same way. Which answers are about its packages cannot be told from their names,
 * which are digests of addresses: so they are kept as a list of ours (kept-index.ts), and read there.
 */
import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { fingerprintOf, type Input, setInput, valueInput } from '../fingerprint.ts';
import {
  dropIndex,
  INDEX_ROOT,
  type IndexRecord,
  indexRoot,
  keepIndex,
  readIndex,
} from '../node-project/kept-index.ts';
import type { Detection, StandIn } from '../plan.ts';
import { isThere } from '../project-place.ts';
import { installVerb, type NpmCommand } from './command.ts';
import { isInstalled, type Lockfile, nameAt } from './lockfile.ts';
import { type Settings, settingOf } from './settings.ts';

interface Wanted {
  /** `sha512-…`, as in the lockfile; one each. */
  integrities: ReadonlySet<string>;
  /** Packages of which npm asks where they come from, by name, with the versions that it will look for in the answer, and their integrities. */
  unresolved: Map<string, Map<string, string>>;
}

/** Undefined where there is nothing to cache, or no install that would use it. */
export function contentsOf(
  { name, lockfile, settings, command }: Contents,
  { folder, home, env, salt }: Detection,
): StandIn | undefined {
  const wanted = wantedOf(lockfile);
  if (command?.install !== true || wanted.integrities.size === 0) return undefined;
  const chosen = settingOf(settings, 'cache');
  const cache =
    chosen === undefined ? join(home, '.npm') : resolve(folder, chosen.replace(/^~(?=\/|$)/, home));
  const place = join(cache, '_cacache');
  const inputs: Input[] = [
    setInput(
      'contents',
      [...wanted.integrities].map((integrity) => [integrity, '']),
    ),
    ...(wanted.unresolved.size === 0
      ? []
      : [valueInput('index', [...wanted.unresolved.keys()].sort().join('\n'))]),
  ];
  const fingerprint = fingerprintOf('npm-contents', name, inputs, salt);
  const kept = indexRoot(env, dirname(lockfile.path));
  return {
    fingerprint,
    roots: [
      {
        root: 'home:.npm/_cacache',
        place,
        restore: 'merge',
        modes: 'executable',
        select: () => cachedOf(place, kept.place, wanted),
        wants: (staged) => wantedFrom(staged(INDEX_ROOT), wanted),
      },
      // After the contents, whose selection writes it.
      kept,
    ],
    cut: CUTS.default,
    keepTimes: false,
    nearKeys: [fingerprint.key.slice(0, fingerprint.key.lastIndexOf('/') + 1)],
    async settle() {
      await addAnswers(place, readIndex(kept.place), wanted);
      await dropIndex(kept.place);
      await dropStale(place, wanted);
    },
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
  const unresolved: Wanted['unresolved'] = new Map();
  for (const [place, { version, integrity, resolved, link, inBundle }] of packages) {
    if (!isInstalled(place) || link === true || inBundle === true || integrity === undefined) continue;
    if (resolved?.startsWith('file:')) continue;
    integrities.add(integrity);
    if (resolved !== undefined || version === undefined) continue;
    const name = nameAt(place);
    unresolved.set(name, (unresolved.get(name) ?? new Map()).set(version, integrity));
  }
  return { integrities, unresolved };
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

/** Paths of contents, relative to the cache folder, of what is there; the answers that name some of them go to `kept`. */
async function cachedOf(place: string, kept: string, wanted: Wanted): Promise<string[]> {
  const { integrities, unresolved } = wanted;
  const contents = new Set([...integrities].flatMap(contentPaths));
  const answers: IndexRecord[] = [];
  for (const bucket of unresolved.size === 0 ? [] : bucketsOf(place)) {
    // npm adds a line for each time that it was told the same.
    const last = new Map<string, string>();
    for (const { name, integrity, line } of answersIn(readFileSync(bucket), wanted)) {
      last.delete(integrity);
      const versions = unresolved.get(name);
      if (versions === undefined || isAbout(place, integrity, versions)) last.set(integrity, line);
    }
    if (last.size === 0) continue;
    const data = Buffer.from([...last.values()].map((line) => `\n${line}`).join(''));
    answers.push({ name: relative(place, bucket), data });
    for (const path of [...last.keys()].flatMap(contentPaths)) contents.add(path);
  }
  await keepIndex(kept, answers);
  const there = await Promise.all(
    [...contents].map(async (path) => ((await isThere(join(place, path))) ? [path] : [])),
  );
  return there.flat();
}

/** Whether an answer names the very bytes that the lockfile does: another registry may have another package of that name. */
function isAbout(place: string, answer: string, versions: ReadonlyMap<string, string>): boolean {
  const path = join(place, contentPaths(answer)[0] ?? '');
  if (!existsSync(path)) return false;
  const text = readFileSync(path, 'utf8');
  return [...versions.values()].every((integrity) => textsOf(integrity).some((one) => text.includes(one)));
}

/** As an answer may have an integrity; one that was made of `shasum` stands there in hexadecimal. */
function textsOf(integrity: string): string[] {
  return integrity
    .split(/\s+/)
    .flatMap((one) =>
      one.startsWith('sha1-')
        ? [one, Buffer.from(one.slice('sha1-'.length), 'base64').toString('hex')]
        : [one],
    );
}

/** Contents of the lockfile's packages, and of answers about them. */
function wantedFrom(kept: string | undefined, wanted: Wanted): (path: string) => boolean {
  const answers = readIndex(kept).flatMap(({ data }) => answersIn(data, wanted));
  const integrities = [...wanted.integrities, ...answers.map(({ integrity }) => integrity)];
  const contents = new Set(integrities.flatMap(contentPaths));
  return (path) => contents.has(path);
}

/** What npm knows already stays. */
async function addAnswers(place: string, answers: readonly IndexRecord[], wanted: Wanted): Promise<void> {
  for (const { name, data } of answers) {
    // It becomes a path.
    if (!/^index-v5(\/[0-9a-f]+){3}$/.test(name) || answersIn(data, wanted).length === 0) continue;
    const bucket = join(place, name);
    if (await isThere(bucket)) continue;
    await mkdir(dirname(bucket), { recursive: true });
    await writeFile(bucket, data);
  }
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
 * or not, with what it said, and npm asks again.
 */
async function dropStale(place: string, wanted: Wanted): Promise<void> {
  const { unresolved } = wanted;
  if (unresolved.size === 0) return;
  for (const bucket of bucketsOf(place)) {
    const answers = answersIn(readFileSync(bucket), wanted);
    for (const { name, integrity } of answers) {
      const versions = unresolved.get(name);
      if (versions === undefined) continue;
      const [path = ''] = contentPaths(integrity);
      const text = await readFile(join(place, path)).catch(() => undefined);
      // Versions are keys of an object; written otherwise than registries do, it is asked for once more.
      const knows = (version: string) =>
        [':{', ': {'].some((of) => text?.includes(`${JSON.stringify(version)}${of}`));
      if (text !== undefined && ![...versions.keys()].every(knows)) {
        await rm(bucket, { force: true });
        const said = answers.flatMap((answer) => contentPaths(answer.integrity));
        for (const content of said) await rm(join(place, content), { force: true });
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
  /** Of the package whose packument it is; of a tarball what its address ends with. */
  name: string;
  integrity: string;
  /** As it stands in the bucket. */
  line: string;
}

/**
 * What registries have answered about those packages: packuments, by name, and tarballs, by integrity, which npm looks for by their
 * addresses where a lockfile has none. A line of a bucket is the digest of what follows, a tab, and JSON.
 */
function answersIn(bucket: Buffer, { integrities, unresolved }: Wanted): CachedAnswer[] {
  return bucket
    .toString('utf8')
    .split('\n')
    .flatMap((line): CachedAnswer[] => {
      // Of the thousands of lines few are wanted: only those are read as JSON.
      const address = KEY.exec(line)?.[1];
      if (address === undefined) return [];
      const name = nameOf(address);
      if (!unresolved.has(name) && !integrities.has(INTEGRITY.exec(line)?.[1] ?? '')) return [];
      const [digest, json = ''] = line.split('\t');
      // What was cut off in the middle of writing does not count.
      if (digest !== hash('sha1', json, 'hex')) return [];
      const { integrity } = JSON.parse(json) as { integrity?: unknown };
      return typeof integrity === 'string' ? [{ name, integrity, line }] : [];
    });
}

const INTEGRITY = /"integrity":"([^"]*)"/;
const KEY = /"key":"make-fetch-happen:request-cache:https?:\/\/([^"?#]*)/;

/** Of the package whose packument lies there. npm escapes the slash of a scope. */
function nameOf(address: string): string {
  const parts = address.replaceAll(/%2f/gi, '/').split('/');
  const name = parts.at(-1) ?? '';
  const scope = parts.at(-2) ?? '';
  return scope.startsWith('@') ? `${scope}/${name}` : name;
}
