/**
 * The client of a Cachalot server: one method a route. Every method either answers what the protocol promises or throws a
 * CachalotError, within the budgets: a server that is absent, mute, slow, cut off midway or something else altogether is an
 * error like any other. Nothing is loaded and nothing is connected before the first call.
 */
import { hash, type KeyObject } from 'node:crypto';
import { LIMITS } from '#protocol/format/limits.ts';
import type { Digest, SignedManifest } from '#protocol/format/manifest.ts';
import { fault } from '#protocol/wire/errors.ts';
import { ACCEPT_INLINE } from '#protocol/wire/inline.ts';
import type {
  AdminJob,
  AdminJobAnswer,
  AdminToken,
  AdminTokenAnswer,
  AdminTokenRequest,
  CacheEvent,
  CommitAnswer,
  CommitRequest,
  EntryAnswer,
  EntrySummary,
  OpenSaveAnswer,
  OpenSaveRequest,
  Stats,
  SuspectAnswer,
  Want,
  Whoami,
} from '#protocol/wire/routes.ts';
import { type ArchiveRun, readArchive } from './archive-reader.ts';
import { Deadline } from './deadline.ts';
import type { Answer } from './exchange.ts';
import { Failure } from './failure.ts';
import type { FoundResult } from './lookup-answer.ts';
import { ANSWER_BYTES, type ClientParts, jsonBody, Requests, withSignal } from './requests.ts';
import type { SegmentRun } from './segment-reader.ts';
import { createSegmentWriter, type SegmentWriter } from './segment-writer.ts';
import type { ClientSettings } from './settings.ts';

export type { FoundResult } from './lookup-answer.ts';
export type { ClientParts } from './requests.ts';

export interface CacheClient {
  readonly url: string;
  /** Whether manifests are held against keys of ours: then content is to be held against manifests, byte for byte. */
  readonly pinned: boolean;
  whoami(): Promise<Whoami>;
  /**
   * One result a want, in their order. Throws MANIFEST_UNTRUSTED where keys are pinned and none of them signed a hit. `inline`: up to how many bytes of archives are welcome with the answer.
   */
  lookup(wants: Want[], options?: { inline?: number; signal?: AbortSignal }): Promise<FoundResult[]>;
  openSave(request: OpenSaveRequest, signal?: AbortSignal): Promise<OpenSaveAnswer>;
  /** Which of these the store lacks; the others are kept for this save. */
  lack(save: string, identities: Digest[], signal?: AbortSignal): Promise<Set<Digest>>;
  /** A way to send the segments of a save. */
  segmentWriter(save: string, signal?: AbortSignal): SegmentWriter;
  /** Throws ENTRY_EXISTS where the key holds other content: the first save wins. */
  commit(
    save: string,
    request: CommitRequest,
    signal?: AbortSignal,
  ): Promise<Pick<CommitAnswer, 'entry' | 'outcome'>>;
  putDetail(save: string, digest: Digest, bytes: Buffer, signal?: AbortSignal): Promise<void>;
  /** One that the entry names. Its sha256 is the digest, else CLIENT_ANSWER_UNREADABLE. */
  getDetail(entry: string, digest: Digest, signal?: AbortSignal): Promise<Buffer>;
  archive(run: ArchiveRun): AsyncGenerator<Buffer, void, void>;
  /** One segment's stored bytes, from wherever the server sends us. That it fails says nothing about the server. */
  segment(run: SegmentRun): AsyncGenerator<Buffer, void, void>;
  entry(id: string): Promise<EntryAnswer>;
  entries(query: { kind?: string; prefix?: string; ref?: string; limit: number }): Promise<EntrySummary[]>;
  remove(id: string): Promise<void>;
  suspect(identity: Digest, entry: string): Promise<SuspectAnswer>;
  /** `budget` in ms: figures are not worth the time of a control request. Its time-out says nothing about the server. */
  events(events: CacheEvent[], budget: number): Promise<void>;
  stats(): Promise<Stats>;
  /** Has the server do a job now. Throws ADMIN_REQUIRED where the token is not the administrator's. */
  adminJob(job: AdminJob, token: string): Promise<AdminJobAnswer>;
  /** Static tokens; `admin` is the administrator's token. */
  createToken(request: AdminTokenRequest, admin: string): Promise<AdminTokenAnswer>;
  tokens(admin: string): Promise<AdminToken[]>;
  /** Throws TOKEN_MISSING. */
  revokeToken(id: string, admin: string): Promise<void>;
  /** Closes every connection; what is under way fails. */
  close(): Promise<void>;
}

