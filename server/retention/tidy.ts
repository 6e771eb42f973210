/** What is kept for a time only: lists of sessions and builds' credentials, copies of retired manifests, damaged bytes, and what a crash left behind. */
import { refsObject } from '#protocol/format/object-name.ts';
import type { RetentionParts } from './parts.ts';
import { eachAtMost } from './width.ts';

const WIDTH = 16;

/** How many objects were deleted. */
export async function tidy(parts: RetentionParts, signal: AbortSignal): Promise<number> {
  const { store, lifetimes } = parts;
  const now = await store.now();
  // The record of a session outlives its lists, which say what they are of by it.
  const ages: [prefix: string, ending: string, age: number][] = [
    ['uploads/', '.refs', lifetimes.grace],
    ['uploads/', '.json', 2 * lifetimes.grace],
    ['auth/sessions/', '.json', lifetimes.grace],
    ['retired/', '', lifetimes.retired],
    ['quarantine/', '', lifetimes.quarantined],
  ];
  let deleted = 0;
  for (const [prefix, ending, age] of ages) {
    await eachAtMost(WIDTH, store.list(prefix), signal, async ({ name, modified, etag }) => {
      if (!name.endsWith(ending) || modified + age > now) return;
      if (await store.delete(name, { ifMatch: etag, modified })) deleted += 1;
    });
  }
  return deleted + (await tidyLists(parts, now, signal));
}

// A list beside an entry that is not there. It spares reading a manifest and nothing else, so taking one too many does no harm.
async function tidyLists(
  { store, lifetimes }: RetentionParts,
  now: number,
  signal: AbortSignal,
): Promise<number> {
  let deleted = 0;
  let last = '';
  for await (const { name, modified } of store.list('entries/')) {
    signal.throwIfAborted();
    if (name.endsWith('.json')) last = refsObject(name);
    else if (name.endsWith('.refs') && name !== last && modified + lifetimes.grace <= now) {
      if (await store.delete(name)) deleted += 1;
    }
  }
  return deleted;
}
