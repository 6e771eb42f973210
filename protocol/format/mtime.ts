/**
 * Derived modification times: what stands in a tar header for a file's time, made of nothing but its content
 * (formats.md, section 1). Two contents of equal size share a time once in 2^29 pairs: BuildKit on a daemon that saw
 * the context before, rsync, make and webpack compare no more than size and time.
 */

/** 1985-10-26T08:15:00Z, the date npm gives to what it packs. Directories and links take it as it is. Seconds. */
export const DERIVED_EPOCH = 499162500;

/**
 * 2003-01-01T00:00:00Z, later than any derived time: npm believes node_modules/.package-lock.json only if no package
 * folder is newer than it. Seconds.
 */
export const HIDDEN_LOCKFILE_MTIME = 1041379200;

/** Seconds since 1970 for a file with this CRC-32 (zlib's, unsigned). At most 1036033411, in 2002. */
export function derivedMtime(crc32: number): number {
  return DERIVED_EPOCH + (crc32 & 0x1fffffff);
}
