/**
 * What is kept beside a tree of pnpm's, in a file of ours: which folder it was made in, since the tree names it, and what pnpm 11
 * found out about the lockfile. It asks the registry about every package before it installs (age, trust) and remembers which
 * lockfiles passed, by their content; where the tree is restored it need not ask again.
 */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import type { ManagerSettings } from '../node-project/settings.ts';
import { isMap } from '../node-project/yaml.ts';
import { isThere } from '../project-place.ts';

/** In node_modules. */
export const ORIGIN_FILE = '.cachalot-pnpm.json';

export interface PnpmCache {
  settings: ManagerSettings;
  env: Readonly<Record<string, string | undefined>>;
  home: string;
}

function recordsIn({ settings, env, home }: PnpmCache): { folder: string; file: string } {
  const set = settings.get('cache-dir');
  const shared =
    env.XDG_CACHE_HOME ?? join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  const folder = typeof set === 'string' ? set.replace(/^~(?=\/)/, home) : join(shared, 'pnpm');
  return { folder, file: join(folder, 'lockfile-verified.jsonl') };
}

/** After an install: writes where the tree is, and what pnpm found out about its lockfile, if anything. */
export async function keepOrigin(cache: PnpmCache, folder: string, lockfile: string): Promise<void> {
  const modules = join(folder, 'node_modules');
  if (!(await isThere(modules))) return;
  const lines = (await readFile(recordsIn(cache).file, 'utf8').catch(() => '')).split('\n');
  const verified = lines
    .map(parse)
    .findLast((record) => isMap(record?.lockfile) && record.lockfile.path === lockfile);
  await writeFile(join(modules, ORIGIN_FILE), JSON.stringify({ folder, verified }));
}

/** The folder that a tree was made in. Throws INPUT_UNREADABLE where it does not say. */
export async function originOf(modules: string): Promise<string> {
  const { folder } = await readOrigin(modules);
  if (typeof folder === 'string' && folder.startsWith('/')) return folder;
  throw fault('INPUT_UNREADABLE', { path: join(modules, ORIGIN_FILE), why: 'it names no folder' });
}

/** After a restore: tells pnpm what it found out then. It compares the lockfile's content and its own policy itself. */
export async function tellVerification(cache: PnpmCache, folder: string, lockfile: string): Promise<void> {
  const { verified } = await readOrigin(join(folder, 'node_modules'));
  if (!isMap(verified) || !isMap(verified.lockfile)) return;
  const records = recordsIn(cache);
  await mkdir(records.folder, { recursive: true });
  const here = { ...verified, lockfile: { ...verified.lockfile, path: lockfile, inode: '0' } };
  await appendFile(records.file, `${JSON.stringify(here)}\n`);
}

async function readOrigin(modules: string): Promise<Record<string, unknown>> {
  return parse(await readFile(join(modules, ORIGIN_FILE), 'utf8').catch(() => '')) ?? {};
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
