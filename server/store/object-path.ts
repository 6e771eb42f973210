/**
 * Names of objects as paths below a folder: the same text. Names come percent-encoded (protocol/format/object-name.ts);
 * what is refused here could only come from a mistake above, and must not become a file somewhere else.
 */
import { LIMITS } from '#protocol/format/limits.ts';
import { fault } from '#protocol/wire/errors.ts';

/** Below the store's folder, what is being written. Objects never stand here. */
export const TEMPORARY_FOLDER = 'tmp';

const PRINTABLE = /^[\x21-\x7e]+$/;

/** The file of an object. Throws `OBJECT_NAME_REFUSED`. */
export function objectPath(folder: string, name: string): string {
  checkObjectName(name);
  return `${folder}/${name}`;
}

/** Throws `OBJECT_NAME_REFUSED` for a name that the contract does not allow. */
export function checkObjectName(name: string): void {
  const why = refusal(name);
  if (why !== undefined) throw fault('OBJECT_NAME_REFUSED', { name, why });
}

/** Whether a file found in the folder can be an object. Others have put files there too (`.nfs…`, names with spaces). */
export function isObjectName(name: string): boolean {
  return refusal(name) === undefined;
}

function refusal(name: string): string | undefined {
  const parts = name.split('/');
  if (parts[0] === TEMPORARY_FOLDER) return `it begins with ${TEMPORARY_FOLDER}`;
  for (const part of parts) {
    if (part === '') return 'it has an empty part';
    if (part === '.' || part === '..') return 'it has a part that is . or ..';
    if (part.length > LIMITS.objectPartBytes) return 'it has a part that is too long';
    if (!PRINTABLE.test(part)) return 'it is not printable ASCII';
  }
  return undefined;
}
