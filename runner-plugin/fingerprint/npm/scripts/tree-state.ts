/**
 * What node_modules looks like at one moment, and whether scripts that ran since have changed it. npm itself goes on adding
 * while links' scripts run: their bins, and its record of the install.
 */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** By path below a root, what a change of which cannot be hidden: type, size and the time of the last change of the inode. */
export type TreeState = ReadonlyMap<string, string>;

/** `places` of the roots; what is not there has nothing in it. `.cache` is left out as it is from entries. */
export function treeState(places: readonly string[]): TreeState {
  const state = new Map<string, string>();
  // Nothing else happens meanwhile, npm waits; and waiting for each of a hundred thousand files takes ten times as long.
  const visit = (folder: string, top: boolean): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (top && entry.name === '.cache') continue;
        state.set(path, 'folder');
        visit(path, false);
      } else {
        const { size, ctimeNs } = lstatSync(path, { bigint: true });
        state.set(path, `${entry.isSymbolicLink() ? 'link' : 'file'} ${size} ${ctimeNs}`);
      }
    }
  };
  for (const place of places) if (existsSync(place)) visit(place, true);
  return state;
}

/** The first path that changed otherwise than by npm itself; undefined where there is none. `bins` of the links, by name. */
export function changedBetween(
  before: TreeState,
  after: TreeState,
  bins: ReadonlySet<string>,
): string | undefined {
  for (const [path, state] of before) {
    if (after.get(path) !== state) return path;
  }
  for (const path of after.keys()) {
    if (!before.has(path) && !isNpmsOwn(path, bins)) return path;
  }
  return undefined;
}

function isNpmsOwn(path: string, bins: ReadonlySet<string>): boolean {
  if (/\/node_modules\/(\.package-lock\.json|\.bin)$/.test(path)) return true;
  const bin = /\/node_modules\/\.bin\/([^/]+)$/.exec(path)?.[1];
  return bin !== undefined && bins.has(bin);
}
