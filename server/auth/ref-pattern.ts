/** Patterns of refs that a credential may write: a ref, or one with a `*` in it that stands for any text, as in git's refspecs. */
import { isRef } from '#protocol/format/ref.ts';

export function isRefPattern(text: string): boolean {
  const [head = '', ...tails] = text.split('*');
  return tails.length <= 1 && isRef([head, ...tails].join('x'));
}

export function matchesRef(pattern: string, ref: string): boolean {
  const [head = '', tail] = pattern.split('*');
  if (tail === undefined) return ref === pattern;
  return ref.length >= head.length + tail.length && ref.startsWith(head) && ref.endsWith(tail);
}
