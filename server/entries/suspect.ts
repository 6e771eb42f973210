/**
 * What happens when damage is reported or met: the segment is looked at; if it is bad it is quarantined, the entry is retired,
 * and every other segment of that entry is verified before anybody hears "have it" of one (formats.md, section 5).
 */
import type { Digest } from '#protocol/format/manifest.ts';
import { parseSignedManifest } from '#protocol/format/manifest-check.ts';
import { mapAtMost } from './at-most.ts';
import type { EntryParts } from './parts.ts';
import type { Retirement } from './retire.ts';
import type { SegmentCheck } from './segment-check.ts';
import { identitiesOf, layoutOfEntry, type WholeEntry } from './whole-entry.ts';

/** Segments that are verified at once for one entry: the others' saves go on meanwhile. */
const WIDTH = 2;

export class Suspicion {
  readonly #parts: EntryParts;
  readonly #check: SegmentCheck;
  readonly #retirement: Retirement;

  constructor(parts: EntryParts, check: SegmentCheck, retirement: Retirement) {
    this.#parts = parts;
    this.#check = check;
    this.#retirement = retirement;
  }

  /**
   * A reader found `identity` damaged, perhaps while it read `entry`. Confirmed if the segment is not there, or no longer.
   * `retired` are the ids of entries that left.
   */
  async report(
    domain: string,
    identity: Digest,
    entry?: WholeEntry,
  ): Promise<{ confirmed: boolean; retired: string[] }> {
    const row = await this.#check.suspecting(domain, [identity], () => this.#check.examine(domain, identity));
    if (row !== undefined) return { confirmed: false, retired: [] };
    const used = entry === undefined ? [] : layoutOfEntry(entry).segments.map((segment) => segment.identity);
    if (entry === undefined || !used.includes(identity)) return { confirmed: true, retired: [] };
    const { object, etag, id } = entry;
    await this.#verify(domain, used, () =>
      this.#retirement.retire(
        { domain, object, etag, ids: [id] },
        `its segment ${identity} was found damaged`,
      ),
    );
    return { confirmed: true, retired: [entry.id] };
  }

  /** Retires an entry that a reader met a hole in. Its other segments are verified by a job: the reader does not wait. */
  async metHole(entry: WholeEntry, why: string): Promise<void> {
    const { domain, object, etag, id } = entry;
    const { copy } = await this.#retirement.retire({ domain, object, etag, ids: [id] }, why);
    if (copy !== undefined) await this.#parts.queue.add({ name: 'verify-entry', id, data: { copy } });
  }

  /** The job `verify-entry`: every segment of a retired entry is looked at. */
  async verifyRetired(copy: string): Promise<void> {
    const found = await this.#parts.store.get(copy);
    if (found === undefined || found === 'changed') return;
    const signed = parseSignedManifest(found.bytes);
    await this.#verify(signed.manifest.domain, identitiesOf(signed), async () => {});
  }

  // None of them counts as present until all have been looked at.
  async #verify(domain: string, identities: readonly Digest[], first: () => Promise<unknown>): Promise<void> {
    await this.#check.suspecting(domain, identities, async () => {
      await first();
      await mapAtMost(WIDTH, [...new Set(identities)], (identity) => this.#check.examine(domain, identity));
    });
  }
}
