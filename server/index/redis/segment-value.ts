/**
 * A segment's row as Redis holds it, in bytes: there are millions, and in hexadecimal each would take 100 bytes more.
 *
 *     field   the identity, 32 bytes
 *     value   length (4 bytes, big-endian), raw (4), the digest (32), the ETag in UTF-8 if there is one
 */
import type { Digest } from '#protocol/format/manifest.ts';
import type { SegmentRow } from '../entry-index.ts';

const DIGEST = { from: 8, to: 40 } as const;

export function identityField(identity: Digest): Buffer {
  return Buffer.from(identity, 'hex');
}

export function segmentValue({ raw, length, digest, etag = '' }: SegmentRow): Buffer {
  const value = Buffer.alloc(DIGEST.to + Buffer.byteLength(etag));
  value.writeUInt32BE(length, 0);
  value.writeUInt32BE(raw, 4);
  value.write(digest, DIGEST.from, 'hex');
  value.write(etag, DIGEST.to);
  return value;
}

export function segmentOf(identity: Digest, value: Buffer): SegmentRow {
  const row = {
    identity,
    raw: value.readUInt32BE(4),
    length: value.readUInt32BE(0),
    digest: value.toString('hex', DIGEST.from, DIGEST.to),
  };
  return value.length === DIGEST.to ? row : { ...row, etag: value.toString('utf8', DIGEST.to) };
}
