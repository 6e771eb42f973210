/** yarn's cache folder: where it is, and which of its files a lockfile names. */
import { hash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import type { ManagerSettings } from '../node-project/settings.ts';
import type { LockedByYarn, YarnLockfile } from './lockfile.ts';

export interface CacheOptions {
  settings: ManagerSettings;
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  /** The lockfile's. */
  folder: string;
  form: YarnLockfile['form'];
}

/** Absolute. yarn 1's with the version of its layout. */
export function cacheFolder(options: CacheOptions): string {
  return options.form === 'classic' ? classicFolder(options) : berryFolder(options);
}

function classicFolder({ settings, env, home, folder }: CacheOptions): string {
  const set = settings.get('cache-folder');
  if (typeof set === 'string' && set !== '') return join(resolve(folder, set), 'v6');
  if (env.XDG_CACHE_HOME !== undefined && env.XDG_CACHE_HOME !== '')
    return join(env.XDG_CACHE_HOME, 'yarn', 'v6');
  if (process.platform === 'darwin') return join(home, 'Library/Caches/Yarn/v6');
  // yarn 1 takes root's home folder for another's.
  return join(process.getuid?.() === 0 ? '/usr/local/share' : home, '.cache/yarn/v6');
}

function berryFolder({ settings, env, home, folder }: CacheOptions): string {
  if (String(settings.get('enable-global-cache')) === 'false') {
    const set = settings.get('cache-folder');
    return resolve(folder, typeof set === 'string' && set !== '' ? expand(set, env, home) : '.yarn/cache');
  }
  const set = settings.get('global-folder');
  if (typeof set === 'string' && set !== '') return join(resolve(folder, expand(set, env, home)), 'cache');
  const data = env.XDG_DATA_HOME;
  return join(
    data === undefined || data === '' ? join(home, '.yarn/berry') : join(data, 'yarn/berry'),
    'cache',
  );
}

function expand(text: string, env: CacheOptions['env'], home: string): string {
  const known = text.replace(
    /\$\{([\w]+)(?::?-([^}]*))?\}/g,
    (_, name: string, otherwise = '') => env[name] ?? otherwise,
  );
  return isAbsolute(known) ? known : known.replace(/^~(?=\/)/, home);
}

/** Those of its files that the lockfile names; relative, sorted. */
export async function cachedFiles(cache: string, lockfile: YarnLockfile): Promise<string[]> {
  const wanted = (await readdir(cache).catch(() => [])).filter(namedBy(lockfile));
  if (lockfile.form === 'berry') return wanted.sort();
  return (await Promise.all(wanted.map((name) => filesIn(cache, name)))).flat().sort();
}

/** Whether a path in the cache is of a package that the lockfile names: yarn 1 has a folder for each, yarn 4 an archive. */
export function namedBy({ form, packages, cacheKey }: YarnLockfile): (path: string) => boolean {
  if (form === 'berry') {
    const known = new Set(packages.flatMap((one) => archiveNames(one, cacheKey)));
    return (path) => known.has(path) || (path.endsWith('.zip') && known.has(path.replace(/[^-]*$/, '')));
  }
  const known = new Set(packages.map((one) => folderName(one)));
  return (path) => {
    const folder = path.split('/', 1)[0]?.replace(/-integrity$/, '') ?? '';
    return [folder, folder.replace(/[0-9a-f]{40}$/, ''), `${folder}-`].some((name) => known.has(name));
  };
}

/**
 * yarn 1's folder, but for the `-integrity` that it may end with: `npm-@own-tool-1.0.0-<sha1>`. Where the lockfile does not have the
 * digest, it is the name up to there, and any may follow, or none.
 */
function folderName({ name, version, checksum = '' }: LockedByYarn): string {
  const slug = name.replace(/[^@a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return `npm-${slug}-${version}-${checksum}`;
}

/**
 * Archives of yarn 4 end with the lockfile's cache key where projects share them, and in a project's own cache with the beginning of
 * their checksum. With neither in the lockfile it is their name up to there.
 */
function archiveNames(one: LockedByYarn, cacheKey: string | undefined): string[] {
  const prefix = archivePrefix(one);
  const [, ownKey, digest] = /^(?:(\d+[^/]*)\/)?(.+)$/.exec(one.checksum ?? '') ?? [];
  if (digest === undefined) return [prefix];
  const ends = [ownKey ?? cacheKey, cacheKey, digest.slice(0, 10)];
  return ends.flatMap((end) => (end === undefined ? [] : [`${prefix}${end}.zip`]));
}

/** `@own-tool-npm-1.0.0-5bde4f38c9-` */
function archivePrefix({ name, resolution }: LockedByYarn): string {
  const [, scope, bare = name] = /^(?:@([^/]+)\/)?(.+)$/.exec(name) ?? [];
  const reference = resolution.slice(name.length + 1);
  const protocol = /^([^:]+):/.exec(reference)?.[1];
  const selector = reference.slice(protocol === undefined ? 0 : protocol.length + 1).replace(/::.*$/, '');
  const human = /^\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/.test(selector) ? `-${selector}` : '';
  const digest = hash('sha512', hash('sha512', (scope ?? '') + bare, 'hex') + reference, 'hex').slice(0, 10);
  const ident = scope === undefined ? bare : `@${scope}-${bare}`;
  return `${ident}-${protocol ?? 'exotic'}${human}-${digest}-`;
}

async function filesIn(cache: string, below: string): Promise<string[]> {
  const entries = await readdir(join(cache, below), { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = `${below}/${entry.name}`;
      return entry.isDirectory() ? filesIn(cache, path) : [path];
    }),
  );
  return found.flat();
}
