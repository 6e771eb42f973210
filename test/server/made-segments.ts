/** Segments as a runner would make them, small: real tar members, so that tar itself can judge an archive. */
import zlib from 'node:zlib';
import { sha256 } from '#protocol/format/digest.ts';
import { encodeStored, parseStored, TRAILER_BYTES } from '#protocol/format/frame.ts';
import { encodeHeader, paddedSize } from '#protocol/format/tar-header.ts';
import { TRAILER_VERSION, writeTrailer } from '#protocol/format/trailer.ts';
import type { CommitRequest } from '#protocol/wire/routes.ts';

export interface MadeSegment {
  identity: string;
  stored: Buffer;
  raw: Buffer;
  members: number;
}

/** One segment of files, by path and content. */
export function segmentOf(files: Record<string, string | Buffer>): MadeSegment {
  const pieces = Object.entries(files).flatMap(([path, content]) => {
    const bytes = Buffer.from(content);
    const padding = Buffer.alloc(paddedSize(bytes.length) - bytes.length);
    return [
      encodeHeader({ type: 'file', path, mode: 0o644, size: bytes.length, mtime: 499162500 }),
      bytes,
      padding,
    ];
  });
  const raw = Buffer.concat(pieces);
  const { identity, stored } = encodeStored(raw);
  return { identity, stored, raw, members: pieces.length / 3 };
}

/** As many segments, each with one file; `seed` makes others. */
export function someSegments(count: number, seed = 'a', bytes = 3_000): MadeSegment[] {
  return Array.from({ length: count }, (_, at) =>
    segmentOf({ [`node_modules/${seed}/${at}.txt`]: `${seed} ${at} `.repeat(bytes / 4).slice(0, bytes) }),
  );
}

/** Bytes that do not compress; the same for the same seed. */
export function noise(bytes: number, seed: number): Buffer {
  const made = Buffer.alloc(bytes);
  for (let at = 0, state = seed; at + 4 <= bytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // The low bits of such a sequence repeat soon.
    made.writeUInt32LE((state ^ (state >>> 16)) >>> 0, at);
  }
  return made;
}

/** The same segment as another writer would store it: other bytes, one identity. */
export function storedOtherwise({ raw, identity }: MadeSegment): Buffer {
  const frame = zlib.zstdCompressSync(raw, {
    params: {
      [zlib.constants.ZSTD_c_compressionLevel]: 19,
      [zlib.constants.ZSTD_c_checksumFlag]: 1,
      [zlib.constants.ZSTD_c_contentSizeFlag]: 1,
      // One block more than the usual way, so that the bytes differ surely.
      [zlib.constants.ZSTD_c_windowLog]: 10,
    },
    pledgedSrcSize: raw.length,
  });
  const stored = Buffer.alloc(frame.length + TRAILER_BYTES);
  frame.copy(stored);
  const digest = sha256(frame);
  writeTrailer(
    { version: TRAILER_VERSION, identity, raw: raw.length, frameLength: frame.length, digest },
    stored,
    frame.length,
  );
  parseStored(stored);
  return stored;
}

/** The same bytes but one, in the middle of the frame. */
export function damaged(stored: Buffer): Buffer {
  const copy = Buffer.from(stored);
  const at = Math.floor(copy.length / 2);
  copy.writeUInt8(copy.readUInt8(at) ^ 0x40, at);
  return copy;
}

export function commitRequest(
  roots: Record<string, MadeSegment[]>,
  more: Partial<CommitRequest> = {},
): CommitRequest {
  const sum = (segments: MadeSegment[], of: (segment: MadeSegment) => number) =>
    segments.reduce((total, segment) => total + of(segment), 0);
  const all = Object.values(roots).flat();
  const members = sum(all, (segment) => segment.members);
  return {
    roots: Object.entries(roots).map(([root, segments]) => ({
      root,
      restore: 'replace',
      modes: 'executable',
      members: sum(segments, (segment) => segment.members),
      raw: sum(segments, ({ raw }) => raw.length),
      segments: segments.map(({ identity, raw }) => ({ identity, raw: raw.length })),
    })),
    inputs: [],
    platform: { os: 'linux', arch: 'x64', foldsCase: false },
    totals: { members, files: members, raw: sum(all, ({ raw }) => raw.length) },
    writer: { program: 'test', version: '1' },
    timings: { command: 10 },
    ...more,
  };
}
