/** Buckets of the tests, and stores in them. */
import { CreateBucketCommand, DeleteObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { Test } from 'tap';
import { ByteBudget } from '#server/entries/byte-budget.ts';
import { openS3Store, type S3Parts } from '#server/store/s3/open.ts';
import { S3_DEFAULTS, type S3Settings } from '#server/store/s3/settings.ts';
import type { S3Store } from '#server/store/s3/store.ts';
import { CREDENTIALS } from './versitygw.ts';

const MiB = 1024 * 1024;

/** Where a server is, and one of its buckets. */
export interface TestBucket {
  endpoint: string;
  bucket: string;
  region?: string;
  /** Undefined: as the environment says. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/** A bucket on a server of the tests. */
export async function makeBucket(endpoint: string, bucket = 'cachalot'): Promise<TestBucket> {
  const client = clientOf({ endpoint, bucket, credentials: CREDENTIALS });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { endpoint, bucket, credentials: CREDENTIALS };
}

/** The SDK's own client, to look behind the store. */
export function clientOf({ endpoint, region = 'us-east-1', credentials }: TestBucket): S3Client {
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(credentials === undefined ? {} : { credentials }),
  });
}

export function settingsOf(
  { endpoint, bucket, region }: TestBucket,
  changed: Partial<S3Settings> = {},
): S3Settings {
  return { ...S3_DEFAULTS, bucket, endpoint, region, ...changed };
}

export interface OpenedStore {
  store: S3Store;
  prefix: string;
  uploads: ByteBudget;
  downloads: ByteBudget;
  warnings: string[];
}

let opened = 0;

/** A store in a part of the bucket that is its own and empty; closed when the test ends. */
export async function openStore(
  t: Test,
  bucket: TestBucket,
  changed: Partial<S3Settings> = {},
  moreParts: Partial<S3Parts> = {},
): Promise<OpenedStore> {
  opened += 1;
  const prefix = changed.prefix ?? `tests/${process.pid}-${opened}/`;
  const uploads = new ByteBudget(64 * MiB);
  const downloads = new ByteBudget(64 * MiB);
  const warnings: string[] = [];
  const store = await openS3Store(settingsOf(bucket, { ...changed, prefix }), {
    uploads,
    downloads,
    warn: (what) => warnings.push(what),
    ...(bucket.credentials === undefined ? {} : { credentials: bucket.credentials }),
    ...moreParts,
  });
  t.teardown(() => store.close());
  return { store, prefix, uploads, downloads, warnings };
}

/** Every key below a prefix, also those that are no objects of ours. */
export async function keysOf(bucket: TestBucket, prefix = ''): Promise<string[]> {
  const client = clientOf(bucket);
  const keys: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket.bucket,
        Prefix: prefix,
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      }),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  client.destroy();
  return keys;
}

/** Removes every object below a prefix: for a bucket that stays. */
export async function empty(bucket: TestBucket, prefix: string): Promise<void> {
  const client = clientOf(bucket);
  for (const Key of await keysOf(bucket, prefix))
    await client.send(new DeleteObjectCommand({ Bucket: bucket.bucket, Key }));
  client.destroy();
}
