/**
 * The object store as an S3 bucket: an object is an object, its name the key behind the prefix. A write is visible whole or not
 * at all, says S3; what else the contract wants is made of conditions (`If-None-Match`, `If-Match`), as far as the bucket holds
 * to them (probe.ts), and of one lock for each name inside this process.
 *
 * An etag is S3's own, without quotation marks. For plain objects it is a digest of the bytes, so it tells bytes, not puts.
 */

import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { fault, isFault } from '#protocol/wire/errors.ts';
import { NameLocks } from '../name-locks.ts';
import { checkObjectName, isObjectName } from '../object-path.ts';
import type { Into, ObjectHead, ObjectStore, Presigned, StoredObject } from '../object-store.ts';
import { BrokenOffError, ObjectBody, wholeOf } from './body.ts';
import type { Bucket } from './bucket.ts';
import type { DirectReads } from './direct-reads.ts';
import type { Uploads } from './multipart.ts';
import { presign } from './presign.ts';
import type { Abilities } from './probe.ts';
import { Receipt } from './receipt.ts';
import { waitByLot, withRetries } from './retries.ts';
import type { Room } from './room.ts';
import { isConflict, isNoSuchKey, statusOf } from './s3-fault.ts';
import { bare, quoted, versionOf } from './version.ts';

export interface S3StoreParts {
  bucket: Bucket;
  signer: S3Client;
  /** What reads into memory that is there; undefined where the SDK does it all. */
  direct: DirectReads | undefined;
  /** The client that asks again after a direct read, once less. */
  again: S3Client;
  uploads: Uploads;
  /** For whole objects while they are received. */
  downloads: Room;
  abilities: Abilities;
}

type Answer<T> = T | 'changed' | undefined;

export class S3Store implements ObjectStore {
  readonly atomicCreate: boolean;
  /** Where deletions have no condition that the bucket holds to, only this process's own calls are exact. */
  readonly abilities: Abilities;
  /** S3 answers when the bytes are safe. */
  readonly doubtedBefore = 0;
  readonly #bucket: Bucket;
  readonly #signer: S3Client;
  readonly #direct: DirectReads | undefined;
  readonly #again: S3Client;
  readonly #uploads: Uploads;
  readonly #downloads: Room;
  readonly #changes = new NameLocks();

  constructor({ bucket, signer, direct, again, uploads, downloads, abilities }: S3StoreParts) {
    this.#bucket = bucket;
    this.#signer = signer;
    this.#direct = direct;
    this.#again = again;
    this.#uploads = uploads;
    this.#downloads = downloads;
    this.abilities = abilities;
    this.atomicCreate = abilities.create === 'atomic';
  }

  async now(): Promise<number> {
    return await this.#bucket.now();
  }

