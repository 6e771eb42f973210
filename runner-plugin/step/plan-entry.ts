/** From a plan to what the look-up, the restore and the save of its entry need. */
import type { Manifest } from '#protocol/format/manifest.ts';
import { type AnchorFolders, locateRoot, parseRoot } from '#protocol/format/root.ts';
import type { Plan } from '../fingerprint/plan.ts';
import type { Wanted } from './look-up.ts';

export function wantOf(plan: Plan): Wanted {
  const { kind, key } = plan.fingerprint;
  return {
    kind,
    key,
    generations: plan.watch !== undefined,
    near: plan.nearKeys,
    roots: plan.roots.map(({ root }) => root),
  };
}

/** Where an entry's roots are on this machine. */
export function placesOf(manifest: Manifest, folders: AnchorFolders): Map<string, string> {
  return new Map(manifest.roots.map(({ root }) => [root, locateRoot(parseRoot(root), folders)]));
}

/** How a plan is called in a line: its kind and name. */
export function titleOf({ fingerprint: { kind, name, key } }: Pick<Plan, 'fingerprint'>): string {
  return name === '_' ? key.replace(/^generic\/_\//, '') : `${kind} ${name}`;
}
