/**
 * Save sessions: what a save relies on between its first question and its commit (formats.md, section 6). All of it is in the
 * store, so a session survives the server:
 *
 *     uploads/<save>/save.json    what is being saved, by whom, opened when (the store's time)
 *     uploads/<save>/<n>.refs     identities that the save relies on, written before "have it" is answered
 *
 * Mark treats those lists as roots while they are younger than the grace; a session ends long before.
 */
import { LRUCache } from 'lru-cache';
import type { Digest } from '#protocol/format/manifest.ts';
import { uploadRefsObject } from '#protocol/format/object-name.ts';
import { fault } from '#protocol/wire/errors.ts';
import { type Grant, requireWriter } from '../auth/grant.ts';
import { LIFETIMES } from './lifetimes.ts';
import type { EntryParts } from './parts.ts';
import { eachRef, encodeRefs } from './refs.ts';
import type { SegmentRows } from './segment-rows.ts';

const ID_BYTES = 16;
/** Sessions are never changed, so remembering them is only a matter of room. */
const REMEMBERED = 1_000;

export interface SaveSession {
  save: string;
  domain: string;
  scope: string;
  key: string;
  kind: string;
  name: string;
  /** As text, sorted. */
  roots: string[];
  replace: boolean;
  /** Milliseconds since 1970 by the store's clock. */
  opened: number;
}

export class SaveSessions {
  readonly #parts: EntryParts;
  readonly #rows: SegmentRows;
  readonly #known = new LRUCache<string, SaveSession>({ max: REMEMBERED });
  readonly #lists = new LRUCache<string, number>({ max: REMEMBERED });

  constructor(parts: EntryParts, rows: SegmentRows) {
    this.#parts = parts;
    this.#rows = rows;
  }

  async open(
    grant: Grant,
    what: Pick<SaveSession, 'key' | 'kind' | 'name' | 'roots' | 'replace'>,
  ): Promise<SaveSession> {
    const scope = requireWriter(grant, 'save');
    const { store, random, reach } = this.#parts;
    const session: SaveSession = {
      save: random(ID_BYTES).toString('base64url'),
      domain: grant.domain,
      scope,
      ...what,
      opened: await store.now(),
    };
    await store.put(sessionObject(session.save), Buffer.from(JSON.stringify(session)), { ifAbsent: true });
    this.#known.set(session.save, session);
    reach('save-opened');
    return session;
  }

  /** Throws `SAVE_UNKNOWN` for another's session too, and `SAVE_EXPIRED`. */
  async get(grant: Grant, save: string): Promise<SaveSession> {
    const scope = requireWriter(grant, 'save');
    const session = this.#known.get(save) ?? (await this.#read(save));
    if (session === undefined || session.domain !== grant.domain || session.scope !== scope) {
      throw fault('SAVE_UNKNOWN', { save });
    }
    if ((await this.#parts.store.now()) - session.opened > this.lasts) throw fault('SAVE_EXPIRED', { save });
    return session;
  }

  /** Milliseconds from the opening of a session to its end. */
  get lasts(): number {
    return (this.#parts.lifetimes ?? LIFETIMES).session;
  }

  /**
   * Which of these have to be sent: the store does not have them, or will not for long. All of them are kept for this save from
   * now on.
   */
  async lack(session: SaveSession, identities: readonly Digest[]): Promise<Digest[]> {
    const distinct = [...new Set(identities)];
    await this.keep(session, distinct);
    this.#parts.reach('lack-refs-written');
    const present = await this.#rows.present(session.domain, distinct, 'lacks');
    return distinct.filter((identity) => !present.has(identity));
  }

  /** Writes a list of identities and digests that this save relies on: retention leaves them alone. */
  async keep({ save }: SaveSession, identities: readonly Digest[]): Promise<void> {
    const refs = encodeRefs(identities);
    for (let n = this.#lists.get(save) ?? 0; ; n++) {
      this.#lists.set(save, n + 1);
      // Taken by this session before a restart, or by another server: the next number is free.
      if ((await this.#parts.store.put(uploadRefsObject(save, n), refs, { ifAbsent: true })) !== 'exists')
        return;
    }
  }

  /** Everything that its lists hold. */
  async kept({ save }: SaveSession): Promise<Set<Digest>> {
    const { store } = this.#parts;
    const kept = new Set<Digest>();
    for await (const { name } of store.list(uploadRefsObject(save, 0).replace(/0\.refs$/, ''))) {
      if (!name.endsWith('.refs')) continue;
      const found = await store.get(name);
      if (found === undefined || found === 'changed') continue;
      for (const digest of eachRef(found.bytes)) kept.add(digest);
    }
    return kept;
  }

  async #read(save: string): Promise<SaveSession | undefined> {
    const found = await this.#parts.store.get(sessionObject(save));
    if (found === undefined || found === 'changed') return undefined;
    const session = JSON.parse(found.bytes.toString()) as SaveSession;
    this.#known.set(save, session);
    return session;
  }
}

function sessionObject(save: string): string {
  return uploadRefsObject(save, 0).replace(/0\.refs$/, 'save.json');
}
