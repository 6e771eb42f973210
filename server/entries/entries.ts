/**
 * Entries: everything that the routes ask of them, and the only caller of store and index for them. What each request may see
 * or write is decided here, from its grant.
 */

import { parseKey } from '#protocol/format/key.ts';
import type { Digest } from '#protocol/format/manifest.ts';
import { entryObject, rootsDigest } from '#protocol/format/object-name.ts';
import { type Anchor, formatRoot, parseRoot, refuseNestedRoots } from '#protocol/format/root.ts';
import { readScope } from '#protocol/format/scope.ts';
import { fault, isFault } from '#protocol/wire/errors.ts';
import type {
  CommitRequest,
  EntrySummary,
  OpenSaveAnswer,
  OpenSaveRequest,
  Want,
} from '#protocol/wire/routes.ts';
import { type Grant, requireWriter, seesDomain } from '../auth/grant.ts';
import { tolerant } from '../index/tolerant.ts';
import { NameLocks } from '../store/name-locks.ts';
import { Admission, type Admitted } from './admit.ts';
import { type Archive, archiveOf, readArchive } from './archive.ts';
import type { Chunk, Chunks } from './chunk.ts';
import { Commit, type Committed } from './commit.ts';
import { Condemned } from './condemned.ts';
import { Deliveries, type Direct } from './delivery.ts';
import { Details } from './details.ts';
import { EntryReader } from './entry-reader.ts';
import { IndexTrust } from './index-trust.ts';
import { type Found, Lookup } from './lookup.ts';
import type { EntryParts } from './parts.ts';
import { Possession } from './possession.ts';
import { reindex } from './reindex.ts';
import { Retirement, type Retiring } from './retire.ts';
import { type SaveSession, SaveSessions } from './save-session.ts';
import { SegmentCheck } from './segment-check.ts';
import { exactly, SegmentHoleError, SegmentReads } from './segment-read.ts';
import { SegmentRows } from './segment-rows.ts';
import { Suspicion } from './suspect.ts';
import { Uses } from './use.ts';
import { readWant } from './want.ts';
import {
  createWholeEntries,
  detailsOf,
  holdsSegment,
  layoutOfEntry,
  signedOfEntry,
  type WholeEntries,
  type WholeEntry,
} from './whole-entry.ts';

export interface EntriesQuery {
  kind?: string;
  prefix?: string;
  /** Only of this ref, in full. Without credentials there are no refs. */
  ref?: string;
  limit: number;
}

const NOT_NEEDED = 'what it would stand in for was found.';

export class Entries {
  readonly #parts: EntryParts;
  readonly #known: WholeEntries;
  readonly #check: SegmentCheck;
  readonly #rows: SegmentRows;
  readonly #reads: SegmentReads;
  readonly #retirement: Retirement;
  readonly #reader: EntryReader;
  readonly #trust: IndexTrust;
  readonly #lookup: Lookup;
  readonly #sessions: SaveSessions;
  readonly #possession: Possession;
  readonly #details: Details;
  readonly #commit: Commit;
  readonly #admission: Admission;
  readonly #suspicion: Suspicion;
  readonly #uses: Uses;
  readonly #deliveries: Deliveries;

  constructor(parts: EntryParts) {
    const locks = new NameLocks();
    this.#parts = parts;
    this.#trust = new IndexTrust(parts);
    // What entries rest on is the store: nothing below fails because the index does.
    const index = tolerant(parts.index, () => this.#trust.distrust());
    const surviving: EntryParts = Object.create(parts, { index: { value: index } });
    const condemned = new Condemned(surviving);
    this.#known = createWholeEntries(parts.limits.answerBytes);
    this.#check = new SegmentCheck(surviving, () => this.#known.clear());
    this.#deliveries = new Deliveries(parts.store, parts.delivery ?? 'proxy', () => !this.#check.anyUnread);
    this.#rows = new SegmentRows(surviving, this.#check, condemned);
    this.#reads = new SegmentReads(surviving, this.#check);
    this.#retirement = new Retirement(surviving, this.#known, locks);
    this.#reader = new EntryReader(surviving, this.#rows, this.#retirement, this.#known);
    this.#lookup = new Lookup(surviving, this.#reader, this.#trust);
    this.#sessions = new SaveSessions(surviving, this.#rows);
    this.#possession = new Possession(surviving, this.#sessions, this.#reader);
    this.#details = new Details(surviving, condemned);
    this.#commit = new Commit({
      parts: surviving,
      rows: this.#rows,
      check: this.#check,
      details: this.#details,
      sessions: this.#sessions,
      retirement: this.#retirement,
      trust: this.#trust,
      known: this.#known,
      locks,
    });
    this.#admission = new Admission(surviving, this.#check, condemned);
    this.#uses = new Uses(surviving);
    this.#suspicion = new Suspicion(surviving, this.#check, this.#retirement);
    parts.queue.handle('reindex', (_, signal) =>
      this.#trust.rebuild(() => reindex(parts, this.#reader, signal)),
    );
    parts.queue.handle('verify-entry', ({ copy }) => this.#suspicion.verifyRetired(String(copy)));
  }

