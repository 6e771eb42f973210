/**
 * Commit: the moment at which an entry comes to be. Everything that it relies on is listed for retention, then looked at in the
 * store, then written in this order: segments and details (there already), manifest with create-if-absent, the list beside it,
 * index. So whoever dies on the way leaves the old state or the new one.
 *
 * Retention deletes nothing that was listed before it was looked at, for as long as the session and this call may take
 * (lifetimes.ts). A call that took much longer looks once more, and takes its entry back where something has gone.
 *
 * The first entry of a key wins. The same content again is the same entry; other content is refused with the winner, unless the
 * session replaces, or the winner turns out not to be whole: then the new one takes its place.
 */
import { FORMAT_VERSION, LIMITS } from '#protocol/format/limits.ts';
import type { Digest, Manifest, SignedManifest } from '#protocol/format/manifest.ts';
import { checkManifest } from '#protocol/format/manifest-check.ts';
import { refsObject, useObject } from '#protocol/format/object-name.ts';
import { contentDigest, signedManifestBytes, signManifest } from '#protocol/format/signature.ts';
import { CachalotError, fault, isFault } from '#protocol/wire/errors.ts';
import type { CommitRequest } from '#protocol/wire/routes.ts';
import type { SegmentRow } from '../index/entry-index.ts';
import type { NameLocks } from '../store/name-locks.ts';
import type { Details } from './details.ts';
import type { IndexTrust } from './index-trust.ts';
import { layoutFrom } from './layout.ts';
import { LIFETIMES } from './lifetimes.ts';
import type { EntryParts } from './parts.ts';
import { entryId, type ManifestReading, manifestObject, readManifest } from './read-manifest.ts';
import { encodeEntryRefs } from './refs.ts';
import type { Retirement } from './retire.ts';
import type { SaveSession, SaveSessions } from './save-session.ts';
import type { SegmentCheck } from './segment-check.ts';
import type { SegmentRows } from './segment-rows.ts';
import { encodeUse, useOf } from './use.ts';
import { detailsOf, entryRow, identitiesOf, type WholeEntries, wholeEntry } from './whole-entry.ts';

export interface Committed {
  outcome: 'committed' | 'same';
  entry: string;
  signed: SignedManifest;
}

/** The 409 of a commit: carries the entry that was first. */
export class CommitConflictError extends CachalotError {
  readonly winner: { entry: string; signed: SignedManifest };

  constructor(key: string, winner: { entry: string; signed: SignedManifest }) {
    super('ENTRY_EXISTS', { key });
    this.winner = winner;
  }
}

type GoodManifest = ManifestReading & { state: 'good' };

export interface CommitParts {
  parts: EntryParts;
  rows: SegmentRows;
  check: SegmentCheck;
  details: Details;
  sessions: SaveSessions;
  retirement: Retirement;
  trust: IndexTrust;
  known: WholeEntries;
  /** By manifest object. */
  locks: NameLocks;
}

export class Commit {
  readonly #c: CommitParts;

  constructor(parts: CommitParts) {
    this.#c = parts;
  }

