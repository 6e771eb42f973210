/**
 * Where the roots of a save really are. One that lies in another would be saved twice and restored over itself, and texts
 * do not show it: a folder above may be a link.
 */
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isInside } from '#protocol/format/member.ts';
import { formatRoot, type Root, refuseNestedRoots } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import { errorCode } from './file-access.ts';
import { unreadable } from './walk-folder.ts';

/** Throws `ROOTS_NESTED`, and `ROOT_MISSING` where there is nothing. */
export function refuseNestedPlaces(roots: readonly { root: Root; place: string }[]): void {
  refuseNestedRoots(roots.map(({ root }) => root));
  const real = roots.map(({ root, place }) => ({ text: formatRoot(root), place: realPlace(place) }));
  for (const outer of real) {
    for (const inner of real) {
      if (inner !== outer && isInside(inner.place, outer.place))
        throw fault('ROOTS_NESTED', { outer: outer.text, inner: inner.text });
    }
  }
}

// The root itself may be a link, which is kept as one: it is where it is, not where it points.
function realPlace(place: string): string {
  try {
    return join(fs.realpathSync(dirname(place)), basename(place));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw fault('ROOT_MISSING', { path: place });
    throw unreadable(place, error);
  }
}
