/**
 * `cachalot.json`, which a project may have: further inputs for the keys of what is found in it, the kind that is meant where
 * several are found, or, with paths, an entry of its own.
 *
 *     { "kind": "npm", "inputs": ["config/**", "!config/local.json", "env:TARGET"] }
 *     { "paths": ["generated"], "inputs": ["schema/**", "env:GENERATOR_VERSION"] }
 */
import { hash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { formatRoot, rootOf } from '#protocol/format/root.ts';
import { type CachalotError, fault, isFault } from '#protocol/wire/errors.ts';
import { selectPaths } from '../archive/paths.ts';
import { parsePatterns } from '../archive/paths-pattern.ts';
import { fingerprintOf, type Input, setInput, valueInput } from './fingerprint.ts';
import type { Detection, Plan } from './plan.ts';
import { isThere, placedName } from './project-place.ts';

const NAME = 'cachalot.json';
const ENVIRONMENT = 'env:';

export interface ProjectFile {
  /** Absolute; what globs and paths are relative to. */
  folder: string;
  kind?: string;
  inputs: Input[];
  /** Those of its globs that match nothing, as written: most likely not what was meant. */
  unmatched: string[];
  /** As written; without wildcards. */
  paths?: string[];
}

/**
 * The nearest one, from the detection's folder up to the repository's root. Throws SETTING_INVALID for one that cannot be meant:
 * keys without its inputs would be other projects' keys.
 */
export async function readProjectFile({ folder, env, home }: Detection): Promise<ProjectFile | undefined> {
  const found = await fileAbove(folder);
  if (found === undefined) return undefined;
  const { kind, inputs = [], paths } = parse(await readFile(join(found, NAME), 'utf8'));
  const folders = { workspace: found, home };
  const names = inputs.filter((input) => input.startsWith(ENVIRONMENT));
  const globs = inputs.filter((input) => !input.startsWith(ENVIRONMENT));
  const variables = names.map((input) => environmentInput(input.slice(ENVIRONMENT.length), env));
  if (paths !== undefined) refuseWildcards(paths, folders);
  const read = globs.length === 0 ? [] : [await filesInput(globs, folders)];
  return {
    folder: found,
    inputs: [...read, ...variables],
    unmatched: await unmatchedOf(globs, folders),
    ...(kind === undefined ? {} : { kind }),
    ...(paths === undefined ? {} : { paths }),
  };
}

/** A plan whose key is made of the file's inputs too. */
export function withInputs(plan: Plan, { inputs }: ProjectFile): Plan {
  if (inputs.length === 0) return plan;
  const { kind, name, inputs: own } = plan.fingerprint;
  return { ...plan, fingerprint: fingerprintOf(kind, name, [...own, ...inputs]) };
}

/** The entry that a file with paths describes. Throws ROOT_FORBIDDEN. */
export async function ownPlan(file: ProjectFile, paths: string[], detection: Detection): Promise<Plan> {
  const { folder, inputs } = file;
  const platform = valueInput('platform', `${process.platform}-${process.arch}`);
  const name = await placedName(NAME, folder);
  const folders = { workspace: folder, home: detection.home };
  const roots = (await literalPlaces(paths, folders)).map((place) => ({
    root: formatRoot(rootOf(place, folders)),
    place,
    restore: 'replace' as const,
    modes: 'kept' as const,
  }));
  return {
    fingerprint: fingerprintOf('generic', name, [...inputs, platform], detection.salt),
    folder,
    roots,
    cut: CUTS.default,
    keepTimes: true,
    nearKeys: [],
    notes: [],
  };
}

async function fileAbove(start: string): Promise<string | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    if (await isThere(join(folder, NAME))) return folder;
    if (folder === dirname(folder) || (await isThere(join(folder, '.git')))) return undefined;
  }
}

interface Written {
  kind?: string;
  inputs?: string[];
  paths?: string[];
}

function parse(text: string): Written {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid('its text', 'it is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('its text', 'it is no JSON object');
  const { kind, inputs, paths, ...others } = value as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(unknown, 'there are kind, inputs and paths');
  if (kind !== undefined && typeof kind !== 'string') throw invalid('kind', 'a text is needed');
  for (const [name, list] of Object.entries({ inputs, paths })) {
    if (list !== undefined && !isTexts(list))
      throw invalid(name, 'a list of texts is needed, none of them empty');
  }
  if (paths !== undefined && (inputs as string[] | undefined)?.length === undefined)
    throw invalid('paths', 'inputs are needed with them: the key is made of those');
  if (paths !== undefined && kind !== undefined)
    throw invalid('kind', 'paths describe an entry of their own; leave out one of the two');
  return value as Written;
}

function isTexts(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && item !== '')
  );
}

function invalid(setting: string, why: string, cause?: unknown): CachalotError {
  return fault('SETTING_INVALID', { setting: `${setting} in ${NAME}`, value: '', why }, { cause });
}

function refuseWildcards(paths: string[], folders: { workspace: string; home: string }): void {
  const patterns = readPatterns('paths', paths, folders);
  if (patterns.some(({ parts, excludes }) => excludes || parts.some((part) => typeof part !== 'string')))
    throw invalid('paths', 'they are taken as they are, without wildcards and !');
}

async function literalPlaces(
  paths: string[],
  folders: { workspace: string; home: string },
): Promise<string[]> {
  return parsePatterns(paths, folders).map(({ parts }) => `/${parts.join('/')}`);
}

function readPatterns(name: string, texts: string[], folders: { workspace: string; home: string }) {
  try {
    return parsePatterns(texts, folders);
  } catch (error) {
    throw isFault(error, 'USAGE') ? invalid(name, String(error.params.why), error) : error;
  }
}

/** Unset is not the same as empty. The value is known to nobody but by its digest. */
function environmentInput(name: string, env: Detection['env']): Input {
  const value = env[name];
  return valueInput(`env ${name}`, value === undefined ? 'unset' : `=${value}`);
}

/** All that the globs match, a folder with all that it holds, each file by its content. */
async function filesInput(globs: string[], folders: { workspace: string; home: string }): Promise<Input> {
  readPatterns('inputs', globs, folders);
  const lines: [string, string][] = [];
  for (const { place, exclude } of await selectPaths(globs, folders)) {
    const left = new Set(exclude.map((path) => join(place, path)));
    await collect(place);

    async function collect(path: string): Promise<void> {
      if (left.has(path)) return;
      try {
        const stat = await lstat(path);
        if (stat.isDirectory()) for (const name of await readdir(path)) await collect(join(path, name));
        else lines.push([relative(folders.workspace, path), await contentOf(path, stat.isSymbolicLink())]);
      } catch (cause) {
        if (isFault(cause)) throw cause;
        throw fault(
          'INPUT_UNREADABLE',
          { path, why: (cause as NodeJS.ErrnoException).code ?? '' },
          { cause },
        );
      }
    }
  }
  return setInput('files', lines);
}

async function unmatchedOf(globs: string[], folders: { workspace: string; home: string }): Promise<string[]> {
  const unmatched: string[] = [];
  for (const glob of globs)
    if (!glob.startsWith('!') && (await selectPaths([glob], folders)).length === 0) unmatched.push(glob);
  return unmatched;
}

async function contentOf(path: string, isLink: boolean): Promise<string> {
  return isLink ? `-> ${await readlink(path)}` : hash('sha256', await readFile(path), 'hex');
}
