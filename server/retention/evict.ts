/**
 * The job `evict`: entries that nobody has asked for in a long time leave, and those of a scope or a domain that has more than its
 * quota. A quota is a scope's own; where a domain has too much, its largest scopes give way. So one scope's flood never evicts
 * another's. Who is not trusted can make as many scopes as he likes: those of a project are one, and have of the domain's quota
 * what trusted ones leave.
 *
 * What leaves is retired like every other entry: its key is free, and its segments are deleted by the sweep if nobody else needs
 * them.
 */
import { parseSignedManifest } from '#protocol/format/manifest-check.ts';
import { useObject } from '#protocol/format/object-name.ts';
import { CachalotError } from '#protocol/wire/errors.ts';
import { decodeUse, type Use } from '../entries/use.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { domainOf, domainPartOf, type RetentionParts } from './parts.ts';
import { eachAtMost } from './width.ts';
import { type Candidate, fairShare, tooMany } from './worth.ts';

const WIDTH = 16;

/** By object and version: what entries take and are worth, which never changes. */
export interface Measured {
  get(version: string): Use | undefined;
  set(version: string, use: Use): unknown;
}

/** `measured` may be kept from one run to the next. Throws the signal's reason. */
export async function evict(
  parts: RetentionParts,
  signal: AbortSignal,
  measured: Measured = new Map(),
): Promise<void> {
  const now = await parts.store.now();
  let domain = '';
  let heads: ObjectHead[] = [];
  for await (const head of parts.store.list('entries/')) {
    if (!head.name.endsWith('.json')) continue;
    const own = domainPartOf(head.name);
    if (own !== domain) {
      await evictOf(parts, { domain, heads, now, measured }, signal);
      heads = [];
      domain = own;
    }
    heads.push(head);
  }
  await evictOf(parts, { domain, heads, now, measured }, signal);
}

async function evictOf(
  parts: RetentionParts,
  {
    domain,
    heads,
    now,
    measured,
  }: { domain: string; heads: readonly ObjectHead[]; now: number; measured: Measured },
  signal: AbortSignal,
): Promise<void> {
  if (heads.length === 0) return;
  const { unused, scopeBytes, domainBytes } = parts.quotas;
  const scopes = new Map<string, Candidate[]>();
  const uses = await usesOf(parts, domain, new Set(heads.map(({ name }) => name)), now, signal);
  const sized = scopeBytes > 0 || domainBytes > 0;
  const all = heads.map(({ name, etag, modified }) => {
    return { object: name, etag, lastUse: Math.max(modified, uses.get(name) ?? 0), stored: 0, seconds: 0 };
  });
  for (const candidate of all) {
    if (unused > 0 && candidate.lastUse + unused < now) {
      await leave(
        parts,
        candidate,
        `nobody has asked for it in ${days(now - candidate.lastUse)} days`,
        signal,
      );
      continue;
    }
    const scope = quotaScope(candidate.object.split('/', 3)[2] ?? '');
    const own = scopes.get(scope);
    if (own === undefined) scopes.set(scope, [candidate]);
    else own.push(candidate);
  }
  if (!sized) return;
  for (const own of scopes.values())
    await eachAtMost(WIDTH, eachOf(own), signal, (one) => measure(parts, one, measured));
  for (const [scope, own] of scopes) {
    const kept = await leaveAll(
      parts,
      own,
      { bytes: scopeBytes, why: 'its scope has too much', now },
      signal,
    );
    scopes.set(scope, kept);
  }
  if (domainBytes === 0) return;
  let left = domainBytes;
  for (const isApart of [false, true]) {
    const those = [...scopes].filter(([scope]) => scope.endsWith(APART) === isApart).map(([, own]) => own);
    const share = fairShare(those.map(bytesOf), left);
    for (const own of those) {
      // 0 would be no bound.
      const bytes = Math.max(share, 1);
      left -= bytesOf(await leaveAll(parts, own, { bytes, why: 'its domain has too much', now }, signal));
    }
    left = Math.max(left, 0);
  }
}

/** As scopes stand in objects' names; neither a project nor an encoded ref holds it. */
const APART = '%2Cuntrusted%2C';

/** Whose quota a scope counts against. */
function quotaScope(scope: string): string {
  const at = scope.indexOf(APART);
  return at === -1 ? scope : scope.slice(0, at + APART.length);
}

/** Those that stay. */
async function leaveAll(
  parts: RetentionParts,
  candidates: Candidate[],
  { bytes, why, now }: { bytes: number; why: string; now: number },
  signal: AbortSignal,
): Promise<Candidate[]> {
  if (bytes === 0) return candidates;
  const leaving = new Set(tooMany(candidates, bytes, now));
  for (const candidate of leaving) await leave(parts, candidate, why, signal);
  return candidates.filter((candidate) => !leaving.has(candidate));
}

async function leave(
  { entries, observer }: RetentionParts,
  { object, etag }: Candidate,
  why: string,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (await entries.evict({ domain: domainOf(object), object, etag, ids: [] }, why))
    observer.evicted(object, why);
}

/** When each was last asked for. A use of what is not there any more is deleted. */
async function usesOf(
  { store, lifetimes }: RetentionParts,
  domain: string,
  objects: ReadonlySet<string>,
  now: number,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const uses = new Map<string, number>();
  await eachAtMost(WIDTH, store.list(`uses/${domain}/`), signal, async ({ name, modified }) => {
    const object = name.replace(/^uses\//, 'entries/');
    if (objects.has(object)) uses.set(object, modified);
    else if (modified + lifetimes.grace <= now) await store.delete(name);
  });
  return uses;
}

/** What it takes and what it is worth. Where nothing is known of its use, its manifest says about what it takes. */
async function measure({ store }: RetentionParts, candidate: Candidate, measured: Measured): Promise<void> {
  const version = `${candidate.object} ${candidate.etag}`;
  const known = measured.get(version);
  if (known !== undefined) {
    Object.assign(candidate, known);
    return;
  }
  const noted = await store.get(useObject(candidate.object));
  const use = noted === undefined || noted === 'changed' ? undefined : decodeUse(noted.bytes);
  const found = use ?? (await claimed(store, candidate.object));
  measured.set(version, found);
  Object.assign(candidate, found);
}

async function claimed(store: RetentionParts['store'], object: string): Promise<Use> {
  const found = await store.get(object);
  if (found === undefined || found === 'changed') return { stored: 0, seconds: 0 };
  try {
    const { totals, timings } = parseSignedManifest(found.bytes).manifest;
    return { stored: totals.raw, seconds: timings.command ?? 0 };
  } catch (error) {
    // Not an entry that this program can read: it leaves by its age only.
    if (error instanceof CachalotError) return { stored: 0, seconds: 0 };
    throw error;
  }
}

async function* eachOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function bytesOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { stored }) => sum + stored, 0);
}

function days(milliseconds: number): number {
  return Math.floor(milliseconds / (24 * 60 * 60 * 1000));
}
