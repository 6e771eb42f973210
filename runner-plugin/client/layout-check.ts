/**
 * Reads a layout that comes from outside. Written out, as protocol/format/manifest-check.ts is and for the same reason: it is
 * looked at in every command, and of a large entry it has as many rows as the manifest. A test holds it equal to the wire's
 * schema.
 */
import { isDigest } from '#protocol/format/digest.ts';
import type { Layout } from '#protocol/format/layout.ts';
import { LIMITS } from '#protocol/format/limits.ts';

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
