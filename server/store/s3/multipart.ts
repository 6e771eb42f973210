/**
 * Uploads of any length: gathered into parts, each sent when it is full, a few at a time, and put together by the store at the end.
 * Parts are in memory until they are sent (the SDK sends them again where that fails), so all uploads of the process share one
 * bound: who wants to fill a part waits for room. What fits into one part is an ordinary put.
 *
 * A process that dies leaves parts that nobody can see and somebody pays for; a lifecycle rule removes them
 * (docs/operations.md).
 */
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { fault } from '#protocol/wire/errors.ts';
import type { Bucket } from './bucket.ts';
import type { Room } from './room.ts';
import { nameOf } from './s3-fault.ts';
import { bare } from './version.ts';

const MiB = 1024 * 1024;
/** S3 takes no more. */
const MOST_PARTS = 10_000;
/** Of one upload, on their way at once. */
const PARTS_UNDER_WAY = 3;

export interface UploadTarget {
  /** Bytes, where that is known: a longer one has larger parts. */
  expected: number | undefined;
  /** Puts what fits into one part. */
  whole(bytes: Buffer): Promise<{ etag: string }>;
  /** Runs what makes the object visible. */
  complete<T>(work: () => Promise<T>): Promise<T>;
}

interface Part {
  bytes: Buffer;
  used: number;
  release(): void;
}

export class Uploads {
  readonly #bucket: Bucket;
  readonly #room: Room;
  readonly #partBytes: number;
  readonly #warn: (what: string, error: unknown) => void;

  constructor(parts: {
    bucket: Bucket;
    /** For parts, until they are sent. */
    room: Room;
    partBytes: number;
    warn: (what: string, error: unknown) => void;
  }) {
    this.#bucket = parts.bucket;
    this.#room = parts.room;
    this.#partBytes = parts.partBytes;
    this.#warn = parts.warn;
  }

  /** What the source throws is thrown as it is. Nothing is visible unless it answers. */
  async put(
    name: string,
    source: AsyncIterable<Uint8Array>,
    target: UploadTarget,
  ): Promise<{ etag: string; size: number }> {
    const partBytes = this.#sizeOfParts(target.expected);
    // Of what is known to be small, no more than that is held.
    const first = Math.max(1, Math.min(partBytes, target.expected ?? partBytes));
    let part: Part | undefined = await this.#take(first);
    let upload: Upload | undefined;
    let size = 0;
    try {
      for await (const piece of source) {
        for (let at = 0; at < piece.length; ) {
          if (part !== undefined && part.used === part.bytes.length) {
            if (part.bytes.length < partBytes) part = await this.#widen(part, partBytes);
            else {
              upload ??= await Upload.begin(this.#bucket, name);
              const full: Part = part;
              part = undefined;
              await upload.send(full);
            }
          }
          part ??= await this.#take(partBytes);
          const taken = piece.subarray(at, at + part.bytes.length - part.used);
          part.bytes.set(taken, part.used);
          part.used += taken.length;
          at += taken.length;
          size += taken.length;
        }
      }
      if (upload === undefined) {
        const { bytes, used } = part ?? { bytes: Buffer.alloc(0), used: 0 };
        const { etag } = await target.whole(bytes.subarray(0, used));
        return { etag, size };
      }
      const last = part;
      part = undefined;
      if (last !== undefined) await upload.send(last);
      const begun = upload;
      const etag = await target.complete(() => begun.complete());
      return { etag, size };
    } catch (error) {
      await upload?.abort(this.#warn);
      throw error;
    } finally {
      part?.release();
    }
  }

  #sizeOfParts(expected = 0): number {
    const needed = Math.ceil(expected / (MOST_PARTS - 1) / MiB) * MiB;
    return Math.max(this.#partBytes, needed);
  }

  async #take(bytes: number): Promise<Part> {
    const release = await this.#room.reserve(bytes);
    return { bytes: Buffer.allocUnsafeSlow(bytes), used: 0, release };
  }

  /** There is more than was expected. What it holds is given back first: nobody waits for room while holding some. */
  async #widen(part: Part, bytes: number): Promise<Part> {
    const kept = part.bytes.subarray(0, part.used);
    part.release();
    const wider = await this.#take(bytes);
    wider.bytes.set(kept);
    wider.used = kept.length;
    return wider;
  }
}

class Upload {
  readonly #bucket: Bucket;
  readonly #object: { Bucket: string; Key: string; UploadId: string };
  readonly #done: CompletedPart[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #count = 0;
  #failure: { error: unknown } | undefined;

  private constructor(bucket: Bucket, object: { Bucket: string; Key: string; UploadId: string }) {
    this.#bucket = bucket;
    this.#object = object;
  }

  static async begin(bucket: Bucket, name: string): Promise<Upload> {
    const object = bucket.at(name);
    const begin = new CreateMultipartUploadCommand({ ...object, ...bucket.encryption });
    const { UploadId } = await bucket.ask('s3:PutObject', () => bucket.client.send(begin));
    if (UploadId === undefined) throw fault('STORE_FAILED', { why: 'it began an upload without an id' });
    return new Upload(bucket, { ...object, UploadId });
  }

  /** Takes the part and releases it when it is sent; answers as soon as another one may come. */
  async send(part: Part): Promise<void> {
    const number = ++this.#count;
    if (number > MOST_PARTS) {
      part.release();
      throw fault('STORE_FAILED', { why: `an object has more than ${MOST_PARTS} parts; raise s3.partBytes` });
    }
    const sending: Promise<void> = this.#send(number, part)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        part.release();
        this.#underWay.delete(sending);
      });
    this.#underWay.add(sending);
    while (this.#underWay.size >= PARTS_UNDER_WAY) await Promise.race(this.#underWay);
    this.#throwFailure();
  }

  async #send(number: number, part: Part): Promise<void> {
    const { client } = this.#bucket;
    const body = part.bytes.subarray(0, part.used);
    const send = new UploadPartCommand({
      ...this.#object,
      PartNumber: number,
      Body: body,
      ContentLength: body.length,
    });
    const { ETag } = await this.#bucket.ask('s3:PutObject', () => client.send(send));
    this.#done.push({ PartNumber: number, ...(ETag === undefined ? {} : { ETag }) });
  }

  /** Makes the object visible; its etag. */
  async complete(): Promise<string> {
    await Promise.all(this.#underWay);
    this.#throwFailure();
    const Parts = this.#done.sort((one, other) => (one.PartNumber ?? 0) - (other.PartNumber ?? 0));
    const complete = new CompleteMultipartUploadCommand({ ...this.#object, MultipartUpload: { Parts } });
    const { ETag } = await this.#bucket.ask('s3:PutObject', () => this.#bucket.client.send(complete));
    return bare(ETag);
  }

  /** Waits for what is on its way, or a part that comes late would stay. */
  async abort(warn: (what: string, error: unknown) => void): Promise<void> {
    await Promise.all(this.#underWay);
    const abort = new AbortMultipartUploadCommand(this.#object);
    try {
      await this.#bucket.ask('s3:AbortMultipartUpload', () => this.#bucket.client.send(abort));
    } catch (error) {
      // Completed after all, though the answer was lost.
      if (nameOf((error as Error).cause) === 'NoSuchUpload') return;
      warn('an upload could not be aborted; its parts stay until a lifecycle rule removes them', error);
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
