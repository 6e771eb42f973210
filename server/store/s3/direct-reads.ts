/**
 * Objects received into memory that is there for them, past the SDK. For each read the SDK runs a score of middleware, and the client
 * below it makes fresh memory for every piece: over half a dozen core-seconds per GB, most of them V8's marking. Here a
 * request is signed (by the SDK's own signer, with its credentials), sent, and its answer's bytes are copied to where they shall lie.
 *
 * Only what goes well happens here. Whatever else comes back, and whatever breaks, is for the SDK to ask again and to
 * understand (store.ts): it knows the errors, and when to wait.
 */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AnswerClock } from './answer-clock.ts';
import { GetConnection, type Head, type Origin, type Waits } from './get-connection.ts';
import { bare, quoted, versionOf } from './version.ts';

/** A connection that nobody needed for this long is closed: before most servers do it, while a request is on its way. */
const REST_MS = 4_000;
/** Refusals in a row that the SDK then did not meet. */
const REFUSALS = 3;

export interface DirectParts {
  /** A client for the endpoint that is read from; asked for credentials and hashes. */
  signer: S3Client;
  clock: AnswerClock;
  monotonic: () => number;
  /** An answer that says that the bucket is there. */
  onSuccess(): void;
  /** At most, at once. */
  connections: number;
  waits: Waits;
  warn: (what: string) => void;
}

export interface DirectRead {
  key: string;
  /** The version that is wanted. */
  etag: string;
  /** Of the object. */
  size: number;
  /** The bytes are there until it returns. */
  piece(bytes: Buffer): void;
}

/** How it ended: whole; with an answer that is for the SDK to understand (its status); or without one. */
export type DirectOutcome = { modified: number } | { status: number } | { error: Error };

interface Target extends Origin {
  /** As the `Host` header has it. */
  authority: string;
  /** Of every object, before its key. */
  path: string;
  region: string;
}

export class DirectReads {
  readonly #parts: DirectParts;
  readonly #target: Target;
  readonly #signature: SignatureV4;
  readonly #resting: GetConnection[] = [];
  readonly #all = new Set<GetConnection>();
  readonly #waiting: (() => void)[] = [];
  #inUse = 0;
  #refusals = 0;

  private constructor(parts: DirectParts, target: Target) {
    this.#parts = parts;
    this.#target = target;
    this.#signature = new SignatureV4({
      service: 's3',
      region: target.region,
      credentials: parts.signer.config.credentials,
      sha256: parts.signer.config.sha256,
      uriEscapePath: false,
      applyChecksum: false,
    });
  }

  /** Undefined where requests are not signed as these are. */
  static async open(bucket: string, parts: DirectParts): Promise<DirectReads | undefined> {
    // Where the SDK would ask, and for which region, is in what it signs.
    const command = new GetObjectCommand({ Bucket: bucket, Key: 'o' });
    const url = new URL(await getSignedUrl(parts.signer, command));
    const isOrdinary =
      url.searchParams.get('X-Amz-Algorithm') === 'AWS4-HMAC-SHA256' &&
      !url.searchParams.has('X-Amz-S3session-Token');
    const region = url.searchParams.get('X-Amz-Credential')?.split('/').at(-3);
    if (!isOrdinary || region === undefined || !url.pathname.endsWith('/o')) return undefined;
    const isTls = url.protocol === 'https:';
    return new DirectReads(parts, {
      isTls,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port) || (isTls ? 443 : 80),
      authority: url.host,
      path: url.pathname.slice(0, -1),
      region,
    });
  }

  /** Whether it is worth trying: a store that refuses these reads and not the SDK's is left to the SDK. */
  get works(): boolean {
    return this.#refusals < REFUSALS;
  }

  /** The SDK was given what was refused here. */
  wasRefusedAlone(status: number): void {
    this.#refusals += 1;
    if (this.#refusals === REFUSALS)
      this.#parts.warn(
        `The store answers ${status} to reads that are not the SDK's own: the SDK makes them all.`,
      );
  }

  async read(read: DirectRead): Promise<DirectOutcome> {
    const { clock, monotonic, onSuccess } = this.#parts;
    let outcome: DirectOutcome = { error: new Error('there was no answer') };
    try {
      const request = await this.#request(read);
      const connection = await this.#connect();
      const sent = monotonic();
      try {
        await connection.ask(request, {
          head(head) {
            const date = Date.parse(head.headers.get('date') ?? '');
            if (!Number.isNaN(date)) clock.saw(date, sent, monotonic());
            if (head.status === 200) onSuccess();
            if (!isWhat(head, read)) {
              outcome = { status: head.status };
              return undefined;
            }
            const { modified } = versionOf({
              LastModified: new Date(head.headers.get('last-modified') ?? 0),
            });
            outcome = { modified };
            return read.size;
          },
          piece: read.piece,
        });
        if ('modified' in outcome) this.#refusals = 0;
      } finally {
        this.#rest(connection);
      }
    } catch (error) {
      return { error: error as Error };
    }
    return outcome;
  }

  close(): void {
    for (const connection of this.#all) connection.close();
    this.#parts.signer.destroy();
  }

  async #request({ key, etag }: DirectRead): Promise<string> {
    const { authority, path, host, isTls } = this.#target;
    const signed = await this.#signature.sign(
      {
        method: 'GET',
        protocol: isTls ? 'https:' : 'http:',
        hostname: host,
        path: path + key.split('/').map(escaped).join('/'),
        query: {},
        headers: { host: authority, 'if-match': quoted(etag), 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      },
      // By the store's clock, as far as it is known: ours may be off.
      { signingDate: new Date(this.#parts.clock.now() ?? Date.now()) },
    );
    const headers = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}`);
    return [`GET ${signed.path} HTTP/1.1`, ...headers].join('\r\n');
  }

  async #connect(): Promise<GetConnection> {
    while (this.#inUse >= this.#parts.connections)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#inUse += 1;
    for (let rested = this.#resting.pop(); rested !== undefined; rested = this.#resting.pop())
      if (rested.isOpen) return rested;
    const connection: GetConnection = new GetConnection(this.#target, this.#parts.waits, () => {
      this.#all.delete(connection);
      const at = this.#resting.indexOf(connection);
      if (at !== -1) this.#resting.splice(at, 1);
    });
    this.#all.add(connection);
    return connection;
  }

  #rest(connection: GetConnection): void {
    this.#inUse -= 1;
    if (connection.isOpen) {
      connection.rest(REST_MS);
      this.#resting.push(connection);
    }
    this.#waiting.shift()?.();
  }
}

/** That version of the object, whole, in one piece of known length. */
function isWhat({ status, headers }: Head, { etag, size }: DirectRead): boolean {
  return (
    status === 200 &&
    headers.get('content-length') === String(size) &&
    !headers.has('transfer-encoding') &&
    !headers.has('content-range') &&
    bare(headers.get('etag')) === etag
  );
}

/** As S3 has paths in what is signed. */
function escaped(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
