/**
 * Every constant of the stored format and every bound on input, in one table.
 *
 * The cut constants were found by simulation and then checked on real trees (docs/design.md, "Cut constants").
 * Changing one does not make old entries unreadable: a reader takes segments as the manifest lists them.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** The version written. A reader knows this one and the one before it. */
export const FORMAT_VERSION = 1;

export const LIMITS = {
  /** One component of a member's path, in bytes of UTF-8. What every file system we know allows. */
  partBytes: 255,
  /** A whole member path, in bytes. Linux' PATH_MAX. */
  pathBytes: 4096,
  /** Components of a member path. */
  depth: 512,
  /** A segment before compression. Every buffer in client and server has this bound. */
  segmentRaw: 16 * MiB,
  /** A stored object may be a little larger than its content where that does not compress, and carries a trailer. */
  segmentStored: 16 * MiB + 128 * KiB,
  segmentsPerEntry: 100_000,
  membersPerEntry: 10_000_000,
  manifestBytes: 16 * MiB,
  /** An input's detail, as text. */
  detailBytes: 16 * MiB,
  entryBytes: 100 * GiB,
  /** What a person may give as a key. */
  keyBytes: 512,
  /** A ref, in full. */
  refBytes: 255,
  /** One part of an object's name. */
  objectPartBytes: 200,
  rootsPerEntry: 1_000,
  keysPerWant: 32,
  wantsPerLookup: 64,
  /** zstd's window when decoding: 2^23 bytes. A frame that asks for more is refused before memory is given to it. */
  windowLog: 23,
  /** Identities in one question or one batch. */
  identitiesPerRequest: 10_000,
  /** One batch of segments, as a body. */
  batchBytes: 64 * MiB,
} as const;

/** Where a run of members may be cut into segments; sizes in bytes of the tar stream. */
export interface CutConstants {
  /** No cut before this much has gathered. */
  floor: number;
  /** A member of this size is always a cut when the floor is reached; smaller ones with the probability t / mean. */
  mean: number;
  /** Gathering stops here, whatever the paths say. */
  max: number;
  /** A file of this size or more stands in segments of its own. */
  alone: number;
}

export const CUTS = {
  maven: { floor: 128 * KiB, mean: 256 * KiB, max: 4 * MiB, alone: 512 * KiB },
  default: { floor: 512 * KiB, mean: MiB, max: 8 * MiB, alone: MiB },
} as const satisfies Record<string, CutConstants>;

/** A file of this size or more is cut at every multiple of it, in segments that hold nothing else. */
export const PART_BYTES = 8 * MiB;

/** An entry whose roots are together no larger than this, as a tar stream, is one segment a root. */
export const SMALL_ENTRY_BYTES = 4 * MiB;

/** zstd levels: the usual one, and the one for content whose first bytes do not compress. */
export const ZSTD_LEVEL = 3;
/**
 * Level 3 looks for matches of five bytes and keeps tables that outgrow a core's second cache. With these a node_modules
 * compresses an eighth faster to 1.1 % more bytes; level 2 is a fifth faster, with 7 % more.
 */
export const ZSTD_LEVEL_TUNING = { minMatch: 6, chainLog: 14 } as const;
export const ZSTD_LEVEL_INCOMPRESSIBLE = 1;
/** How much of a segment is tried before the level is chosen. */
export const ZSTD_PROBE_BYTES = 64 * KiB;
