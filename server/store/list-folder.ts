/**
 * The files below a folder in byte order of their names, as S3 lists keys: `a.b` comes before `a/b`, because `.` comes before
 * `/`. A file system lists in any order, so each folder is sorted; one with very many files is read again for each page of
 * them, so that memory stays bounded.
 */
import { opendir } from 'node:fs/promises';
import { isMissing } from './system-fault.ts';

/** Names of one folder that are held at once, at most twice this many. */
const PAGE_NAMES = 32_768;

/**
 * Names relative to `folder`, '/'-separated, that begin with `prefix`; regular files only. A folder that is not there has
 * none. Errors are the system's.
 */
export async function* listFolder(
  folder: string,
  prefix: string,
  pageNames = PAGE_NAMES,
): AsyncGenerator<string> {
  const inside = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  yield* walk(folder, inside, prefix.slice(inside.length), pageNames);
}

/** `inside` is empty or ends with `/`; `begin` is what names in that folder begin with, and holds no `/`. */
async function* walk(
  folder: string,
  inside: string,
  begin: string,
  pageNames: number,
): AsyncGenerator<string> {
  let after = '';
  for (;;) {
    const page = await pageOf(`${folder}/${inside}`, begin, after, pageNames);
    for (const name of page) {
      if (name.endsWith('/')) yield* walk(folder, inside + name, '', pageNames);
      else yield inside + name;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageNames) return;
    after = last;
  }
}

/** The first `pageNames` names after `after` that begin with `begin`, in byte order; a folder's name ends with `/`. */
async function pageOf(path: string, begin: string, after: string, pageNames: number): Promise<string[]> {
  let page: string[] = [];
  let bound: string | undefined;
  try {
    for await (const found of await opendir(path, { bufferSize: 256 })) {
      if (!found.isFile() && !found.isDirectory()) continue;
      const name = found.isDirectory() ? `${found.name}/` : found.name;
      if (!name.startsWith(begin) || name <= after || (bound !== undefined && name > bound)) continue;
      page.push(name);
      if (page.length < 2 * pageNames) continue;
      page = page.sort().slice(0, pageNames);
      bound = page.at(-1);
    }
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return page.sort().slice(0, pageNames);
}
