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
  const names = await readdir(cache).catch(() => []);
  const prefixes = new Set(lockfile.packages.map(lockfile.form === 'classic' ? classicPrefix : berryPrefix));
  const wanted = names.filter((name) =>
    lockfile.form === 'classic'
      ? prefixes.has(name.replace(/[0-9a-f]{40}(-integrity)?$/, ''))
      : name.endsWith('.zip') && prefixes.has(name.slice(0, name.lastIndexOf('-') + 1)),
  );
  if (lockfile.form === 'berry') return wanted.sort();
  return (await Promise.all(wanted.map((name) => filesIn(cache, name)))).flat().sort();
}

/** `npm-@own-tool-1.0.0-` before the digest. */
function classicPrefix({ name, version }: LockedByYarn): string {
  return `npm-${name.replace('/', '-')}-${version}-`;
}

/** `@own-tool-npm-1.0.0-5bde4f38c9-` before a version of the format or a checksum. */
function berryPrefix({ name, resolution }: LockedByYarn): string {
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
