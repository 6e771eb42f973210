/**
 * What the operating system says when a restore creates, writes or moves, in the words of the catalogue.
 */
import { CachalotError, fault } from '#protocol/wire/errors.ts';

/** `path` is what the person knows: the place below the target, not the staging folder's. */
export function fileFault(error: unknown, path: string): Error {
  if (error instanceof CachalotError) return error;
  const code = systemCode(error);
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return fault('DISK_FULL', { path }, { cause: error });
    case 'EEXIST':
      // Only in a staging folder, which was empty: two members are one name, as spelled or as the file system folds it.
      return fault('ARCHIVE_DUPLICATE', { path }, { cause: error });
    case 'ENOENT':
    case 'ENOTDIR':
      return fault('ARCHIVE_MALFORMED', { why: `${path} comes without its folder` }, { cause: error });
    case 'ENAMETOOLONG':
      return fault('ARCHIVE_NAME_TOO_LONG', { path }, { cause: error });
    case 'EILSEQ':
    case 'EINVAL':
      return fault(
        'ARCHIVE_PATH_REFUSED',
        { path, why: 'the file system does not take such a name' },
        { cause: error },
      );
    default:
      return targetFault(error, path);
  }
}

/** For what is done to the target itself, where a name that is there or not says nothing about the archive. */
export function targetFault(error: unknown, path: string): Error {
  if (error instanceof CachalotError) return error;
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return fault('DISK_FULL', { path }, { cause: error });
  if (code === '') return error instanceof Error ? error : new Error(String(error));
  return fault('TARGET_UNWRITABLE', { path, why: code }, { cause: error });
}

/** Node's name of the error number (`ENOSPC`), or the empty text for another error. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
    ? error.code
    : '';
}
