/**
 * Whose restored files are. A job that runs as root in a container, on a work folder that another user checked out, would
 * otherwise leave files that this user cannot delete any more (the uid 1000 story).
 */
import { stat } from 'node:fs/promises';

export type OwnerRule = 'keep' | 'workspace';

/** The owner to give, or undefined: those who restore own it. Only what lies in the workspace is the workspace's. */
export async function ownerOf(
  rule: OwnerRule,
  workspace: string,
  roots: readonly { root: string }[],
  uid: number | undefined = process.getuid?.(),
): Promise<{ uid: number; gid: number } | undefined> {
  if (rule === 'keep' || uid !== 0) return undefined;
  if (!roots.every(({ root }) => root.startsWith('workspace:'))) return undefined;
  const found = await stat(workspace).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : { uid: found.uid, gid: found.gid };
}
