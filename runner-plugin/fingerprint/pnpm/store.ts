/**
 * pnpm's store: where pnpm will have it. The tree says which store it was linked from, and pnpm throws a tree away whose store
 * is another one, so what a restore writes there has to be what pnpm answers.
 */
import { hash } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ManagerSettings } from '../node-project/settings.ts';
import { isThere } from '../project-place.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface StoreOptions {
  settings: ManagerSettings;
  env: Env;
  home: string;
  /** The lockfile's. */
  folder: string;
  /** pnpm's. */
  major: number;
}

/**
 * The store that pnpm uses for that project, with the version of its layout: `…/store/v10`. Absolute. Without a setting it lies in
 * the user's folder, or, where the project's files cannot be linked to there, at the top of the project's own file system;
 * both are tried as pnpm tries them.
 */
export async function storeInUse({ settings, env, home, folder, major }: StoreOptions): Promise<string> {
  const version = `v${major}`;
  const set = settings.get('store-dir');
  if (typeof set === 'string' && set !== '') {
    const store = set.startsWith('~/') ? join(home, set.slice('~/'.length)) : resolve(folder, set);
    return store.endsWith(`/${version}`) ? store : join(store, version);
  }
  const users = dataFolder(env, home);
  const isLinkable = (await firstLinkable(folder, [await firstThere(users)])) !== undefined;
  const top = isLinkable ? undefined : await firstLinkable(folder, foldersAbove(folder));
  return top === undefined ? join(users, 'store', version) : join(top, '.pnpm-store', version);
}

function dataFolder(env: Env, home: string): string {
  if (env.PNPM_HOME !== undefined && env.PNPM_HOME !== '') return env.PNPM_HOME;
  if (env.XDG_DATA_HOME !== undefined && env.XDG_DATA_HOME !== '') return join(env.XDG_DATA_HOME, 'pnpm');
  return process.platform === 'darwin' ? join(home, 'Library/pnpm') : join(home, '.local/share/pnpm');
}

/** The folder itself, or the nearest above it that is there. */
async function firstThere(folder: string): Promise<string> {
  return (await isThere(folder)) || folder === dirname(folder) ? folder : firstThere(dirname(folder));
}

/** From `/` down to the folder. */
function foldersAbove(folder: string): string[] {
  return folder === dirname(folder) ? [folder] : [...foldersAbove(dirname(folder)), folder];
}

/** The first of those to which a file of the project can be linked. */
async function firstLinkable(folder: string, candidates: readonly string[]): Promise<string | undefined> {
  const mark = `.cachalot-${process.pid}-link`;
  const from = join(folder, mark);
  try {
    await writeFile(from, '');
    for (const candidate of candidates) {
      const to = join(candidate, `${mark}ed`);
      const linked = await link(from, to).then(
        () => true,
        () => false,
      );
      if (!linked) continue;
      await rm(to, { force: true });
      return candidate;
    }
  } catch {
    // Where nothing can be written, nothing can be linked.
  } finally {
    await rm(from, { force: true });
  }
  return undefined;
}

/**
 * All of the store's files that are what their names say, and pnpm's index of them; relative and sorted. Trees are linked to the store, so
 * that a script that changes a file there changes the store: such a file is left out, and pnpm fetches it again.
 */
export async function soundFiles(store: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (below: string): Promise<void> => {
    const entries = await readdir(join(store, below), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = `${below}/${entry.name}`;
      if (entry.isDirectory()) await visit(path);
      else if (entry.isFile() && (path.startsWith('index/') || (await isSound(store, path))))
        found.push(path);
    }
  };
  await visit('files');
  if (found.length === 0) return [];
  await visit('index');
  for (const name of await readdir(store)) if (/^index\.db(-wal)?$/.test(name)) found.push(name);
  return found.sort();
}

/** Those of the paths that are there and sound, as {@link soundFiles} has it; sorted. */
export async function soundAmong(store: string, paths: Iterable<string>): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if ((await isThere(join(store, path))) && (await isSound(store, path))) found.push(path);
  }
  return found.sort();
}

/** `files/ab/cdef…`, `files/ab/cdef…-exec`: the sha512 of the content. */
async function isSound(store: string, path: string): Promise<boolean> {
  const digest = path
    .slice('files/'.length)
    .replace('/', '')
    .replace(/-exec$/, '');
  return hash('sha512', await readFile(join(store, path)), 'hex') === digest;
}
