/**
 * Opens the object store in a bucket. This file, and what it imports, holds the SDK: it is imported when a bucket is set, and
 * not before.
 */
import { randomBytes } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { fault } from '#protocol/wire/errors.ts';
import { TEMPORARY_FOLDER } from '../object-path.ts';
import { AnswerClock } from './answer-clock.ts';
import { Bucket } from './bucket.ts';
import { type Credentials, openClient, openSigner } from './client.ts';
import { type DirectParts, DirectReads } from './direct-reads.ts';
import { Uploads } from './multipart.ts';
import { type Abilities, probeBucket } from './probe.ts';
import type { Room } from './room.ts';
import { checkS3Settings, type S3Settings } from './settings.ts';
import { S3Store } from './store.ts';

export interface S3Parts {
  /** For parts of uploads until they are sent: one for the whole process, at least `partBytes` large. */
  uploads: Room;
  /** For whole objects while they are received: one for the whole process. */
  downloads: Room;
  /** What somebody should know who looks at the log. */
  warn: (what: string, error?: unknown) => void;
  /** By default the SDK's chain: environment, profile, container, instance. */
  credentials?: Credentials;
  /** What the bucket can do, where that is known; else it is tried. */
  abilities?: Abilities;
  /** Counts milliseconds and is never set. */
  monotonic?: () => number;
  /** From 0 to 1. */
  random?: () => number;
}

/**
 * Asks the bucket what it can do before it answers. Throws `SETTING_INVALID`, a code that names the setting which is wrong
 * (`STORE_BUCKET_MISSING`, `STORE_REGION_WRONG`, `STORE_CREDENTIALS`, `STORE_REFUSED`, `STORE_CLOCK`, `STORE_KEY_REFUSED`,
 * `STORE_NOT_ATOMIC`), or `STORE_FAILED` where the store cannot be reached.
 */
export async function openS3Store(settings: S3Settings, parts: S3Parts): Promise<S3Store> {
  checkS3Settings(settings);
  const { monotonic = () => performance.now(), random = Math.random, credentials, warn } = parts;
  const clock = new AnswerClock(monotonic);
  const answers = { clock, monotonic, onSuccess: () => bucket.saw() };
  const client = openClient(settings, answers, credentials);
  const { bucket: name, prefix, endpoint = "Amazon's endpoint", attempts, idleTimeout } = settings;
  const region = await regionOf(client);
  const bucket = new Bucket({
    client,
    place: { bucket: name, endpoint, region },
    prefix,
    clock,
    monotonic,
    retries: { attempts, random },
    idle: idleTimeout * 1000,
    encryption: encryptionHeaders(settings),
  });
  try {
    await bucket.confirm();
    const abilities =
      parts.abilities ??
      (await probeBucket({
        client,
        place: bucket.place,
        prefix: `${prefix}${TEMPORARY_FOLDER}/probe/`,
        headers: bucket.encryption,
        unique: () => randomBytes(9).toString('base64url'),
      }));
    judge(abilities, settings, warn);
    const uploads = new Uploads({ bucket, room: parts.uploads, partBytes: settings.partBytes, warn });
    const signer = openSigner(settings, credentials);
    const again = { ...settings, attempts: Math.max(1, attempts - 1) };
    return new S3Store({
      bucket,
      signer,
      direct: await openDirectReads(settings, { ...answers, warn }, credentials),
      again: openClient(again, answers, credentials, client.config.requestHandler),
      uploads,
      downloads: parts.downloads,
      abilities,
    });
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** Undefined where the SDK is to do it all: it verifies checksums, and the only attempt is its own. */
async function openDirectReads(
  settings: S3Settings,
  answers: Pick<DirectParts, 'clock' | 'monotonic' | 'onSuccess' | 'warn'>,
  credentials: Credentials | undefined,
): Promise<DirectReads | undefined> {
  const { attempts, bucket, connections, connectTimeout, idleTimeout, responseChecksumValidation } = settings;
  if (attempts === 1 || responseChecksumValidation === 'WHEN_SUPPORTED') return undefined;
  return await DirectReads.open(bucket, {
    ...answers,
    signer: openSigner({ ...settings, publicEndpoint: undefined }, credentials),
    connections,
    waits: { connect: connectTimeout * 1000, idle: idleTimeout * 1000 },
  });
}

/** As it was set, or as the SDK finds it. */
async function regionOf(client: S3Client): Promise<string> {
  try {
    return await client.config.region();
  } catch (cause) {
    client.destroy();
    const why = 'it is not set, and neither AWS_REGION nor a profile names one';
    throw fault('SETTING_INVALID', { setting: 's3.region', value: '""', why }, { cause });
  }
}

function judge({ create, conditionalDelete }: Abilities, settings: S3Settings, warn: S3Parts['warn']): void {
  const { bucket, conditionalWrites } = settings;
  if (create !== 'atomic') {
    const why =
      create === 'refused' ? 'it refuses If-None-Match' : 'it takes If-None-Match and lets several pass';
    const refusal = fault('STORE_NOT_ATOMIC', { bucket, why });
    if (conditionalWrites === 'required') throw refusal;
    warn(`${refusal.message} The index arbitrates.`);
  }
  if (!conditionalDelete) {
    warn(
      `The bucket ${bucket} does not hold to If-Match when it deletes: objects are looked at before they are deleted.`,
    );
  }
}

function encryptionHeaders({ encryption, encryptionKey }: S3Settings): Record<string, string> {
  if (encryption === 'bucket') return {};
  return {
    ServerSideEncryption: encryption,
    ...(encryptionKey === undefined ? {} : { SSEKMSKeyId: encryptionKey }),
  };
}