const BYTES_TYPE = 'application/octet-stream';
/** Eight bytes a member is the largest detail that there is: an entry's times. */
const DETAIL_BYTES = 8 * LIMITS.membersPerEntry;

export function createClient(settings: ClientSettings, parts: ClientParts = {}): CacheClient {
  const requests = new Requests(settings, parts);
  const { url } = requests;
  let keys: Promise<ReadonlyMap<string, KeyObject>> | undefined;

  const requirePinned = async (signed: readonly SignedManifest[]): Promise<void> => {
    if (settings.trust.size === 0 || signed.length === 0) return;
    const { KEYS_PATH, pinnedKeys, requireSigned } = await import('./pinned-keys.ts');
    keys ??= requests
      .ask('anything', { method: 'GET', path: KEYS_PATH })
      .then((published) => pinnedKeys(published, settings.trust));
    const known = await keys;
    for (const one of signed) requireSigned(one, known);
  };

  const drained = async (answer: Answer): Promise<void> => {
    await answer.bytes(ANSWER_BYTES);
  };

  return {
    url,
    pinned: settings.trust.size > 0,
    whoami: () => requests.ask('whoami', { method: 'GET', path: 'whoami' }),
    async lookup(wants, { inline = 0, signal } = {}) {
      const results: FoundResult[] = [];
      for (let at = 0; at < wants.length; at += LIMITS.wantsPerLookup) {
        const part = wants.slice(at, at + LIMITS.wantsPerLookup);
        const headers = inline > 0 ? { headers: { [ACCEPT_INLINE]: String(inline) } } : {};
        const outgoing = {
          method: 'POST',
          path: 'lookup',
          ...jsonBody({ wants: part }),
          ...headers,
        } as const;
        const found = await requests.control(
          { ...outgoing, ...withSignal(signal) },
          async (answer, deadline) => {
            const { readLookup } = await import('./lookup-answer.ts');
            return readLookup(answer, deadline, part.length, { json: ANSWER_BYTES, inline }, url);
          },
        );
        results.push(...found);
      }
      await requirePinned(results.flatMap((result) => (result.hit === 'none' ? [] : [result.signed])));
      return results;
    },
    openSave: (body, signal) => requests.ask('openSave', { method: 'POST', path: 'saves', body, signal }),
    async lack(save, identities, signal) {
      const lacking = new Set<Digest>();
      for (let at = 0; at < identities.length; at += LIMITS.identitiesPerRequest) {
        const body = { identities: identities.slice(at, at + LIMITS.identitiesPerRequest) };
        const { lack } = await requests.ask('lack', {
          method: 'POST',
          path: `${savePath(save)}/lack`,
          body,
          signal,
        });
        for (const identity of lack) lacking.add(identity);
      }
      return lacking;
    },
    segmentWriter: (save, signal) =>
      createSegmentWriter((bytes) => {
        const body = { type: BYTES_TYPE, bytes };
        const path = `segments/write${forSave(save)}`;
        const outgoing = { method: 'POST', path, body, ...withSignal(signal) } as const;
        return requests.withBody(outgoing, (answer) => requests.parse('write', answer));
      }, url),
    commit: (save, body, signal) =>
      requests.ask('commit', { method: 'POST', path: `${savePath(save)}/commit`, body, signal }),
    putDetail(save, digest, bytes, signal) {
      const body = { type: BYTES_TYPE, bytes: [bytes] };
      const path = `details/${digest}${forSave(save)}`;
      return requests.withBody({ method: 'PUT', path, body, ...withSignal(signal) }, drained);
    },
    getDetail: (entry, digest, signal) =>
      requests.withBody(
        { method: 'GET', path: `details/${digest}?entry=${entry}`, ...withSignal(signal) },
        async (answer) => {
          const bytes = await answer.bytes(DETAIL_BYTES);
          if (hash('sha256', bytes, 'hex') === digest) return bytes;
          throw fault('CLIENT_ANSWER_UNREADABLE', { url, why: `the detail ${digest} has another digest` });
        },
      ),
    async *archive(run) {
      requests.check();
      try {
        yield* readArchive(requests.send, url, requests.retrying, run);
      } catch (error) {
        throw requests.judge(error);
      }
    },
    async *segment(run) {
      const { readSegment } = await import('./segment-reader.ts');
      try {
        yield* readSegment(requests.send, requests.elsewhere, url, run);
      } catch (error) {
        throw error instanceof Failure ? error.fault : error;
      }
    },
    entry: (id) => requests.ask('entry', { method: 'GET', path: entryPath(id) }),
    async entries({ kind, prefix, ref, limit }) {
      const query = new URLSearchParams({ limit: String(limit) });
      if (kind !== undefined) query.set('kind', kind);
      if (prefix !== undefined) query.set('prefix', prefix);
      if (ref !== undefined) query.set('ref', ref);
      return (await requests.ask('entries', { method: 'GET', path: `entries?${query}` })).entries;
    },
    remove: (id) => requests.control({ method: 'DELETE', path: entryPath(id) }, drained),
    suspect: (identity, entry) =>
      requests.ask('suspect', { method: 'POST', path: `segments/${identity}/suspect`, body: { entry } }),
    async events(events, budget) {
      // Sent once: a second copy would be counted. Nor does its failure tell anything that the next command should know.
      requests.check();
      const deadline = new Deadline(requests.retrying.clock, url);
      deadline.total(budget);
      const outgoing = { method: 'POST', path: 'events', ...jsonBody({ events }), control: true } as const;
      try {
        await drained(await requests.send({ ...outgoing, signal: deadline.signal }));
      } catch (error) {
        throw error instanceof Failure ? error.fault : error;
      } finally {
        deadline.end();
      }
    },
    stats: () => requests.ask('stats', { method: 'GET', path: 'stats' }),
    adminJob: (job, token) =>
      requests.control({ method: 'POST', path: 'admin/jobs', ...as(token), ...jsonBody({ job }) }, (answer) =>
        requests.parse('adminJob', answer),
      ),
    createToken: (request, admin) =>
      requests.control(
        { method: 'POST', path: 'admin/tokens', ...as(admin), ...jsonBody(request) },
        (answer) => requests.parse('adminToken', answer),
      ),
    tokens: (admin) =>
      requests.control({ method: 'GET', path: 'admin/tokens', ...as(admin) }, async (answer) => {
        return (await requests.parse('adminTokens', answer)).tokens;
      }),
    revokeToken: (id, admin) =>
      requests.control(
        { method: 'DELETE', path: `admin/tokens/${encodeURIComponent(id)}`, ...as(admin) },
        drained,
      ),
    close: () => requests.close(),
  };
}

function savePath(save: string): string {
  return `saves/${encodeURIComponent(save)}`;
}

/** With another credential than the build's. */
function as(token: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** What is not trusted is believed to have what it sends for a save (server/entries/possession.ts). */
function forSave(save: string): string {
  return `?save=${encodeURIComponent(save)}`;
}

function entryPath(id: string): string {
  return `entries/${encodeURIComponent(id)}`;
}