  async head(name: string): Promise<ObjectHead | undefined> {
    checkObjectName(name);
    const { client } = this.#bucket;
    const found = await this.#bucket.ask('s3:GetObject', () =>
      missingAsUndefined(client.send(new HeadObjectCommand(this.#bucket.at(name)))),
    );
    // Its answer has no body, so a bucket that is not there looks like an object that is not.
    if (found === undefined) return void (await this.#bucket.confirm());
    return { name, size: found.ContentLength ?? 0, ...versionOf(found) };
  }

  async get(
    name: string,
    { ifMatch, into }: { ifMatch?: string; into?: Into } = {},
  ): Promise<Answer<StoredObject>> {
    checkObjectName(name);
    if (ifMatch !== undefined && into !== undefined)
      return await this.#receive(name, ifMatch, new Receipt(into));
    // The SDK asks again until there is an answer; here, where its bytes break off.
    return await withRetries(this.#bucket.retries, isBrokenOff, async () => {
      const found = await this.#open(name, ifMatch);
      return typeof found === 'object' ? await this.#hold(found) : found;
    });
  }

  async #hold({ body, size, etag, modified }: OpenObject): Promise<StoredObject> {
    const release = await this.#downloads.reserve(size);
    try {
      return { bytes: await wholeOf(body, size), etag, modified };
    } finally {
      release();
    }
  }

  /** What has come stays, so that somebody may read it meanwhile: where it breaks off, the rest is asked for. */
  async #receive(name: string, etag: string, receipt: Receipt): Promise<Answer<StoredObject>> {
    const direct = this.#direct?.works ? this.#direct : undefined;
    const outcome = await direct?.read({
      key: this.#bucket.at(name).Key,
      etag,
      size: receipt.bytes.length,
      piece: (bytes) => receipt.add(bytes),
    });
    if (outcome !== undefined && 'modified' in outcome)
      return { bytes: receipt.bytes, etag, modified: outcome.modified };
    const refused = outcome !== undefined && 'status' in outcome ? outcome.status : undefined;
    if (outcome !== undefined && (refused ?? 500) >= 500) await waitByLot(this.#bucket.retries, 1);
    const client = direct === undefined ? this.#bucket.client : this.#again;
    const found = await withRetries(this.#bucket.retries, isBrokenOff, async () => {
      const { left } = receipt;
      const found = await this.#open(name, etag, left, client);
      if (found === 'empty') throw fault('STORE_FAILED', { why: 'it does not have the rest of an object' });
      if (found === undefined || found === 'changed') return found;
      if (left === undefined && found.size !== receipt.bytes.length) return await this.#hold(found);
      for await (const piece of found.body as AsyncIterable<Buffer>) receipt.add(piece);
      if (!receipt.isWhole)
        throw fault('STORE_FAILED', { why: 'it answered with less than the rest of an object' });
      return { bytes: receipt.bytes, etag, modified: found.modified };
    });
    if (refused !== undefined && refused >= 400 && typeof found === 'object')
      direct?.wasRefusedAlone(refused);
    return found;
  }

  async read(
    name: string,
    start: number,
    end: number,
    options: { ifMatch?: string } = {},
  ): Promise<Answer<Readable>> {
    checkObjectName(name);
    if (start < end) {
      const found = await this.#open(name, options.ifMatch, { start, end });
      if (found !== 'empty') return typeof found === 'object' ? found.body : found;
    }
    // There is no range for no bytes.
    const head = await this.head(name);
    if (head === undefined) return undefined;
    return options.ifMatch === undefined || options.ifMatch === head.etag ? Readable.from([]) : 'changed';
  }

  async put(
    name: string,
    bytes: Buffer,
    { ifAbsent = false }: { ifAbsent?: boolean; durable?: boolean } = {},
  ): Promise<{ etag: string } | 'exists'> {
    checkObjectName(name);
    if (!ifAbsent) return await this.#changes.hold(name, () => this.#put(name, bytes));
    const unconditional = this.abilities.create === 'refused';
    if (unconditional && (await this.head(name)) !== undefined) return 'exists';
    try {
      return await this.#put(name, bytes, unconditional ? undefined : '*');
    } catch (error) {
      if (isFault(error) && statusOf(error.cause) === 412) return 'exists';
      throw error;
    }
  }

