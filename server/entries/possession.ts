/**
 * Whose bytes a save may rely on. Inside a domain bytes are shared, so a commit could name a segment that its builder has never
 * had, and read it through the entry that comes of it; and "have it" would tell which contents others have. A trusted grant may
 * both. Any other relies on what it has sent for this very save, and on what entries hold that it may look up; of everything else
 * it hears the same as if nobody had it (trust.md; hardening.md, S12).
 *
 * What it was told and what it has sent stands in the lists of its session, so it holds for all replicas.
 */
import { LRUCache } from 'lru-cache';
import type { Digest } from '#protocol/format/manifest.ts';
import { fault, isFault } from '#protocol/wire/errors.ts';
import type { CommitRequest } from '#protocol/wire/routes.ts';
import type { Grant } from '../auth/grant.ts';
import type { EntryRow } from '../index/entry-index.ts';
import type { EntryReader } from './entry-reader.ts';
import type { EntryParts } from './parts.ts';
import type { SaveSession, SaveSessions } from './save-session.ts';
import { layoutOfEntry } from './whole-entry.ts';

/** The newest entries of the same name that are looked into: what changes little from build to build is in them. */
const ENTRIES = 4;
/** Identities that are remembered as within reach, of all saves together. */
const REMEMBERED = 200_000;

interface Gathering {
  identities: Set<Digest>;
  written: Promise<void>;
}

export class Possession {
  readonly #parts: EntryParts;
  readonly #sessions: SaveSessions;
  readonly #reader: EntryReader;
  readonly #within = new LRUCache<string, Set<Digest>>({
    maxSize: REMEMBERED,
    sizeCalculation: ({ size }) => size + 1,
  });
  /** By save: what waits until the list before it has been written. */
  readonly #gathering = new Map<string, Gathering>();

  constructor(parts: EntryParts, sessions: SaveSessions, reader: EntryReader) {
    this.#parts = parts;
    this.#sessions = sessions;
    this.#reader = reader;
  }

  /** Those of the identities that entries hold which the grant may look up: of the newest ones of the save's name. */
  async withinReach(grant: Grant, session: SaveSession, identities: readonly Digest[]): Promise<Set<Digest>> {
    const within = this.#within.get(session.save) ?? (await this.#look(grant, session));
    return new Set(identities.filter((identity) => within.has(identity)));
  }

  /** The save has sent this, and may rely on it once this resolves. What comes together is written together. */
  async sent(session: SaveSession, digest: Digest): Promise<void> {
    const waiting = this.#gathering.get(session.save);
    if (waiting !== undefined) {
      waiting.identities.add(digest);
      return await waiting.written;
    }
    const identities = new Set([digest]);
    const write = async () => {
      this.#gathering.delete(session.save);
      await this.#sessions.keep(session, [...identities]);
    };
    // Whoever else is in the middle of an answer gets into the same list.
    const written = new Promise((resolve) => setImmediate(resolve)).then(write);
    this.#gathering.set(session.save, { identities, written });
    await written;
  }

  /** Throws `SEGMENT_MISSING` or `DETAIL_MISSING` for what the save neither sent nor was told to be there. */
  async require(session: SaveSession, { roots, inputs, times }: CommitRequest): Promise<void> {
    const kept = await this.#sessions.kept(session);
    for (const { segments } of roots) {
      for (const { identity } of segments)
        if (!kept.has(identity)) throw fault('SEGMENT_MISSING', { identity });
    }
    const details = inputs.filter(({ detail }) => detail).map(({ digest }) => digest);
    for (const digest of times === undefined ? details : [...details, times])
      if (!kept.has(digest)) throw fault('DETAIL_MISSING', { digest });
  }

  async #look(grant: Grant, { save, key }: SaveSession): Promise<Set<Digest>> {
    const within = new Set<Digest>();
    const [kind, name] = key.split('/', 2);
    for (const row of await this.#newest(grant, `${kind}/${name}/`)) {
      const { entry } = await this.#reader.ofRow(row);
      if (entry === undefined) continue;
      for (const { identity } of layoutOfEntry(entry).segments) within.add(identity);
    }
    this.#within.set(save, within);
    return within;
  }

  // Without the index everything is sent.
  async #newest({ domain, reads }: Grant, prefix: string): Promise<EntryRow[]> {
    try {
      return await this.#parts.index.list({ domain, scopes: reads, prefix, limit: ENTRIES });
    } catch (error) {
      if (isFault(error, 'INDEX_FAILED')) return [];
      throw error;
    }
  }
}
