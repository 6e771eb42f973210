/**
 * Whose restored files are. A job that runs as root in a container, on a work folder that another user checked out, would
 * otherwise leave files that this user cannot delete any more (the uid 1000 story).
 */
import { stat } from 'node:fs/promises';

export type OwnerRule = 'keep' | 'workspace';

/** By root, the owner to give; of the others those who restore are it. Only what lies in the workspace is the workspace's. */
export async function ownersOf(
  rule: OwnerRule,
  workspace: string,
  roots: readonly { root: string }[],
  uid: number | undefined = process.getuid?.(),
): Promise<Map<string, { uid: number; gid: number }>> {
  const found = rule === 'keep' || uid !== 0 ? undefined : await stat(workspace).catch(() => undefined);
  if (found === undefined || found.uid === 0) return new Map();
  const inside = roots.filter(({ root }) => root.startsWith('workspace:'));
  return new Map(inside.map(({ root }) => [root, { uid: found.uid, gid: found.gid }]));
}
