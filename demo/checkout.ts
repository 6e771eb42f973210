/** A clean checkout of an example, as a runner has it: what git tracks, nothing that a build left. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url));
const LEFT_BY_BUILDS = new Set([
  'node_modules',
  'target',
  '.next',
  '.m2',
  'tsconfig.tsbuildinfo',
  'next-env.d.ts',
  'coverage',
]);

export async function checkOut(example: string, to: string): Promise<void> {
  await cp(join(EXAMPLES, example), to, {
    recursive: true,
    filter: (path) => !LEFT_BY_BUILDS.has(basename(path)),
  });
}

export interface Edit {
  file: string;
  from: string;
  to: string;
}

/** Edits files of a checkout; throws where a text to be replaced is not there, so that a bump is never a bump of nothing. */
export async function edit(folder: string, edits: readonly Edit[]): Promise<void> {
  for (const { file, from, to } of edits) {
    const path = join(folder, file);
    const text = await readFile(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} of ${basename(folder)} does not hold ${from}`);
    await writeFile(path, text.replaceAll(from, to));
  }
}
