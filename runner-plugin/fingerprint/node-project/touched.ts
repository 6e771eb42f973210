/**
 * Whether something changed a tree after its package manager had filled it. Managers write a record when they are done, and
 * run the project's own scripts afterwards: what is newer than that record is not the manager's. Such a tree is not saved, since
 * the script would run again on what it changed (patch-package with a patch that adds lines would add them twice).
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface Untouched {
  /** Absolute; node_modules folders. One that is not there is none. */
  folders: readonly string[];
  /** Absolute; the manager's record. */
  record: string;
  /** What the manager itself writes after the record, by name at the top of a folder. */
  own: ReadonlySet<string>;
  /** The same deeper down: paths relative to a folder; what lies in them is looked at. */
  files?: ReadonlySet<string>;
  /** Packages that the manager lets change themselves after the record. */
  packages?: ReadonlySet<string>;
}

/** The first path that is newer than the record, relative to its folder; undefined where none is. */
export async function changedAfter(options: Untouched): Promise<string | undefined> {
  const record = await lstat(options.record, { bigint: true }).catch(() => undefined);
  if (record === undefined) return undefined;
  const visit = async (folder: string, below: string): Promise<string | undefined> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (isOwn(options, below, entry.name)) continue;
      const path = join(folder, entry.name);
      const shown = below + entry.name;
      const { mtimeNs } = await lstat(path, { bigint: true });
      if (mtimeNs > record.mtimeNs && !isScope(shown) && options.files?.has(shown) !== true) return shown;
      const inside = entry.isDirectory() ? await visit(path, `${shown}/`) : undefined;
      if (inside !== undefined) return inside;
    }
    return undefined;
  };
  for (const folder of options.folders) {
    const found = await visit(folder, '');
    if (found !== undefined) return found;
  }
  return undefined;
}

function isOwn({ own, packages }: Untouched, below: string, name: string): boolean {
  // Bins are linked once more after the scripts, which may have made the files that they point to.
  if (name === '.bin') return true;
  if (below === '' && own.has(name)) return true;
  const path = below + name;
  const at = path.lastIndexOf('node_modules/');
  return packages?.has(at < 0 ? path : path.slice(at + 'node_modules/'.length)) === true;
}

/** A folder that only holds others: what matters is in them. */
function isScope(shown: string): boolean {
  return /(^|\/)@[^/]+$/.test(shown) || /(^|\/)node_modules$/.test(shown);
}
