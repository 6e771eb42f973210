/**
 * Look-up: the exact key, else the newest entry that begins with one of the prefixes, in the scopes that the grant may read
 * (formats.md, section 7). Keys in their order, for each the scopes in theirs.
 *
 * A key of the kind maven has generations: asked for exactly, it is the newest of `<key>` and what lies under `<key>/`.
 */

import type { Digest } from '#protocol/format/manifest.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { Grant } from '../auth/grant.ts';
import type { EntryRow, FindQuery } from '../index/entry-index.ts';
import type { EntryReader } from './entry-reader.ts';
import type { IndexTrust } from './index-trust.ts';
import type { EntryParts } from './parts.ts';
import { candidates, fits } from './store-search.ts';
import type { ReadWant } from './want.ts';
import type { WholeEntry } from './whole-entry.ts';

const WITH_GENERATIONS = 'maven';

export type Found =
  | { hit: 'exact'; entry: WholeEntry; reason?: undefined }
  | { hit: 'near'; entry: WholeEntry; reason: string }
  | { hit: 'none'; entry?: undefined; reason: string };

interface Question {
  grant: Grant;
  rootsDigest: Digest | undefined;
  /** Fits any of these; with several, the newest in a scope. */
  matches: FindQuery['match'][];
}

interface Answer {
  entry?: WholeEntry;
  /** Entries that would have fitted and could not be used; for a person. */
  passed: string[];
}

export class Lookup {
  readonly #parts: EntryParts;
  readonly #reader: EntryReader;
  readonly #trust: IndexTrust;

  constructor(parts: EntryParts, reader: EntryReader, trust: IndexTrust) {
    this.#parts = parts;
    this.#reader = reader;
    this.#trust = trust;
  }

  async find(grant: Grant, want: ReadWant): Promise<Found> {
    const found = await this.#search(grant, want);
    this.#parts.observer.lookup(found.hit, want.kind);
    return found;
  }

  async #search(grant: Grant, { kind, exact, prefixes, rootsDigest: digest }: ReadWant): Promise<Found> {
    const matches = kind === WITH_GENERATIONS ? [{ exact }, { prefix: `${exact}/` }] : [{ exact }];
    const first = await this.#ask({ grant, rootsDigest: digest, matches });
    if (first.entry !== undefined) return { hit: 'exact', entry: first.entry };
    const passed = first.passed;
    for (const prefix of prefixes) {
      const next = await this.#ask({ grant, rootsDigest: digest, matches: [{ prefix }] });
      passed.push(...next.passed);
      if (next.entry !== undefined) {
        const reason = `${missReason(exact, passed)} The newest entry that begins with ${prefix} was taken.`;
        return { hit: 'near', entry: next.entry, reason };
      }
    }
    if (passed.length === 0 && digest !== undefined) {
      const elsewhere = await this.#underOtherRoots(grant, exact);
      if (elsewhere !== undefined) return { hit: 'none', reason: elsewhere };
    }
    const reason = missReason(exact, passed);
    return {
      hit: 'none',
      reason: prefixes.length === 0 ? reason : `${reason} Nothing begins with a prefix that was asked for.`,
    };
  }

  async #ask(question: Question): Promise<Answer> {
    const passed: string[] = [];
    const { grant, matches, rootsDigest: digest } = question;
    // One key with its roots is one object: if the index has it, no newer one can be missing there.
    const single =
      matches.length === 1 && 'exact' in (matches[0] as FindQuery['match']) && digest !== undefined;
    let isUnheard = false;
    if ((single && grant.reads.length === 1) || (await this.#trust.holds())) {
      const entry = await this.#askIndex(question, passed).catch(unheard);
      if (entry === 'unheard') isUnheard = true;
      else if (entry !== undefined) return { entry, passed };
    }
    if (isUnheard || !(await this.#trust.holds())) {
      const entry = await this.#askStore(question, passed);
      if (entry !== undefined) return { entry, passed };
    }
    return { passed };
  }

  async #askIndex(
    { grant, rootsDigest: digest, matches }: Question,
    passed: string[],
  ): Promise<WholeEntry | undefined> {
    for (;;) {
      const row = await this.#newestRow(grant, digest, matches);
      if (row === undefined) return undefined;
      const reading = await this.#reader.ofRow(row);
      if (reading.entry !== undefined) return reading.entry;
      passed.push(`${row.key}: ${reading.why ?? 'it has gone'}.`);
      // What is not whole has lost its row, so the same question has another answer now.
      if (reading.stays) return undefined;
    }
  }

  async #newestRow(
    grant: Grant,
    digest: Digest | undefined,
    matches: FindQuery['match'][],
  ): Promise<EntryRow | undefined> {
    const query = (scopes: string[], match: FindQuery['match']): FindQuery =>
      digest === undefined
        ? { domain: grant.domain, scopes, match }
        : { domain: grant.domain, scopes, rootsDigest: digest, match };
    const [only, ...others] = matches as [FindQuery['match'], ...FindQuery['match'][]];
    if (others.length === 0) return await this.#parts.index.find(query(grant.reads, only));
    for (const scope of grant.reads) {
      const rows = await Promise.all(matches.map((match) => this.#parts.index.find(query([scope], match))));
      const there = rows.filter((row) => row !== undefined).sort((a, b) => b.created - a.created);
      if (there[0] !== undefined) return there[0];
    }
    return undefined;
  }

  async #askStore(
    { grant, rootsDigest: digest, matches }: Question,
    passed: string[],
  ): Promise<WholeEntry | undefined> {
    for (const scope of grant.reads) {
      let newest: { entry: WholeEntry; row: EntryRow } | undefined;
      for (const match of matches) {
        const query = { domain: grant.domain, scope, rootsDigest: digest, match };
        for (const object of await candidates(this.#parts.store, query)) {
          const reading = await this.#reader.ofObject(grant.domain, object);
          if (reading.entry === undefined) {
            if (reading.why !== undefined) passed.push(`${object}: ${reading.why}.`);
            continue;
          }
          if (!fits(reading.row, query)) continue;
          await this.#parts.index.put(reading.row);
          if (newest === undefined || reading.row.created > newest.row.created) newest = reading;
          break;
        }
      }
      if (newest !== undefined) return newest.entry;
    }
    return undefined;
  }

  /** Says so if the key is there for another set of paths: a frequent and otherwise puzzling miss. */
  async #underOtherRoots(grant: Grant, exact: string): Promise<string | undefined> {
    const query = { domain: grant.domain, scopes: grant.reads, match: { exact } };
    const row = await this.#parts.index.find(query).catch(unheard);
    if (row === undefined || row === 'unheard') return undefined;
    return `The key ${exact} is there, but for other paths: ${row.roots.slice(0, 10).join(', ')}.`;
  }
}

/** An index that fails has not said that there is nothing. */
function unheard(error: unknown): 'unheard' {
  if (isFault(error, 'INDEX_FAILED')) return 'unheard';
  throw error;
}

function missReason(exact: string, passed: string[]): string {
  return passed.length > 0
    ? `No entry of ${exact} can be used. ${passed.slice(0, 5).join(' ')}`
    : `No entry has the key ${exact}.`;
}
