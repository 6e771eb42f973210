/**
 * The headers in which a request names its refs, in full and percent-encoded: its own, the one that it will be merged into, and
 * the default branch. They name refs inside what the credential allows; they never allow anything.
 */
import { isRef } from '../format/ref.ts';
import { fault } from './errors.ts';

export interface NamedRefs {
  own?: string;
  base?: string;
  default?: string;
}

const HEADERS = { own: 'cachalot-ref', base: 'cachalot-base', default: 'cachalot-default' } as const;

export function refHeaders(refs: NamedRefs): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [which, header] of entriesOf(HEADERS)) {
    const ref = refs[which];
    if (ref !== undefined) headers[header] = encodeURI(ref);
  }
  return headers;
}

/** Throws `REQUEST_INVALID` for a name that is none, with the header as its field. */
export function readRefHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): NamedRefs {
  const refs: NamedRefs = {};
  for (const [which, header] of entriesOf(HEADERS)) {
    const text = headers[header];
    if (text === undefined || text === '') continue;
    const ref = typeof text === 'string' ? decoded(text) : undefined;
    if (ref === undefined || !isRef(ref)) {
      const why = `the header ${header} names no ref; refs/heads/main is one`;
      throw fault('REQUEST_INVALID', { why }, { field: header });
    }
    refs[which] = ref;
  }
  return refs;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function entriesOf<K extends string, V>(object: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(object) as [K, V][];
}
