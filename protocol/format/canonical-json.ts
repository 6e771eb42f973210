/**
 * RFC 8785 (JSON Canonicalization Scheme): one value, one text. Members sorted by UTF-16 code units, numbers and strings
 * as ECMAScript writes them, no white space, UTF-8.
 */

/**
 * The canonical bytes of a JSON value. Members that are undefined are left out, as JSON.stringify does. Throws TypeError
 * for what is no JSON: a programming error, never input.
 */
export function canonicalBytes(value: unknown): Buffer {
  return Buffer.from(canonicalText(value));
}

function canonicalText(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is no JSON number`);
    return JSON.stringify(value);
  }
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} is no JSON value`);
  const members: string[] = [];
  const object = value as Record<string, unknown>;
  for (const name of Object.keys(object).sort()) {
    if (object[name] !== undefined) members.push(`${quoted(name)}:${canonicalText(object[name])}`);
  }
  return `{${members.join(',')}}`;
}

function quoted(text: string): string {
  // Section 3.2.2.2: a lone surrogate is an error, where JSON.stringify would escape it.
  if (!text.isWellFormed()) throw new TypeError('a string with a lone surrogate is no canonical JSON');
  return JSON.stringify(text);
}
