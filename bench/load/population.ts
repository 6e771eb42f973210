/** Entries to look up: many keys, 300 segments each, as those of a large `node_modules` have. */
import { genericKey } from '#protocol/format/key.ts';
import { type ReadySegment, ROOT, readySegments, saveDirectly } from './direct-save.ts';

export const SEGMENTS_PER_ENTRY = 300;
/** As after bumps: most segments of an entry are its neighbour's too. */
const SHIFT = 2;
const SMALLEST = 512;
const AT_ONCE = 4;

/** The look-ups that there are, and what each must be answered. */
export type Asked = 'exact' | 'near' | 'none';

/** Names of branches and digests, as in real keys; a prefix leads to one entry. */
function keyOf(rank: number): string {
  return `deps-branch-${rank}-${(rank * 2654435761).toString(16)}`;
}

/** Fills a server with `entries` entries. `headers` are what each request shows besides. */
export async function populate(
  port: number,
  entries: number,
  headers: Record<string, string> = {},
): Promise<void> {
  const pool = readySegments(SEGMENTS_PER_ENTRY + entries * SHIFT, SMALLEST);
  let next = 0;
  const fill = async (): Promise<void> => {
    for (let rank = next++; rank < entries; rank = next++) {
      const segments: ReadySegment[] = pool.slice(rank * SHIFT, rank * SHIFT + SEGMENTS_PER_ENTRY);
      await saveDirectly(port, keyOf(rank), segments, headers);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fill));
}

/** The body of a look-up that finds the entry of that rank exactly, one by prefix, or nothing. */
export function lookupBody(rank: number, asked: Asked, near = `deps-branch-${rank}-`): string {
  const keys = {
    exact: [keyOf(rank), `deps-branch-${rank}-`],
    near: [`${keyOf(rank)}-changed`, near],
    none: [`other-${keyOf(rank)}`, `other-branch-${rank}-`],
  }[asked];
  return JSON.stringify({ wants: [{ kind: 'generic', keys: keys.map(genericKey), roots: [ROOT] }] });
}
