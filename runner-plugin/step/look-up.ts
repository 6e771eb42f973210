/**
 * Look-ups, and the doubt that their answers deserve: an entry is taken only if it is what was asked for. A server, or
 * whoever sits between, may answer anything; what is restored must be this key's and these roots', or it is a miss.
 */
import { hash } from 'node:crypto';
import type { Layout } from '#protocol/format/layout.ts';
import type { Manifest } from '#protocol/format/manifest.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { CacheClient, FoundResult } from '../client/client.ts';
import type { Hit } from './report.ts';

export interface Wanted {
  kind: string;
  key: string;
  /** Whether `<key>/<generation>` is an exact hit too. */
  generations: boolean;
  /** Prefixes, tried in order. */
  near: readonly string[];
  /** Those that an entry must have, no more and no less; empty: any that `takes` says yes to. */
  roots: readonly string[];
  takes?: (roots: readonly string[]) => boolean;
  /** The place, among those that are asked for together, of one whose exact hit makes this one needless. */
  unless?: number;
}

export interface FoundEntry {
  id: string;
  manifest: Manifest;
  layout: Layout;
  /** The first bytes of its archive. */
  inline?: Buffer;
  /** Its packed times. */
  times?: Buffer;
  /** Its segments are to be read one by one. */
  delivery?: 'redirect' | 'accel';
}

export interface Found {
  hit: Hit;
  entry?: FoundEntry;
  /** Why there is no exact hit. */
  reason?: string;
}

/** First bytes that are welcome with the answer: a small entry is then one request. */
export const INLINE_BYTES = 4 * 1024 * 1024;

/** One answer a want, in their order. Throws what the client throws. */
export async function lookUp(
  client: CacheClient,
  wanted: readonly Wanted[],
  options: { inline: number; signal: AbortSignal },
): Promise<Found[]> {
  if (wanted.length === 0) return [];
  const wants = wanted.map(({ kind, key, near, roots, unless }) => ({
    kind,
    keys: [key, ...near],
    roots: [...roots],
    ...(unless === undefined ? {} : { unless }),
  }));
  const results = await client.lookup(wants, options);
  return wanted.map((want, i) => judge(want, results[i] ?? { hit: 'none' }, client.url));
}

function judge(want: Wanted, result: FoundResult, url: string): Found {
  if (result.hit === 'none') return { hit: 'none', reason: result.reason ?? 'the server has no such entry' };
  const { hit, entry: id, signed, layout, inline, times, delivery, reason } = result;
  const { manifest } = signed;
  const foreign = foreignness(want, hit, manifest);
  if (foreign !== undefined) throw fault('CLIENT_ANSWER_UNREADABLE', { url, why: foreign });
  if (want.takes?.(manifest.roots.map(({ root }) => root)) === false) {
    return { hit: 'none', reason: `the entry ${manifest.key} holds other paths` };
  }
  const entry: FoundEntry = {
    id,
    manifest,
    layout,
    ...(inline === undefined ? {} : { inline }),
    ...(delivery === undefined ? {} : { delivery }),
    // They are known by their digest; others are as good as none.
    ...(times !== undefined && hash('sha256', times, 'hex') === manifest.times ? { times } : {}),
  };
  return hit === 'exact'
    ? { hit, entry }
    : { hit, entry, reason: reason ?? 'there is no entry of that very key' };
}

function foreignness(want: Wanted, hit: 'exact' | 'near', manifest: Manifest): string | undefined {
  const { key, kind, roots } = manifest;
  const isExact = key === want.key || (want.generations && key.startsWith(`${want.key}/`));
  if (kind !== want.kind) return `it found the kind ${kind} for ${want.kind}`;
  if (hit === 'exact' && !isExact) return `it found ${key} for ${want.key}`;
  if (hit === 'near' && !want.near.some((prefix) => key.startsWith(prefix)))
    return `it found ${key}, which was not asked for`;
  if (want.roots.length === 0) return undefined;
  const found = roots.map(({ root }) => root).sort();
  const same = found.join('\0') === [...want.roots].sort().join('\0');
  return same ? undefined : `it found other roots for ${key}: ${found.join(', ')}`;
}
