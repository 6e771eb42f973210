/** Files of the project that an install copies or reads: patches, plugins, local packages. By content, not by bytes of a key. */
import { hash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import { type Input, setInput } from '../fingerprint.ts';

/**
 * One set of `path -> digest` over files and folders, given relative to `folder`; what is not there has no line, and without
 * any line there is no input. Throws INPUT_UNREADABLE.
 */
export async function contentInputs(
  name: string,
  folder: string,
  places: readonly string[],
): Promise<Input[]> {
  const lines: [string, string][] = [];
  const visit = async (path: string, shown: string): Promise<void> => {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) {
      for (const entry of (await readdir(path)).sort()) {
        // No manager packs either of these.
        if (entry !== 'node_modules' && entry !== '.git') await visit(join(path, entry), `${shown}/${entry}`);
      }
    }
    if (!found?.isFile()) return;
    const bytes = await readFile(path).catch((error: Error) => {
      throw fault('INPUT_UNREADABLE', { path, why: error.message }, { cause: error });
    });
    lines.push([shown, `${found.mode & 0o100 ? 'x ' : ''}${hash('sha256', bytes, 'hex')}`]);
  };
  for (const place of [...new Set(places)].sort()) await visit(join(folder, place), place);
  return lines.length === 0 ? [] : [setInput(name, lines)];
}
