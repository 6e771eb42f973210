/**
 * The ETag of an entry's archive: `GET entries/<id>/archive` answers with it, and a reader that holds a layout sends it as
 * If-Match, so that ranges of two layouts are never put together (hardening.md, D5). Both sides compute it from the layout,
 * which names every stored byte by the digest of its frame.
 */
import { hash } from 'node:crypto';
import type { Layout } from '../format/layout.ts';

/** A strong ETag with its quotes. `412` answers a request whose If-Match is another one. */
export function archiveTag(layout: Layout): string {
  const lines = layout.segments.map(({ digest, length }) => `${digest} ${length}\n`);
  return `"${hash('sha256', lines.join(''), 'hex')}"`;
}
