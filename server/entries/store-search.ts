/**
 * Finding entries without the index: by name for an exact key, by listing for prefixes. Names hold the key in a form that may
 * be shortened, so what is found is a candidate; its manifest decides.
 */
import type { Digest } from '#protocol/format/manifest.ts';
import { entryObject, entryPrefix } from '#protocol/format/object-name.ts';
import type { EntryRow, FindQuery } from '../index/entry-index.ts';
import type { ObjectHead, ObjectStore } from '../store/object-store.ts';

/** Candidates that are kept of a listing: the newest. Shortened names are the only reason to need more than one. */
const KEPT = 64;

export interface StoreQuery {
  domain: string;
  scope: string;
  rootsDigest?: Digest | undefined;
  match: FindQuery['match'];
}

/** Names of manifests' objects that may fit, the newest first. */
export async function candidates(
  store: ObjectStore,
  { domain, scope, rootsDigest, match }: StoreQuery,
): Promise<string[]> {
  if ('exact' in match && rootsDigest !== undefined) {
    return [entryObject({ domain, scope, key: match.exact, rootsDigest })];
  }
  const ending = rootsDigest === undefined ? '.json' : `@${rootsDigest.slice(0, 16)}.json`;
  const keyPrefix = 'exact' in match ? match.exact : match.prefix;
  let newest: ObjectHead[] = [];
  for await (const head of store.list(entryPrefix({ domain, scope, keyPrefix }))) {
    if (!head.name.endsWith(ending)) continue;
    newest.push(head);
    if (newest.length >= 2 * KEPT) newest = newestOf(newest);
  }
  return newestOf(newest).map(({ name }) => name);
}

/** Whether an entry is what was asked for; its scope and domain are those that were listed. */
export function fits(row: EntryRow, { rootsDigest, match }: StoreQuery): boolean {
  if (rootsDigest !== undefined && row.rootsDigest !== rootsDigest) return false;
  return 'exact' in match ? row.key === match.exact : row.key.startsWith(match.prefix);
}

function newestOf(heads: ObjectHead[]): ObjectHead[] {
  return heads.sort((a, b) => b.modified - a.modified).slice(0, KEPT);
}
