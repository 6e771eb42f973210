/**
 * Refs as git names them, in full: `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/merge`. Short names are not compared: the tag
 * `v1` and the branch `v1` share theirs.
 */
import { LIMITS } from './limits.ts';

/** What git allows in no ref (git-check-ref-format), and line ends of other alphabets. */
const FORBIDDEN = /[\u0000-\u0020\u007f-\u009f\u2028\u2029~^:?*[\\]|\.\.|@\{|\/\.|\/\/|[/.]$/;

export function isRef(text: string): boolean {
  return (
    text.startsWith('refs/') &&
    text.isWellFormed() &&
    Buffer.byteLength(text) <= LIMITS.refBytes &&
    !FORBIDDEN.test(text)
  );
}
