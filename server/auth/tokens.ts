/** Static tokens: an administrator makes them, and who holds one may what its record says. */
import { TOKENS_PREFIX } from '#protocol/format/object-name.ts';
import { isProject } from '#protocol/format/scope.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { AdminToken, AdminTokenRequest } from '#protocol/wire/routes.ts';
import type { Allowance } from './allowance.ts';
import { type CredentialRecord, CredentialRecords, type RecordParts } from './credential-records.ts';
import { makeCredential } from './credential-text.ts';
import { isRefPattern } from './ref-pattern.ts';

/** Trusted builds write branches and tags. What untrusted ones write lies apart, so it may be called anything. */
const USUAL_WRITES = { trusted: ['refs/heads/*', 'refs/tags/*'], untrusted: ['refs/*'], 'read-only': [] };
/** As it stands in objects' names, without any encoding. Lower case: some file systems fold. */
const DOMAIN = /^[a-z0-9][a-z0-9._:-]{0,127}$/;

export class Tokens {
  readonly #parts: RecordParts;
  readonly #records: CredentialRecords;

  constructor(parts: RecordParts) {
    this.#parts = parts;
    this.#records = new CredentialRecords(parts, 'token', TOKENS_PREFIX);
  }

  /** `token` is its text, which is nowhere else. Throws `REQUEST_INVALID`, with the field that is wrong. */
  async create(request: AdminTokenRequest): Promise<AdminToken & { token: string }> {
    const { store, random } = this.#parts;
    const { project, tier, expiresIn } = request;
    const { domain = `static:${project.replaceAll('/', ':')}`, writes = USUAL_WRITES[tier] } = request;
    demand(isProject(project), 'project', 'a project is lower case letters, digits, . _ / and -');
    demand(DOMAIN.test(domain), 'domain', 'a domain is lower case letters, digits, . _ : and -');
    for (const write of writes)
      demand(isRefPattern(write), 'writes', `${write} is no ref, nor one with a * in it; refs/heads/* is`);
    demand(tier !== 'read-only' || writes.length === 0, 'writes', 'who only reads writes no ref');
    demand(tier === 'read-only' || writes.length > 0, 'writes', 'it would write nothing; that is read-only');
    const { id, digest, text } = makeCredential('token', random);
    const now = await store.now();
    const record = {
      id,
      digest,
      domain,
      project,
      tier,
      writes,
      created: new Date(now).toISOString(),
      ...(expiresIn === undefined ? {} : { expires: new Date(now + expiresIn * 1000).toISOString() }),
    };
    await this.#records.create(record);
    return { ...describe(record), token: text };
  }

  /** All of them, the oldest first. */
  async list(): Promise<AdminToken[]> {
    const found: AdminToken[] = [];
    for await (const record of this.#records.all()) found.push(describe(record));
    return found.sort((a, b) => a.created.localeCompare(b.created) || a.id.localeCompare(b.id));
  }

  /** False where there was none of that id; see CredentialRecords.revoke. */
  async revoke(id: string): Promise<boolean> {
    return await this.#records.revoke(id);
  }

  /** What the token allows. Throws `CREDENTIAL_REFUSED`, and what the store throws. */
  async allowance(text: string): Promise<Allowance> {
    const { domain, project, tier, writes } = await this.#records.find(text);
    return { domain, project, tier, writes };
  }
}

function describe({ id, domain, project, tier, writes, created, expires }: CredentialRecord): AdminToken {
  const rest = expires === undefined ? {} : { expires };
  return { id, domain, project, tier, writes: [...writes], created, ...rest };
}

function demand(holds: boolean, field: string, why: string): void {
  if (!holds) throw fault('REQUEST_INVALID', { why }, { field });
}
