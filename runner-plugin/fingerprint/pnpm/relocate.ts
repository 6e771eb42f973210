/**
 * A tree of pnpm's names the folder of its project and the store that it was linked from: in `.modules.yaml`
 * and in every bin's shim. After a restore they are made those of this project and this store; otherwise pnpm would
 * throw the tree away, or stop because it may not (tried on pnpm 10 and 11).
 *
 * pnpm's workspace state is removed: with it pnpm 11 would find that nothing has changed since the install elsewhere, and would not
 * run the project's own scripts, which an install on a fresh checkout runs.
 */
import { lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import { isMap } from '../node-project/yaml.ts';
import { originOf } from './origin.ts';

export const MODULES_FILE = '.modules.yaml';
export const STATE_FILE = '.pnpm-workspace-state-v1.json';

export interface Relocation {
  /** The lockfile's, here. Absolute. */
  folder: string;
  /** Projects of the workspace, relative to the folder. */
  importers: readonly string[];
  store: string;
}

/** Throws INPUT_UNREADABLE for a tree that does not say what it belongs to. */
export async function relocate({ folder, importers, store }: Relocation): Promise<void> {
  const modules = join(folder, 'node_modules');
  const from = await originOf(modules);
  await rm(join(modules, STATE_FILE), { force: true });
  const recordPath = join(modules, MODULES_FILE);
  const record = await readJson(recordPath);
  if (record.storeDir !== store)
    await writeFile(recordPath, JSON.stringify({ ...record, storeDir: store }, null, 2));
  if (from === folder) return;
  for (const importer of importers) {
    for (const bin of await binFolders(join(folder, importer, 'node_modules')))
      await rewriteShims(bin, from, folder);
  }
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isMap(value)) return value;
    throw new Error('it is not a JSON object');
  } catch (error) {
    throw fault('INPUT_UNREADABLE', { path, why: (error as Error).message }, { cause: error });
  }
}

/** Every `.bin` below a node_modules, links not followed. */
async function binFolders(modules: string): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(modules, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const path = join(modules, entry.name);
    if (entry.name === '.bin') found.push(path);
    else if (entry.name === '.pnpm') {
      for (const each of await readdir(path))
        found.push(...(await binFolders(join(path, each, 'node_modules'))));
    } else if (entry.name.startsWith('@')) found.push(...(await binFolders(path)));
    else found.push(...(await binFolders(join(path, 'node_modules'))));
  }
  return found;
}

async function rewriteShims(bin: string, from: string, to: string): Promise<void> {
  for (const name of await readdir(bin)) {
    const path = join(bin, name);
    if (!(await lstat(path)).isFile()) continue;
    const text = await readFile(path, 'utf8');
    const rewritten = replacePlaces(text, from, to);
    if (rewritten !== text) await writeFile(path, rewritten);
  }
}

/** Only where the folder's name ends: `/work/a` is not in `/work/ab`. */
function replacePlaces(text: string, from: string, to: string): string {
  const parts = text.split(from);
  return parts.reduce((before, after) => before + (/^([/:'"\s]|$)/.test(after) ? to : from) + after);
}
