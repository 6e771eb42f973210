/** Whether node_modules holds what pnpm-lock.yaml says, by pnpm's own records of it, and nothing that came after pnpm. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { changedAfter } from '../node-project/touched.ts';
import { isMap, mapAt, parseYaml, type YamlMap } from '../node-project/yaml.ts';
import type { PnpmLockfile } from './lockfile.ts';
import { ORIGIN_FILE } from './origin.ts';
import { MODULES_FILE, STATE_FILE } from './relocate.ts';

/** Why the tree is not to be saved (one sentence); undefined where it is. */
export async function whyNotInstalled(
  folder: string,
  { path, importers }: PnpmLockfile,
): Promise<string | undefined> {
  const modules = join(folder, 'node_modules');
  const record = await readYaml(join(modules, MODULES_FILE));
  const installed = await readYaml(join(modules, '.pnpm', 'lock.yaml'));
  const wanted = await readYaml(path);
  if (record === undefined || installed === undefined || wanted === undefined)
    return 'pnpm has left no record of an install that ended well';
  if (Array.isArray(record.pendingBuilds) && record.pendingBuilds.length > 0)
    return 'pnpm has yet to run install scripts of packages';
  // An absolute one lies elsewhere: the tree would be links into it.
  if (record.virtualStoreDir !== '.pnpm') return 'the packages do not lie in node_modules';
  const other = firstOther(installed, wanted);
  if (other !== undefined) return `node_modules holds another ${other} than the lockfile names`;
  const changed = await changedAfter({
    folders: importers.map((importer) => join(folder, importer, 'node_modules')),
    record: join(modules, MODULES_FILE),
    own: new Set([MODULES_FILE, STATE_FILE, ORIGIN_FILE, '.cache', '.tmp']),
    files: new Set(['.pnpm', '.pnpm/lock.yaml']),
  });
  return changed === undefined ? undefined : `node_modules/${changed} was changed after pnpm had filled it`;
}

const FIELDS = { prod: 'dependencies', dev: 'devDependencies', optional: 'optionalDependencies' } as const;

/**
 * Why the tree is a part of what an install makes that leaves out `omit`; undefined where it is all of it. For commands of which nobody
 * can tell how they called pnpm (`--prod`, `--filter`, `fetch`).
 */
export async function whyIncomplete(
  folder: string,
  { path }: PnpmLockfile,
  omit: readonly string[],
): Promise<string | undefined> {
  const modules = join(folder, 'node_modules');
  const record = await readYaml(join(modules, MODULES_FILE));
  const wanted = mapAt((await readYaml(path)) ?? {}, 'importers');
  for (const [type, field] of Object.entries(FIELDS)) {
    if (omit.includes(type)) continue;
    if (mapAt(record ?? {}, 'included')[field] !== 'true')
      return `node_modules was filled without ${field}; ${RUN_INSTALL}`;
    // Of optional ones those that do not suit the machine are missing. `fetch` leaves a record that names all, and links nothing.
    for (const [place, importer] of type === 'optional' ? [] : Object.entries(wanted)) {
      // Hoisted, a project's own dependencies lie at the root.
      const lacking = Object.keys(mapAt(importer, field)).find(
        (name) =>
          ![join(folder, place, 'node_modules', name), join(modules, name)].some((one) => existsSync(one)),
      );
      if (lacking !== undefined) return `node_modules lacks ${lacking} of project ${place}; ${RUN_INSTALL}`;
    }
  }
  return undefined;
}

const RUN_INSTALL = 'to have it saved, run the install itself (`pnpm install`)';

/** A part of the lockfile is what a narrower install leaves (`--prod`); anything else is another tree. */
function firstOther(installed: YamlMap, wanted: YamlMap): string | undefined {
  for (const part of ['packages', 'snapshots']) {
    for (const [key, value] of Object.entries(mapAt(installed, part))) {
      if (!isPart(value, mapAt(wanted, part)[key])) return key;
    }
  }
  for (const [place, importer] of Object.entries(mapAt(installed, 'importers'))) {
    if (!isPart(importer, mapAt(wanted, 'importers')[place])) return `project ${place}`;
  }
  return undefined;
}

function isPart(part: unknown, whole: unknown): boolean {
  if (!isMap(part)) return JSON.stringify(part) === JSON.stringify(whole);
  return isMap(whole) && Object.entries(part).every(([name, value]) => isPart(value, whole[name]));
}

async function readYaml(path: string): Promise<YamlMap | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const [value] = parseYaml(text);
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