  async #put(name: string, bytes: Buffer, ifNoneMatch?: string): Promise<{ etag: string }> {
    const { client, encryption, retries } = this.#bucket;
    const put = new PutObjectCommand({
      ...this.#bucket.at(name),
      ...encryption,
      Body: bytes,
      ContentLength: bytes.length,
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
    });
    const { ETag } = await this.#bucket.ask('s3:PutObject', () =>
      withRetries(retries, isConflict, () => client.send(put)),
    );
    return { etag: bare(ETag) };
  }

  async putStream(
    name: string,
    source: AsyncIterable<Uint8Array>,
    { expected }: { expected?: number; durable?: boolean } = {},
  ): Promise<{ etag: string; size: number }> {
    checkObjectName(name);
    return await this.#uploads.put(name, source, {
      expected,
      whole: (bytes) => this.#changes.hold(name, () => this.#put(name, bytes)),
      complete: (work) => this.#changes.hold(name, work),
    });
  }

  async delete(name: string, options: { ifMatch?: string; modified?: number } = {}): Promise<boolean> {
    checkObjectName(name);
    const { ifMatch, modified } = options;
    return await this.#changes.hold(name, async () => {
      // S3 answers the same whether something was there or not, and has no condition on the time.
      const head = await this.head(name);
      if (head === undefined || (ifMatch ?? head.etag) !== head.etag) return false;
      if ((modified ?? head.modified) !== head.modified) return false;
      return await this.#remove(name, ifMatch);
    });
  }

  async #remove(name: string, ifMatch: string | undefined): Promise<boolean> {
    const { client } = this.#bucket;
    const condition =
      ifMatch === undefined || !this.abilities.conditionalDelete ? {} : { IfMatch: quoted(ifMatch) };
    const remove = new DeleteObjectCommand({ ...this.#bucket.at(name), ...condition });
    return await this.#bucket.ask('s3:DeleteObject', async () => {
      try {
        await client.send(remove);
        return true;
      } catch (error) {
        // Another process was at it between the look and this: 412 and 409 where it was put again, 404 where it has gone.
        if (statusOf(error) === 412 || isConflict(error) || isNoSuchKey(error)) return false;
        throw error;
      }
    });
  }

  async *list(prefix: string): AsyncGenerator<ObjectHead> {
    const { client, place, prefix: above } = this.#bucket;
    let token: string | undefined;
    do {
      const page = await this.#bucket.ask('s3:ListBucket', () =>
        client.send(
          new ListObjectsV2Command({
            Bucket: place.bucket,
            Prefix: above + prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        ),
      );
      for (const { Key = '', Size = 0, ...version } of page.Contents ?? []) {
        const name = Key.slice(above.length);
        if (isObjectName(name)) yield { name, size: Size, ...versionOf(version) };
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async presign(name: string, options: { seconds: number; etag?: string }): Promise<Presigned> {
    checkObjectName(name);
    // Our own clock may be off, and nobody would notice but the runner whose URL has ended.
    const now = await this.#bucket.now();
    return await this.#bucket.ask('s3:GetObject', () =>
      presign(this.#signer, this.#bucket.at(name), { ...options, now }),
    );
  }

  async close(): Promise<void> {
    this.#direct?.close();
    for (const client of [this.#again, this.#bucket.client, this.#signer]) client.destroy();
  }

  #open(name: string, ifMatch: string | undefined): Promise<Answer<OpenObject>>;
  #open(
    name: string,
    ifMatch: string | undefined,
    range: { start: number; end: number } | undefined,
    client?: S3Client,
  ): Promise<Answer<OpenObject> | 'empty'>;
  async #open(
    name: string,
    ifMatch: string | undefined,
    range?: { start: number; end: number },
    client = this.#bucket.client,
  ): Promise<Answer<OpenObject> | 'empty'> {
    const { idle } = this.#bucket;
    const get = new GetObjectCommand({
      ...this.#bucket.at(name),
      ...(ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }),
      ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
    });
    return await this.#bucket.ask('s3:GetObject', async () => {
      try {
        const found = await client.send(get);
        const body = found.Body as Readable;
        const size = found.ContentLength;
        const wrong = wrongAnswer(found, range);
        if (size === undefined || wrong !== undefined) {
          body.destroy();
          throw fault('STORE_FAILED', { why: wrong ?? 'its answer has no length' });
        }
        return { body: new ObjectBody(body, size, idle), size, ...versionOf(found) };
      } catch (error) {
        if (isNoSuchKey(error)) return undefined;
        if (statusOf(error) === 412) return 'changed';
        if (statusOf(error) === 416) return 'empty';
        throw error;
      }
    });
  }
}

interface OpenObject {
  body: ObjectBody;
  size: number;
  etag: string;
  modified: number;
}

/** Why an answer is not the range that was asked for; some gateways leave ranges out. */
function wrongAnswer(
  {
    ContentRange: given,
    ContentLength: size = 0,
  }: { ContentRange?: string | undefined; ContentLength?: number | undefined },
  range: { start: number; end: number } | undefined,
): string | undefined {
  if (range === undefined) return given === undefined ? undefined : 'it answered with a part of the object';
  const start = given === undefined ? 0 : Number(/^bytes (\d+)-/.exec(given)?.[1]);
  const isThat = start === range.start && size <= range.end - range.start;
  return isThat ? undefined : 'it answered with another range than it was asked for';
}

async function missingAsUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNoSuchKey(error)) return undefined;
    throw error;
  }
}

/** The answer had begun. What never came has been asked for often enough. */
function isBrokenOff(error: unknown): boolean {
  return isFault(error) && error.cause instanceof BrokenOffError;
}
