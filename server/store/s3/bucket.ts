/**
 * One bucket as the rest of the store asks it: each call names the permission that it needs, and its errors are those of the
 * catalogue. It knows when it last heard that the bucket is there, which a HEAD of a missing object does not say.
 */
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { fault } from '#protocol/wire/errors.ts';
import type { AnswerClock } from './answer-clock.ts';
import type { Retries } from './retries.ts';
import { type Permission, type Place, s3Fault } from './s3-fault.ts';

/** A success proves for so long that the bucket is there, and that its clock is known. */
const TRUSTED_MS = 10_000;

export interface BucketParts {
  client: S3Client;
  place: Place;
  /** Of all names; empty, or ends with `/`. */
  prefix: string;
  clock: AnswerClock;
  retries: Retries;
  monotonic: () => number;
  /** Milliseconds that a body may pause. */
  idle: number;
  /** Headers of every object that is put. */
  encryption: Record<string, string>;
}

export class Bucket {
  readonly client: S3Client;
  readonly place: Place;
  readonly prefix: string;
  readonly retries: Retries;
  readonly idle: number;
  readonly encryption: Record<string, string>;
  readonly #clock: AnswerClock;
  readonly #monotonic: () => number;
  #seen = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor({ client, place, prefix, clock, retries, monotonic, idle, encryption }: BucketParts) {
    this.client = client;
    this.place = place;
    this.prefix = prefix;
    this.retries = retries;
    this.idle = idle;
    this.encryption = encryption;
    this.#clock = clock;
    this.#monotonic = monotonic;
  }

  /** Where an object stands, as every request says it. */
  at(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.place.bucket, Key: this.prefix + name };
  }

  /** The answer, or a fault of the catalogue. */
  async ask<T>(permission: Permission, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw s3Fault(error, permission, this.place);
    }
  }

  /** An answer has shown that the bucket is there. */
  saw(): void {
    this.#seen = this.#monotonic();
  }

  /** Asks whether the bucket is there, unless that was seen a moment ago. Throws what it throws where it is not. */
  async confirm(): Promise<void> {
    if (this.#monotonic() - this.#seen <= TRUSTED_MS) return;
    const { place, prefix } = this;
    const question = new ListObjectsV2Command({ Bucket: place.bucket, Prefix: prefix, MaxKeys: 1 });
    this.#asking ??= this.ask('s3:ListBucket', () => this.client.send(question))
      .then(() => undefined)
      .finally(() => {
        this.#asking = undefined;
      });
    await this.#asking;
  }

  /** Milliseconds since 1970 by the store's clock. */
  async now(): Promise<number> {
    await this.confirm();
    const now = this.#clock.now();
    if (now === undefined) throw fault('STORE_FAILED', { why: 'its answers have no Date' });
    return now;
  }
}
