/** Versions of objects as S3 tells them. */

/** An etag as the store's contract has it: S3 puts it between quotation marks, some servers do not. */
export function bare(etag = ''): string {
  return etag.replaceAll('"', '');
}

/** As a condition wants it. */
export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** Seconds are all that a HEAD tells, where a listing may tell more. */
export function versionOf({
  ETag,
  LastModified,
}: {
  ETag?: string | undefined;
  LastModified?: Date | undefined;
}): { etag: string; modified: number } {
  return { etag: bare(ETag), modified: Math.floor((LastModified?.getTime() ?? 0) / 1000) * 1000 };
}
