/** From a plan to what the look-up, the restore and the save of its entry need. */
import type { Manifest } from '#protocol/format/manifest.ts';
import { type AnchorFolders, locateRoot, parseRoot } from '#protocol/format/root.ts';
import type { MembersWanted } from '../archive/unpack.ts';
import type { RootPlan } from '../fingerprint/fingerprint.ts';
import type { Plan, StandIn } from '../fingerprint/plan.ts';
import type { Wanted } from './look-up.ts';

export function wantOf(plan: Plan): Wanted {
  return { ...wantOfStandIn(plan), generations: plan.watch !== undefined };
}

export function wantOfStandIn({ fingerprint, nearKeys, roots }: StandIn): Wanted {
  const { kind, key } = fingerprint;
  return { kind, key, generations: false, near: nearKeys, roots: roots.map(({ root }) => root) };
}

/** Where an entry's roots are on this machine: where the plan has them, which knows the tools' settings; else by their names. */
export function placesOf(
  manifest: Manifest,
  folders: AnchorFolders,
  plans: readonly RootPlan[],
): Map<string, string> {
  const known = new Map(plans.map(({ root, place }) => [root, place]));
  return new Map(
    manifest.roots.map(({ root }) => [root, known.get(root) ?? locateRoot(parseRoot(root), folders)]),
  );
}

/** What of a near entry is restored, by root; of roots that are not named here all is. */
export function membersWanted(plans: readonly RootPlan[]): Map<string, MembersWanted> {
  return new Map(plans.flatMap(({ root, wants }) => (wants === undefined ? [] : [[root, wants]])));
}

/** How a plan is called in a line: its kind and name, or the key that the user gave. */
export function titleOf({ fingerprint: { kind, name, key } }: Pick<Plan, 'fingerprint'>): string {
  if (name !== '_') return `${kind} ${name}`;
  return kind === 'generic' ? key.replace(/^generic\/_\//, '') : kind;
}
