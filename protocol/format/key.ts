/**
 * Keys: `<kind>/<name>/<rest>`, what an entry is found by inside a scope (formats.md, section 3).
 *
 * The name is percent-encoded so that it holds no `/`; `_` stands for none. The rest may contain `/`: for a
 * fingerprinted kind it is the fingerprint (and a generation), for the kind generic the text that a person gave. A
 * prefix of a key is compared as text, so it may end anywhere.
 */
import { fault } from '../wire/errors.ts';
import { LIMITS } from './limits.ts';

export interface Key {
  kind: string;
  /** Decoded; `_` is none. */
  name: string;
  rest: string;
}

const KIND = /^[a-z][a-z0-9-]{0,31}$/;
// What a name may not carry into a key as it is: the separator, the escape itself, controls, and the comma, which lists
// of keys are separated by.
const ESCAPED_IN_NAMES = /[\u0000-\u001f\u007f-\u009f%,/]/g;
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** The text of a key. Throws `KEY_UNREADABLE` for what {@link parseKey} would not read back. */
export function formatKey(kind: string, name: string, rest: string): string {
  if (!name.isWellFormed()) throw unreadable(name, 'the name is not Unicode');
  const text = `${kind}/${encodeName(name)}/${rest}`;
  parseKey(text);
  return text;
}

/** Reads a whole key. Throws `KEY_UNREADABLE`. */
export function parseKey(text: string): Key {
  const [kind = '', encoded = ''] = text.split('/', 2);
  if (!KIND.test(kind)) throw unreadable(text, 'it does not begin with a kind');
  const name = decodeName(encoded);
  if (name === undefined) throw unreadable(text, 'its name is not encoded as names are');
  const rest = text.slice(kind.length + encoded.length + 2);
  const why = refusal(rest);
  if (why !== undefined) throw unreadable(text, why);
  return { kind, name, rest };
}

/** What a person may give as a key (formats.md, section 3). Throws `KEY_UNREADABLE` that says what is wrong with it. */
export function checkUserKey(text: string): void {
  const why = refusal(text);
  if (why !== undefined) throw unreadable(text, why);
}

/** The key of `save --key <userKey>`. */
export function genericKey(userKey: string): string {
  checkUserKey(userKey);
  return `generic/_/${userKey}`;
}

function encodeName(name: string): string {
  if (name === '.' || name === '..') return name.replaceAll('.', '%2E');
  return name.replace(ESCAPED_IN_NAMES, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

// Canonical only: two texts never stand for one name, so that texts can be compared.
function decodeName(encoded: string): string | undefined {
  if (encoded === '' || Buffer.byteLength(encoded) > LIMITS.keyBytes * 3) return undefined;
  try {
    const name = decodeURIComponent(encoded);
    return encodeName(name) === encoded ? name : undefined;
  } catch {
    return undefined;
  }
}

function refusal(rest: string): string | undefined {
  if (rest === '') return 'it is empty';
  if (!rest.isWellFormed()) return 'it is not Unicode';
  if (Buffer.byteLength(rest) > LIMITS.keyBytes) return `it is longer than ${LIMITS.keyBytes} bytes`;
  if (rest.includes(',')) return 'it has a comma';
  if (rest.startsWith('/')) return 'it begins with a slash';
  for (const part of rest.split('/')) {
    // `%2e%2e` and `%00` too: somewhere on its way a text may be decoded once more than it was encoded.
    const decoded = part.includes('%')
      ? part.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      : part;
    if (decoded === '.' || decoded === '..') return 'it has a part that is . or ..';
    if (CONTROLS.test(decoded)) return 'it has a control character';
  }
  return undefined;
}

function unreadable(key: string, why: string): Error {
  return fault('KEY_UNREADABLE', { key, why });
}
