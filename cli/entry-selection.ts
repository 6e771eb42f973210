/** Which entries a person means: by key, as `save --key` took it or in full, by prefix, or by kind. */
import { fault } from '#protocol/wire/errors.ts';
import type { EntrySummary } from '#protocol/wire/routes.ts';
import type { CacheClient } from '#runner-plugin/client/client.ts';

export interface Selection {
  key?: string;
  prefix?: string;
  kind?: string;
  /** In full. */
  ref?: string;
  limit?: string;
}

/** What one answer of the server holds at most. */
export const MOST_ENTRIES = 1000;

/** Newest first. Throws USAGE for a limit that is no number. */
export async function selectEntries(client: CacheClient, selection: Selection): Promise<EntrySummary[]> {
  const limit = Number(selection.limit ?? MOST_ENTRIES);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_ENTRIES)
    throw fault('USAGE', {
      why: `--limit takes a whole number from 1 to ${MOST_ENTRIES}, not ${selection.limit}.`,
    });
  const prefix = selection.key ?? selection.prefix;
  const { kind, ref } = selection;
  const query = { limit, ...(kind === undefined ? {} : { kind }), ...(ref === undefined ? {} : { ref }) };
  if (prefix === undefined) return client.entries(query);
  const found = new Map<string, EntrySummary>();
  // What was given to `save --key` is stored below `generic/_/`; a person need not know.
  for (const text of [prefix, `generic/_/${prefix}`]) {
    for (const entry of await client.entries({ ...query, prefix: text })) {
      if (selection.key === undefined || entry.key === text) found.set(entry.entry, entry);
    }
  }
  return [...found.values()];
}