  /**
   * Throws `MANIFEST_UNREADABLE` for a request that makes no manifest, `ENTRY_TOO_LARGE`, `SEGMENT_MISSING`, `DETAIL_MISSING`
   * and, as {@link CommitConflictError}, `ENTRY_EXISTS`.
   */
  async commit(session: SaveSession, request: CommitRequest): Promise<Committed> {
    const { parts, locks, sessions } = this.#c;
    const manifest = await this.#manifest(session, request);
    const signed = signManifest(manifest, parts.signing.current);
    const bytes = signedManifestBytes(signed);
    if (bytes.length > LIMITS.manifestBytes) {
      throw fault('ENTRY_TOO_LARGE', { bytes: bytes.length, limit: LIMITS.manifestBytes });
    }
    const lossesBefore = this.#c.check.losses;
    await sessions.keep(session, everythingOf(signed));
    const rows = await this.#requireWhole(signed, { renewing: true });
    parts.reach('commit-checked');
    const object = manifestObject(signed);
    return await locks.hold(object, async () => {
      const earlier = await this.#earlier(object, session.domain);
      if (earlier !== undefined) {
        if (sameContent(earlier.signed, signed)) return await this.#same(object, earlier);
        if (!session.replace) throw await this.#conflict(object, earlier);
      }
      const committed = await this.#write({ object, signed, bytes, rows, earlier });
      const { hold } = parts.lifetimes ?? LIFETIMES;
      const took = (await parts.store.now()) - Date.parse(manifest.created);
      if (this.#c.check.losses !== lossesBefore || took >= hold)
        await this.#requireStillWhole(object, committed);
      return committed;
    });
  }

  /**
   * The entry that holds this place, if it is whole: then a save has nothing to do. One that is not whole is retired.
   */
  async holder(domain: string, object: string): Promise<string | undefined> {
    const found = await this.#c.locks.hold(object, () => this.#earlier(object, domain));
    if (found !== undefined) await this.#tellIndex(object, found.id, found.signed);
    return found?.id;
  }

  async #manifest(session: SaveSession, request: CommitRequest): Promise<Manifest> {
    const { store, limits } = this.#c.parts;
    const { roots, inputs, times, platform, totals, writer, timings, command } = request;
    const named = roots.map(({ root }) => root).sort();
    if (named.join('\0') !== session.roots.join('\0')) {
      throw fault(
        'REQUEST_INVALID',
        { why: 'its roots are not those that the save was opened with' },
        { field: 'roots' },
      );
    }
    if (totals.raw > limits.entryBytes)
      throw fault('ENTRY_TOO_LARGE', { bytes: totals.raw, limit: limits.entryBytes });
    const { kind, name, key, domain, scope } = session;
    return checkManifest({
      format: FORMAT_VERSION,
      kind,
      name,
      key,
      domain,
      scope,
      roots,
      inputs,
      ...(times === undefined ? {} : { times }),
      platform,
      totals,
      writer,
      timings,
      ...(command === undefined ? {} : { command }),
      created: new Date(await store.now()).toISOString(),
    });
  }

