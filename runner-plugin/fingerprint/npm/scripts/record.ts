/**
 * Which scripts of the project and its links an install ran, in npm's own order: what an entry holds beside the tree, so that a
 * hit can run them again. What a script is stands in package.json, which is an input of the key; so the record names it only,
 * and an entry of anybody can start nothing that the checkout does not hold.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';

export interface RecordedScript {
  /** The package's folder, relative to the project's; '' is the project. */
  folder: string;
  /** `postinstall` and the like. */
  event: string;
  /** What npm says of a package's place in the tree (`npm_package_dev`, …), which nothing but the tree decides. */
  place: Record<string, string>;
}

/** The variables that {@link RecordedScript.place} holds. */
export const PLACE_VARIABLES = [
  'npm_package_resolved',
  'npm_package_integrity',
  'npm_package_optional',
  'npm_package_dev',
  'npm_package_peer',
  'npm_package_dev_optional',
] as const;

const FORM = 1;

export async function writeRecord(path: string, scripts: readonly RecordedScript[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, JSON.stringify({ form: FORM, scripts }));
}

/** Throws INPUT_UNREADABLE where there is none, or one of another form. */
export async function readRecord(path: string): Promise<RecordedScript[]> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as { form?: unknown; scripts?: unknown };
    if (value.form !== FORM || !Array.isArray(value.scripts)) throw new Error('it is of another form');
    return value.scripts.map(checked);
  } catch (error) {
    throw fault('INPUT_UNREADABLE', { path, why: (error as Error).message }, { cause: error });
  }
}

function checked(value: unknown): RecordedScript {
  const { folder, event, place } = value as Record<string, unknown>;
  if (typeof folder !== 'string' || typeof event !== 'string' || typeof place !== 'object' || place === null)
    throw new Error('a script of it cannot be read');
  const known = Object.entries(place).filter(
    ([name, text]) => (PLACE_VARIABLES as readonly string[]).includes(name) && typeof text === 'string',
  );
  return { folder, event, place: Object.fromEntries(known) as Record<string, string> };
}