  /** Begins what has to be done before the index can be relied on. */
  async start(): Promise<void> {
    await this.#trust.holds();
  }

  /** Whether the index can be relied on. Where it cannot, the store is asked, and a reindex has been asked for. */
  async trustsIndex(): Promise<boolean> {
    return await this.#trust.holds();
  }

  /** Has the index rebuilt from the store; a job does it. */
  async rebuildIndex(): Promise<void> {
    await this.#trust.distrust();
  }

  /** One answer a want, in their order. Throws for a want that can fit nothing, before anything is looked for. */
  async lookup(grant: Grant, wants: readonly Want[]): Promise<Found[]> {
    const read = wants.map((want, at) => readWant(want, `/wants/${at}`));
    const found: Found[] = [];
    for (const [at, want] of read.entries()) {
      const { unless } = wants[at] ?? {};
      const needed = unless === undefined || found[unless]?.hit !== 'exact';
      const one: Found = needed ? await this.#lookup.find(grant, want) : { hit: 'none', reason: NOT_NEEDED };
      if (one.entry !== undefined) this.#uses.note(one.entry);
      found.push(one);
    }
    return found;
  }

  /** Opens a save. With `exists` the key holds a whole entry already, and the save would only find that out again. */
  async openSave(grant: Grant, request: OpenSaveRequest): Promise<OpenSaveAnswer> {
    const scope = requireWriter(grant, 'save');
    const { kind, name } = parseKey(request.key);
    if (kind !== request.kind)
      throw fault('KEY_UNREADABLE', { key: request.key, why: `it is not of the kind ${request.kind}` });
    if (name !== request.name)
      throw fault('KEY_UNREADABLE', { key: request.key, why: `it is not of the name ${request.name}` });
    const parsed = request.roots.map(parseRoot);
    refuseNestedRoots(parsed);
    const roots = parsed.map(formatRoot).sort();
    const { domain } = grant;
    const replace = request.replace === true;
    const object = entryObject({ domain, scope, key: request.key, rootsDigest: rootsDigest(roots) });
    const exists = replace ? undefined : await this.#commit.holder(domain, object);
    const session = await this.#sessions.open(grant, { key: request.key, kind, name, roots, replace });
    const expires = new Date(session.opened + this.#sessions.lasts).toISOString();
    return { save: session.save, expires, ...(exists === undefined ? {} : { exists }) };
  }

  async lack(grant: Grant, save: string, identities: readonly Digest[]): Promise<Digest[]> {
    const session = await this.#sessions.get(grant, save);
    if (seesDomain(grant)) return await this.#sessions.lack(session, identities);
    const within = await this.#possession.withinReach(grant, session, identities);
    const lacking = new Set(within.size === 0 ? [] : await this.#sessions.lack(session, [...within]));
    return [...new Set(identities)].filter((identity) => !within.has(identity) || lacking.has(identity));
  }

  async commit(grant: Grant, save: string, request: CommitRequest): Promise<Committed> {
    const session = await this.#sessions.get(grant, save);
    if (!seesDomain(grant)) await this.#possession.require(session, request);
    return await this.#commit.commit(session, request);
  }

  /**
   * One stored segment in; see Admission.admit. A grant that does not see its domain names the save that it is for, and hears
   * `stored` whatever was there.
   */
  async admit(grant: Grant, stored: Buffer, expected?: Digest, save?: string): Promise<Admitted> {
    requireWriter(grant, 'store segments');
    const session = await this.#proving(grant, save);
    const admitted = await this.#admission.admit(grant.domain, stored, expected);
    if (session === undefined) return admitted;
    await this.#possession.sent(session, admitted.identity);
    return { ...admitted, status: 'stored' };
  }

  /**
   * Stored bytes of a segment of the grant's domain; undefined where it has none. A grant that does not see its domain has what
   * is in the entry that it names. The chunks end in an error rather than too early.
   */
  async segment(
    grant: Grant,
    identity: Digest,
    entry?: string,
  ): Promise<{ length: number; chunks: Chunks } | undefined> {
    const { domain } = grant;
    if (!seesDomain(grant) && !(await this.#isWithin(grant, entry, identity))) return undefined;
    const located = await this.#rows.toRead(domain, identity);
    if (located === undefined) return undefined;
    let row = located;
    let stream = await this.#reads.read(domain, row, 0, row.length);
    if (stream === 'gone' || stream === 'moved') this.#rows.forget(domain, identity);
    if (stream === 'moved') {
      const fresh = (await this.#rows.present(domain, [identity])).get(identity);
      if (fresh === undefined) return undefined;
      row = fresh;
      stream = await this.#reads.read(domain, row, 0, row.length);
    }
    if (stream === 'gone' || stream === 'moved') return undefined;
    return { length: row.length, chunks: exactly(stream, row.length, identity) };
  }

  /** What a reader of a found entry's segments is to be told; `accel`: whether the web server in front can hand files out. */
  announced(accel: boolean): Direct['way'] | undefined {
    return this.#deliveries.announced(accel);
  }

  /** A way to a segment's bytes past this process, where there is one and it is to be taken. */
  async direct(
    grant: Grant,
    identity: Digest,
    { entry, accel }: { entry: string | undefined; accel: boolean },
  ): Promise<Direct | undefined> {
    if (this.announced(accel) === undefined) return undefined;
    if (!seesDomain(grant) && !(await this.#isWithin(grant, entry, identity))) return undefined;
    const row = (await this.#rows.locate(grant.domain, [identity])).get(identity);
    return row === undefined ? undefined : await this.#deliveries.of(grant.domain, row, accel);
  }

  async suspect(
    grant: Grant,
    identity: Digest,
    id?: string,
  ): Promise<{ confirmed: boolean; retired: string[] }> {
    const entry = id === undefined ? undefined : await this.#find(grant, id);
    if (!seesDomain(grant) && (entry === undefined || !holdsSegment(entry, identity)))
      throw fault('SEGMENT_MISSING', { identity });
    return await this.#suspicion.report(grant.domain, identity, entry);
  }

  /** Throws `ENTRY_MISSING`; of another's scope too. */
  async entry(grant: Grant, id: string): Promise<WholeEntry> {
    const entry = await this.#find(grant, id);
    if (entry === undefined) throw fault('ENTRY_MISSING', { entry: id });
    return entry;
  }

  /** Newest first, as far as the index knows. */
  async list({ domain, reads }: Grant, { ref, ...query }: EntriesQuery): Promise<EntrySummary[]> {
    const scopes = ref === undefined ? reads : reads.filter((scope) => readScope(scope)?.ref === ref);
    if (scopes.length === 0) return [];
    const rows = await this.#parts.index.list({ domain, scopes, ...query });
    return rows.map(({ id, kind, name, key, scope, roots, raw, stored, segments, created }) => {
      return {
        entry: id,
        kind,
        name,
        key,
        scope,
        roots,
        raw,
        stored,
        segments,
        created: new Date(created).toISOString(),
      };
    });
  }

  /** Throws `ENTRY_MISSING`, and `REQUEST_REFUSED` for what the grant may read and not write. */
  async remove(grant: Grant, id: string): Promise<void> {
    const own = requireWriter(grant, 'remove entries');
    const { domain, scope, object, etag } = await this.entry(grant, id);
    if (scope !== own) throw fault('REQUEST_REFUSED', { what: `remove entries of ${scope}` });
    const { gone } = await this.#retirement.retire(
      { domain, object, etag, ids: [id] },
      'it was removed on request',
    );
    if (!gone) throw fault('ENTRY_MISSING', { entry: id });
  }

  async archive(grant: Grant, id: string, anchor?: Anchor): Promise<Archive> {
    return archiveOf(await this.entry(grant, id), anchor);
  }

  /**
   * Bytes `start` to `end` (exclusive) of an archive. Throws, midway too, `LAYOUT_STALE` where it is stored otherwise now and
   * `ENTRY_MISSING` where it is not whole: the entry has then been retired.
   */
  async *send(archive: Archive, start: number, end: number): AsyncGenerator<Chunk, undefined, undefined> {
    try {
      return yield* readArchive(this.#reads, archive, start, end);
    } catch (error) {
      throw error instanceof SegmentHoleError ? await this.#metHole(archive.entry, error) : error;
    }
  }

  /** The first segments of an archive that fit into `max` bytes; undefined where not one does. */
  async firstBytes(entry: WholeEntry, max: number): Promise<Buffer | undefined> {
    let end = 0;
    for (const { length } of layoutOfEntry(entry).segments) {
      if (end + length > max) break;
      end += length;
    }
    if (end === 0) return undefined;
    const whole = Buffer.allocUnsafeSlow(end);
    let at = 0;
    try {
      for await (const { bytes, release } of this.send(archiveOf(entry), 0, end)) {
        at += bytes.copy(whole, at);
        release();
      }
    } catch (error) {
      // It was found while it was received. Who reads the archive tells, and it is looked into.
      if (isFault(error, 'SEGMENT_DAMAGED')) return undefined;
      throw error;
    }
    return whole;
  }

  /** The packed times of an entry that has some, if they are no longer than `max`. */
  async times({ domain, times }: WholeEntry, max: number): Promise<Buffer | undefined> {
    const bytes = times === undefined ? undefined : await this.#details.get(domain, times);
    return bytes === undefined || bytes.length > max ? undefined : bytes;
  }

  /** Retires an entry in the version that was judged; true if it has left. For retention. */
  async evict(entry: Retiring, why: string): Promise<boolean> {
    return (await this.#retirement.retire(entry, why)).gone;
  }

  /** Reads a segment whole and verifies it; false where it is not there (any more). What is damaged has been quarantined. */
  async examine(domain: string, identity: Digest): Promise<boolean> {
    return (await this.#check.examine(domain, identity)) !== undefined;
  }

  /** As {@link examine}, for a detail. */
  async examineDetail(domain: string, digest: Digest): Promise<boolean> {
    return (await this.#details.get(domain, digest)) !== undefined;
  }

  /** As {@link admit}, for a detail. */
  async putDetail(grant: Grant, digest: Digest, bytes: Buffer, save?: string): Promise<'stored' | 'had'> {
    requireWriter(grant, 'store details');
    const session = await this.#proving(grant, save);
    const status = await this.#details.put(grant.domain, digest, bytes);
    if (session === undefined) return status;
    await this.#possession.sent(session, digest);
    return 'stored';
  }

  /** As {@link segment}, for a detail. Throws `DETAIL_MISSING`. */
  async detail(grant: Grant, digest: Digest, id?: string): Promise<Buffer> {
    const entry = seesDomain(grant) || id === undefined ? undefined : await this.#find(grant, id);
    const isSeen =
      seesDomain(grant) || (entry !== undefined && detailsOf(signedOfEntry(entry)).includes(digest));
    const bytes = isSeen ? await this.#details.get(grant.domain, digest) : undefined;
    if (bytes === undefined) throw fault('DETAIL_MISSING', { digest });
    return bytes;
  }

  /** What is stored for a domain, as far as the index knows. */
  async totals(domain: string): Promise<{ entries: number; storedBytes: number }> {
    return await this.#parts.index.totals(domain);
  }

  /** The save that what is sent is for, where it has to be shown that it was sent. */
  async #proving(grant: Grant, save: string | undefined): Promise<SaveSession | undefined> {
    if (seesDomain(grant)) return undefined;
    if (save !== undefined) return await this.#sessions.get(grant, save);
    throw fault(
      'REQUEST_INVALID',
      { why: 'this credential has to name the save that it is for' },
      { field: 'save' },
    );
  }

  async #isWithin(grant: Grant, id: string | undefined, identity: Digest): Promise<boolean> {
    const entry = id === undefined ? undefined : await this.#find(grant, id);
    return entry !== undefined && holdsSegment(entry, identity);
  }

  async #find(grant: Grant, id: string): Promise<WholeEntry | undefined> {
    const known = await this.#reader.remembered(grant.domain, id);
    if (known !== undefined) return grant.reads.includes(known.scope) ? known : undefined;
    const row = await this.#parts.index.byId(grant.domain, id);
    if (row === undefined || !grant.reads.includes(row.scope)) return undefined;
    return (await this.#reader.ofRow(row)).entry;
  }

  async #metHole(entry: WholeEntry, { identity, kind }: SegmentHoleError): Promise<Error> {
    const row = kind === 'short' ? await this.#check.examine(entry.domain, identity) : undefined;
    if (kind === 'moved' || row !== undefined) {
      this.#known.delete(entry.id);
      return fault('LAYOUT_STALE', { entry: entry.id });
    }
    await this.#suspicion.metHole(entry, `its segment ${identity} is not there`);
    return fault('ENTRY_MISSING', { entry: entry.id });
  }
}
