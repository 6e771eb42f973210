/**
 * Sessions: a CI system's token lives minutes, and builds do not. At its first use it is exchanged for a session that allows the
 * same, for half a day. A session begets no other one.
 */
import { SESSIONS_PREFIX } from '#protocol/format/object-name.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { SessionAnswer } from '#protocol/wire/routes.ts';
import type { Allowance } from './allowance.ts';
import { CredentialRecords, type RecordParts } from './credential-records.ts';
import { makeCredential } from './credential-text.ts';

export const SESSION_MS = 12 * 60 * 60 * 1000;

export interface SessionParts extends RecordParts {
  /** Names of the issuers whose sessions count: one that is configured no more takes its sessions with it. */
  issuers: ReadonlySet<string>;
  /** Told of each that is opened: by its id it can be revoked. */
  onOpen(session: { id: string; domain: string; project: string; tier: string }): void;
}

export class Sessions {
  readonly #parts: SessionParts;
  readonly #records: CredentialRecords;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#records = new CredentialRecords(parts, 'session', SESSIONS_PREFIX);
  }

  /** Throws `REQUEST_REFUSED` for what is no token of a CI system. */
  async open(allowance: Allowance | undefined): Promise<SessionAnswer> {
    if (allowance?.issuer === undefined)
      throw fault('REQUEST_REFUSED', { what: 'open a session: only tokens of CI systems are exchanged' });
    const { store, random, onOpen } = this.#parts;
    const { id, digest, text } = makeCredential('session', random);
    const now = await store.now();
    const expires = new Date(now + SESSION_MS).toISOString();
    await this.#records.create({ ...allowance, id, digest, created: new Date(now).toISOString(), expires });
    const { domain, project, tier } = allowance;
    onOpen({ id, domain, project, tier });
    return { session: text, seconds: SESSION_MS / 1000 };
  }

  /** What the session allows. Throws `CREDENTIAL_REFUSED`, and what the store throws. */
  async allowance(text: string): Promise<Allowance> {
    const { domain, project, tier, writes, calledAs, issuer = '' } = await this.#records.find(text);
    if (!this.#parts.issuers.has(issuer))
      throw fault('CREDENTIAL_REFUSED', { why: 'its issuer does not count any more' });
    return { domain, project, tier, writes, ...(calledAs === undefined ? {} : { calledAs }) };
  }

  /** False where there was none of that id. */
  async revoke(id: string): Promise<boolean> {
    return await this.#records.revoke(id);
  }
}
