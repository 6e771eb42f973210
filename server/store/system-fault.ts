/** The operating system's errors as errors of the catalogue. */
import { type CachalotError, fault, isFault } from '#protocol/wire/errors.ts';

/** What an error's code says; undefined for errors that are not the system's. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** True where the object, or a folder that would have to hold it, is not there. */
export function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * `STORE_FULL` where there is no room (or a quota is used up), else `STORE_FAILED`. The message names the call and its error,
 * not the path: it may reach another machine. The path is in the cause.
 */
export function storeFault(error: unknown): CachalotError {
  if (isFault(error)) return error;
  const { code = 'an error', syscall = 'a call' } = error as NodeJS.ErrnoException;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return fault(
    full ? 'STORE_FULL' : 'STORE_FAILED',
    { why: `${syscall} answered ${code}` },
    { cause: error },
  );
}
