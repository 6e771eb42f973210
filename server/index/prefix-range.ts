/**
 * A prefix as a range of texts, for an index that is sorted by bytes of UTF-8 (which is the order of code points): all texts
 * from the prefix on that are smaller than its successor begin with it, and no others do.
 */
const LAST_CODE_POINT = 0x10ffff;
const SURROGATES = { first: 0xd800, last: 0xdfff };

/** The smallest text that is larger than every text that begins with `prefix`; undefined where there is none. */
export function successor(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let point = points.pop(); point !== undefined; point = points.pop()) {
    if (point === LAST_CODE_POINT) continue;
    // Surrogates are no characters: UTF-8 has none.
    const next = point + 1 === SURROGATES.first ? SURROGATES.last + 1 : point + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}
