/**
 * Mark: what open sessions and entries need. Sessions first: what a session needs, an entry needs once it is committed, and a
 * commit between the two readings is in the second one. A session that opens later is told what is condemned, and only what was
 * condemned before this mark began can be deleted by it.
 *
 * The list beside an entry spares reading its manifest where it is bound to it; otherwise the manifest is read, and the list written
 * anew. What cannot be read because a newer program wrote it stops the cycle: nothing is deleted that it may need.
 */
import type { SignedManifest } from '#protocol/format/manifest.ts';
import { parseSignedManifest } from '#protocol/format/manifest-check.ts';
import { domainPart, refsObject } from '#protocol/format/object-name.ts';
import { CachalotError, isFault } from '#protocol/wire/errors.ts';
import { encodeEntryRefs, REF_BYTES, readEntryRefs } from '../entries/refs.ts';
import { detailsOf, identitiesOf } from '../entries/whole-entry.ts';
import { NameLocks } from '../store/name-locks.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { type Cycle, saltOf, writeCycle } from './cycle.ts';
import { Marks } from './marks.ts';
import { domainPartOf, type RetentionParts } from './parts.ts';
import { eachAtMost } from './width.ts';

/** Lists that are read at once; each has 3 MiB at most. */
const WIDTH = 16;
/** How often is written down how far it is. */
const CHECKPOINT_MS = 60_000;

/** A new cycle, which has marked what open sessions need. */
export async function beginMark(parts: RetentionParts, number: number): Promise<Cycle> {
  const { store } = parts;
  const began = await store.now();
  const expected = await countRefs(parts, began);
  const marks = Marks.for(expected, saltOf({ number, began }));
  const sessions = await markSessions(parts, marks, began);
  const figures = { entries: 0, refs: 0, sessions };
  const cycle: Cycle = { number, phase: 'marking', began, ended: 0, cursor: '', figures, marks };
  await writeCycle(store, cycle);
  return cycle;
}

/** Marks what entries need, from where the cycle is. Throws the signal's reason. */
export async function markEntries(parts: RetentionParts, cycle: Cycle, signal: AbortSignal): Promise<void> {
  const { store, clock } = parts;
  const { marks, figures } = cycle;
  const manifests = new NameLocks();
  let checkpoint = clock();
  const heads = after(store.list('entries/'), cycle.cursor);
  await eachAtMost(
    WIDTH,
    heads,
    signal,
    async (head) => {
      const refs = await refsOf(parts, head, manifests);
      marks.add(domainPartOf(head.name), refs);
      figures.entries += 1;
      figures.refs += refs.length / REF_BYTES;
    },
    async (last) => {
      if (clock() - checkpoint < CHECKPOINT_MS) return;
      await writeCycle(store, { ...cycle, cursor: last.name });
      checkpoint = clock();
    },
  );
}

async function* after(heads: AsyncIterable<ObjectHead>, cursor: string): AsyncGenerator<ObjectHead> {
  for await (const head of heads) {
    if (head.name.endsWith('.json') && head.name > cursor) yield head;
  }
}

async function refsOf(
  parts: RetentionParts,
  { name, etag }: ObjectHead,
  manifests: NameLocks,
): Promise<Buffer> {
  const { store } = parts;
  const beside = await store.get(refsObject(name));
  const bytes = beside === undefined || beside === 'changed' ? undefined : beside.bytes;
  const bound = bytes && readEntryRefs(bytes, etag);
  if (bound !== undefined) return bound;
  // One at a time: a manifest may have 16 MiB.
  return await manifests.hold('', async () => {
    const found = await store.get(name);
    if (found === undefined || found === 'changed') return Buffer.alloc(0);
    const signed = manifestOf(found.bytes);
    // It is not an entry, and whoever looks it up retires it. What stands beside it is spared until then.
    if (signed === undefined) return bytes?.subarray(REF_BYTES) ?? Buffer.alloc(0);
    const list = encodeEntryRefs(found.etag, [...identitiesOf(signed), ...detailsOf(signed)]);
    await store.put(refsObject(name), list);
    return list.subarray(REF_BYTES);
  });
}

function manifestOf(bytes: Buffer): SignedManifest | undefined {
  try {
    return parseSignedManifest(bytes);
  } catch (error) {
    if (isFault(error, 'FORMAT_TOO_NEW') || !(error instanceof CachalotError)) throw error;
    return undefined;
  }
}

/** How many times something will be marked, from the sizes of the lists. */
async function countRefs({ store, lifetimes }: RetentionParts, now: number): Promise<number> {
  let bytes = 0;
  for await (const { name, size } of store.list('entries/')) if (name.endsWith('.refs')) bytes += size;
  for await (const { size, modified } of store.list('uploads/')) {
    if (modified + lifetimes.grace > now) bytes += size;
  }
  return bytes / REF_BYTES;
}

async function markSessions(
  { store, lifetimes }: RetentionParts,
  marks: Marks,
  now: number,
): Promise<number> {
  let sessions = 0;
  let folder = '';
  let domain: string | undefined;
  for await (const { name, modified } of store.list('uploads/')) {
    if (!name.endsWith('.refs') || modified + lifetimes.grace <= now) continue;
    const own = name.slice(0, name.lastIndexOf('/') + 1);
    if (own !== folder) {
      folder = own;
      domain = await domainOfSession(store, folder);
      if (domain !== undefined) sessions += 1;
    }
    const found = domain === undefined ? undefined : await store.get(name);
    if (domain !== undefined && found !== undefined && found !== 'changed') marks.add(domain, found.bytes);
  }
  return sessions;
}

// A session without its record cannot be committed.
async function domainOfSession(store: RetentionParts['store'], folder: string): Promise<string | undefined> {
  const found = await store.get(`${folder}save.json`);
  if (found === undefined || found === 'changed') return undefined;
  return domainPart((JSON.parse(found.bytes.toString()) as { domain: string }).domain);
}