  // `renewing` puts what is condemned once more; `fresh` asks the store anew what is.
  async #requireWhole(
    signed: SignedManifest,
    { renewing = false, fresh = false } = {},
  ): Promise<Map<Digest, SegmentRow>> {
    const { domain, key } = signed.manifest;
    const whenCondemned = renewing ? 'renewed' : 'there';
    const rows = await this.#c.rows.present(domain, identitiesOf(signed), whenCondemned, { fresh });
    for (const { segments } of signed.manifest.roots) {
      for (const { identity, raw } of segments) {
        const row = rows.get(identity);
        if (row === undefined) throw fault('SEGMENT_MISSING', { identity });
        if (row.raw !== raw) {
          throw fault('MANIFEST_UNREADABLE', {
            key,
            why: `its segment ${identity} has ${row.raw} bytes, not ${raw}`,
          });
        }
      }
    }
    const missing = await this.#c.details.firstMissing(domain, detailsOf(signed), {
      renewing,
      fresh,
    });
    if (missing !== undefined) throw fault('DETAIL_MISSING', { digest: missing });
    return rows;
  }

  // Under the lock. What is there and not whole, or not ours, leaves.
  async #earlier(object: string, domain: string): Promise<GoodManifest | undefined> {
    const { parts, retirement } = this.#c;
    const found = await readManifest(parts, object);
    if (found.state === 'absent') return undefined;
    // It is whole as far as anybody here can tell; a newer program wrote it and can replace it.
    if (found.state === 'too-new')
      throw fault('FORMAT_TOO_NEW', { key: object, version: `above ${FORMAT_VERSION}` });
    const why = found.state === 'bad' ? found.why : await this.#hole(found.signed);
    if (why === undefined) return found as GoodManifest;
    const ids = found.state === 'good' ? [found.id] : [];
    await retirement.retireHeld({ domain, object, etag: found.etag, ids }, why);
    return undefined;
  }

  async #hole(signed: SignedManifest): Promise<string | undefined> {
    try {
      await this.#requireWhole(signed);
      return undefined;
    } catch (error) {
      if (isHole(error)) return error.message;
      throw error;
    }
  }

  async #same(object: string, earlier: GoodManifest): Promise<Committed> {
    await this.#tellIndex(object, earlier.id, earlier.signed);
    return { outcome: 'same', entry: earlier.id, signed: earlier.signed };
  }

  async #write(entry: {
    object: string;
    signed: SignedManifest;
    bytes: Buffer;
    rows: Map<Digest, SegmentRow>;
    earlier: GoodManifest | undefined;
  }): Promise<Committed> {
    const { parts, retirement, known } = this.#c;
    const { store, reach, observer } = parts;
    const { object, signed, bytes, rows, earlier } = entry;
    const id = entryId(bytes);
    const put = await store.put(object, bytes, { ifAbsent: earlier === undefined, durable: true });
    if (put === 'exists') return await this.#lost(object, signed);
    reach('commit-manifest-written');
    await store.put(refsObject(object), encodeEntryRefs(put.etag, everythingOf(signed)));
    await store.put(useObject(object), encodeUse(useOf(signed, rows)));
    reach('commit-refs-written');
    await this.#tellIndex(object, id, signed, rows);
    const layout = layoutFrom(rows, signed);
    // What has just been saved is what the next job asks for.
    if (!('hole' in layout))
      known.set(id, wholeEntry({ id, object, etag: put.etag, signed }, layout, parts.clock()));
    if (earlier !== undefined)
      await retirement.forget({ domain: signed.manifest.domain, object }, earlier.id);
    reach('commit-indexed');
    observer.committed(signed.manifest.key, id);
    return { outcome: 'committed', entry: id, signed };
  }

  /** Another server was first. */
  async #lost(object: string, signed: SignedManifest): Promise<Committed> {
    const winner = await this.#earlier(object, signed.manifest.domain);
    if (winner === undefined) throw fault('SERVER_BUSY', { what: 'another server changes the same key' });
    if (sameContent(winner.signed, signed)) return await this.#same(object, winner);
    throw await this.#conflict(object, winner);
  }

  async #conflict(object: string, { id, signed }: GoodManifest): Promise<CommitConflictError> {
    await this.#tellIndex(object, id, signed);
    return new CommitConflictError(signed.manifest.key, { entry: id, signed });
  }

  // A segment was taken away while we wrote, or it took so long that one may have been: perhaps one of ours.
  async #requireStillWhole(object: string, { entry, signed }: Committed): Promise<void> {
    const { parts, retirement } = this.#c;
    try {
      await this.#requireWhole(signed, { renewing: true, fresh: true });
    } catch (error) {
      const head = isHole(error) ? await parts.store.head(object) : undefined;
      if (head !== undefined) {
        const { domain } = signed.manifest;
        await retirement.retireHeld(
          { domain, object, etag: head.etag, ids: [entry] },
          (error as Error).message,
        );
      }
      throw error;
    }
  }

  // The manifest is the truth: an index that cannot be told is rebuilt, and the commit stands.
  async #tellIndex(
    object: string,
    id: string,
    signed: SignedManifest,
    rows?: Map<Digest, SegmentRow>,
  ): Promise<void> {
    const { parts, trust } = this.#c;
    const { domain } = signed.manifest;
    try {
      if (rows === undefined && (await parts.index.byId(domain, id)) !== undefined) return;
      const layout = layoutFrom(rows ?? (await this.#c.rows.locate(domain, identitiesOf(signed))), signed);
      if ('hole' in layout) return;
      await parts.index.put(entryRow({ id, object, signed }, layout));
    } catch (error) {
      parts.observer.failed('telling the index of a commit', error);
      await trust.distrust();
    }
  }
}

function sameContent(a: SignedManifest, b: SignedManifest): boolean {
  return contentDigest(a.manifest) === contentDigest(b.manifest);
}

function everythingOf(signed: SignedManifest): Digest[] {
  return [...identitiesOf(signed), ...detailsOf(signed)];
}

function isHole(error: unknown): error is CachalotError {
  return (
    isFault(error, 'SEGMENT_MISSING') ||
    isFault(error, 'DETAIL_MISSING') ||
    isFault(error, 'MANIFEST_UNREADABLE')
  );
}
