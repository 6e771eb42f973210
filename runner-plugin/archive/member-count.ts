/**
 * Holds what comes against what the manifest announces: the order of members from one segment to the next, and their
 * number, root by root. A segment alone is held to the same order in member-list.ts.
 */
import type { Manifest, ManifestRoot } from '#protocol/format/manifest.ts';
import { fault } from '#protocol/wire/errors.ts';
import { refuseDisorder } from './member-list.ts';
import type { MembersReport, Place } from './unpack-messages.ts';

export class MemberCount {
  readonly #manifest: Manifest;
  /** The last member of the root that is being read. */
  #last: Place | undefined;
  #ofRoot = 0;
  #members = 0;
  #files = 0;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  get members(): number {
    return this.#members;
  }

  get files(): number {
    return this.#files;
  }

  /** Takes the next segment's members; returns the place of the first among all members of the archive. Throws `ARCHIVE_*`. */
  add(root: number, { count, first, last, files }: MembersReport): number {
    if (first !== undefined) refuseDisorder(this.#last, first);
    this.#last = last ?? this.#last;
    this.#ofRoot += count;
    const { members } = this.#rootAt(root);
    // As soon as it shows, so that a million members cannot come where ten were announced (hardening.md E11).
    if (this.#ofRoot > members)
      throw fault('ARCHIVE_MALFORMED', { why: `it has more members than the ${members} of its manifest` });
    const index = this.#members;
    this.#members += count;
    this.#files += files.count;
    return index;
  }

  /** A root's last segment has been added. Throws `ARCHIVE_MALFORMED`. */
  endRoot(root: number): void {
    const { members, root: name } = this.#rootAt(root);
    if (this.#ofRoot !== members)
      throw fault('ARCHIVE_MALFORMED', {
        why: `${name} has ${this.#ofRoot} members, and ${members} in its manifest`,
      });
    this.#ofRoot = 0;
    this.#last = undefined;
  }

  /** All roots have ended. Throws `ARCHIVE_MALFORMED`. */
  end(): void {
    const { files } = this.#manifest.totals;
    if (this.#files !== files)
      throw fault('ARCHIVE_MALFORMED', { why: `it has ${this.#files} files, and ${files} in its manifest` });
  }

  #rootAt(root: number): ManifestRoot {
    return this.#manifest.roots[root] as ManifestRoot;
  }
}
