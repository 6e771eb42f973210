/**
 * The settings of a bucket, as `s3.*` in the server's configuration. docs/operations.md says what each is for; here are their
 * defaults, and what can be seen to be wrong before anybody is asked.
 */
import { fault } from '#protocol/wire/errors.ts';

const MiB = 1024 * 1024;

/** Every part of a multipart upload but the last has at least this, says S3. */
export const LEAST_PART_BYTES = 5 * MiB;
/** Every part has at most this. */
const MOST_PART_BYTES = 5 * 1024 * MiB;

export const CHECKSUMS = ['WHEN_REQUIRED', 'WHEN_SUPPORTED'] as const;
export type Checksums = (typeof CHECKSUMS)[number];

/** `bucket`: what the bucket itself does by default; no header is sent. */
export const ENCRYPTIONS = ['bucket', 'AES256', 'aws:kms'] as const;
export type Encryption = (typeof ENCRYPTIONS)[number];

/** `required`: a bucket on which several writers may create one object is refused. `probed`: the index arbitrates there. */
export const CONDITIONAL_WRITES = ['probed', 'required'] as const;
export type ConditionalWrites = (typeof CONDITIONAL_WRITES)[number];

export interface S3Settings {
  bucket: string;
  /** What the names of all objects begin with in the bucket: empty, or a path that ends with `/`. */
  prefix: string;
  /** URL of the S3 interface; undefined for Amazon's own of the region. */
  endpoint: string | undefined;
  /** The same interface as runners reach it, for presigned URLs; undefined where it is the endpoint. */
  publicEndpoint: string | undefined;
  /** Undefined: as the SDK finds it (AWS_REGION, profile), and `us-east-1` where there is an endpoint. */
  region: string | undefined;
  /** The bucket in the path instead of the host name. Undefined: where there is an endpoint. */
  pathStyle: boolean | undefined;
  /** Whether requests carry checksums beyond the signature of the body. Other servers than Amazon's may refuse them. */
  requestChecksumCalculation: Checksums;
  responseChecksumValidation: Checksums;
  encryption: Encryption;
  /** Of `aws:kms`; undefined for the account's own key. */
  encryptionKey: string | undefined;
  conditionalWrites: ConditionalWrites;
  /** Seconds until a connection stands. */
  connectTimeout: number;
  /** Seconds without a byte on a connection that somebody waits for. */
  idleTimeout: number;
  /** How often a request is sent at most. */
  attempts: number;
  /** Connections at once. */
  connections: number;
  /** Of a multipart upload; each is held in memory until it is sent. */
  partBytes: number;
}

export const S3_DEFAULTS: Omit<S3Settings, 'bucket'> = {
  prefix: '',
  endpoint: undefined,
  publicEndpoint: undefined,
  region: undefined,
  pathStyle: undefined,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
  encryption: 'bucket',
  encryptionKey: undefined,
  conditionalWrites: 'probed',
  connectTimeout: 2,
  idleTimeout: 10,
  attempts: 4,
  connections: 64,
  partBytes: 8 * MiB,
};

/** Letters and digits where Amazon's rules want them; upper case and `_` occur in old buckets and on other servers. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/;
/** Parts as objects' names have them (object-store.ts), so that a person can read them and no server mends them. */
const PREFIX = /^(?:(?!\.{1,2}\/)[A-Za-z0-9._=@:~-]{1,200}\/)*$/;

/** Throws `SETTING_INVALID`. */
export function checkS3Settings(settings: S3Settings): void {
  const { bucket, prefix, encryption, encryptionKey, partBytes } = settings;
  if (!BUCKET.test(bucket)) throw refused('s3.bucket', bucket, 'it is not the name of a bucket');
  if (!PREFIX.test(prefix)) {
    throw refused('s3.prefix', prefix, 'it is neither empty nor made of plain names that each end with /');
  }
  for (const name of ['endpoint', 'publicEndpoint'] as const) {
    const url = settings[name];
    if (url !== undefined) checkEndpoint(`s3.${name}`, url);
  }
  if (encryptionKey !== undefined && encryption !== 'aws:kms') {
    throw refused('s3.encryptionKey', encryptionKey, 'it goes with s3.encryption aws:kms only');
  }
  if (partBytes < LEAST_PART_BYTES || partBytes > MOST_PART_BYTES) {
    throw refused(
      's3.partBytes',
      String(partBytes),
      `S3 takes parts of ${LEAST_PART_BYTES} to ${MOST_PART_BYTES} bytes`,
    );
  }
}

function checkEndpoint(setting: string, text: string): void {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw refused(setting, text, 'it is no http or https URL');
  }
  // It would stand in logs and in every presigned URL.
  if (url.username !== '' || url.password !== '') {
    throw refused(setting, url.host, 'credentials do not belong into it; the SDK finds them elsewhere');
  }
  if (url.search !== '' || url.hash !== '')
    throw refused(setting, text, 'it has more than a host and a path');
}

function refused(setting: string, value: string, why: string): Error {
  return fault('SETTING_INVALID', { setting, value: JSON.stringify(value), why });
}
