/** Reading a want of a look-up: its keys and roots in the form in which they are compared. */
import { parseKey } from '#protocol/format/key.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { rootsDigest } from '#protocol/format/object-name.ts';
import { formatRoot, parseRoot } from '#protocol/format/root.ts';
import { CachalotError } from '#protocol/wire/errors.ts';
import type { Want } from '#protocol/wire/routes.ts';

export interface ReadWant {
  kind: string;
  exact: string;
  prefixes: string[];
  /** Undefined for any roots. */
  rootsDigest: Digest | undefined;
}

/**
 * `field` is where the want stands in its request: a JSON pointer. Throws `KEY_UNREADABLE`, `ROOT_UNREADABLE` or
 * `ROOT_FORBIDDEN`, with the field that it is about.
 */
export function readWant({ keys, roots }: Want, field: string): ReadWant {
  const [exact = '', ...prefixes] = keys;
  const { kind } = at(`${field}/keys/0`, () => parseKey(exact));
  for (const [index, prefix] of prefixes.entries())
    at(`${field}/keys/${index + 1}`, () => checkPrefix(prefix));
  const named = roots.map((root, index) => at(`${field}/roots/${index}`, () => formatRoot(parseRoot(root))));
  return { kind, exact, prefixes, rootsDigest: named.length === 0 ? undefined : rootsDigest(named) };
}

/** A prefix may end anywhere, so it is read as a key that it could become. */
function checkPrefix(prefix: string): void {
  const slashes = prefix.split('/').length - 1;
  parseKey(prefix + ['/x/x', 'x/x', 'x'][Math.min(slashes, 2)]);
}

function at<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CachalotError)) throw error;
    throw new CachalotError(error.code, error.params, { cause: error, field });
  }
}
