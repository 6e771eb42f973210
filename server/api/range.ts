/** Ranges and conditions of RFC 9110, as far as a file that never changes under its ETag needs them. */
import { fault } from '#protocol/wire/errors.ts';

/** First byte and the one after the last. */
export interface Range {
  start: number;
  end: number;
}

/**
 * What a Range header asks for; undefined for the whole: without one, with another unit, or with several ranges, which a server
 * may ignore (section 14.2). Throws `REQUEST_RANGE` for a range that begins behind the end.
 */
export function readRange(header: string | undefined, size: number): Range | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const suffix = Math.min(Number(last), size);
    if (suffix === 0) throw fault('REQUEST_RANGE', { range: header ?? '' });
    return { start: size - suffix, end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) throw fault('REQUEST_RANGE', { range: header ?? '' });
  return { start, end };
}

/** Whether an If-Match (or If-None-Match) header names this ETag; weak ones never match. */
export function namesTag(header: string, tag: string): boolean {
  return header.trim() === '*' || header.split(',').some((one) => one.trim() === tag);
}
