/** Where a project lies in its repository: part of an entry's name, where the checkout folder's name never is. */
import { stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** `<name>`, or `<name>:<path below the repository's root>`. */
export async function placedName(name: string, folder: string): Promise<string> {
  for (let above = folder; ; above = dirname(above)) {
    // A folder in a clone, a file in a worktree or a submodule.
    if (await isThere(join(above, '.git'))) {
      const below = relative(above, folder);
      return below === '' ? name : `${name}:${below}`;
    }
    if (above === dirname(above)) return name;
  }
}

export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
