/**
 * Reads what a look-up answers. Written out, as protocol/format/manifest-check.ts is and for the same reasons: every command
 * looks at it, loading the schemas would take a small restore longer than all else that it computes, and a large entry's layout
 * has as many rows as its manifest. A test holds it equal to the wire's schema.
 */
import type { Static } from 'typebox';
import { isDigest } from '#protocol/format/digest.ts';
import type { Layout } from '#protocol/format/layout.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import type { LookupResultSchema } from '#protocol/wire/routes.ts';

/** Manifest, signature and layout are not looked at yet: of a miss there are none, and they have checks of their own. */
export type LookupResult = Omit<Static<typeof LookupResultSchema>, 'manifest' | 'signature' | 'layout'> &
  Partial<Record<'manifest' | 'signature' | 'layout', unknown>>;

const HITS: unknown[] = ['exact', 'near', 'none'] satisfies LookupResult['hit'][];

/** Undefined where it is no answer to a look-up. */
export function lookupResults(value: unknown): LookupResult[] | undefined {
  if (typeof value !== 'object' || value === null || !('results' in value)) return undefined;
  const { results } = value;
  return Array.isArray(results) && results.every(isResult) ? (results as LookupResult[]) : undefined;
}

function isResult(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { hit, entry, inline, times, delivery, reason } = value as Record<string, unknown>;
  return (
    HITS.includes(hit) &&
    (entry === undefined || (typeof entry === 'string' && /^[0-9a-f]{32}$/.test(entry))) &&
    (inline === undefined || isExtent(inline)) &&
    (times === undefined || isExtent(times)) &&
    (delivery === undefined || delivery === 'redirect' || delivery === 'accel') &&
    (reason === undefined || typeof reason === 'string')
  );
}

function isExtent(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { offset, length } = value as Record<string, unknown>;
  return isCount(offset, 0, Number.MAX_SAFE_INTEGER) && isCount(length, 0, Number.MAX_SAFE_INTEGER);
}

/** Whether it has the form of a layout. Whether it is that of an entry, planning the restore will tell. */
export function isLayout(value: unknown): value is Layout {
  if (typeof value !== 'object' || value === null || !('segments' in value)) return false;
  const { segments } = value;
  return Array.isArray(segments) && segments.length <= LIMITS.segmentsPerEntry && segments.every(isSegment);
}

function isSegment(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { identity, object, offset, length, digest, etag } = value as Record<string, unknown>;
  return (
    isDigest(identity) &&
    isDigest(digest) &&
    isCount(length, 1, LIMITS.segmentStored) &&
    (offset === undefined || isCount(offset, 0, Number.MAX_SAFE_INTEGER)) &&
    (object === undefined || isText(object, 4096)) &&
    (etag === undefined || isText(etag, 256))
  );
}

function isCount(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

function isText(value: unknown, most: number): boolean {
  return typeof value === 'string' && value.length <= most;
}
