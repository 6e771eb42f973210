/**
 * What a bucket can do, found out by doing it. Several S3 servers accept `If-None-Match` and `If-Match` and do not hold to them, or
 * not when two come at once; correctness never rests on it, but who knows it need not arbitrate twice.
 *
 * Everything happens below `tmp/`, where no object of ours stands, and is removed again.
 */
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  isConflict,
  isNoSuchKey,
  nameOf,
  type Permission,
  type Place,
  s3Fault,
  statusOf,
} from './s3-fault.ts';

/** Writers that race for one name. */
const WRITERS = 16;
/**
 * Races, each of them may be won in order by luck: a server that looks and then writes (versitygw 1.2.0) was found out by one race
 * in four.
 */
const RACES = 12;
/** Of no object. */
const OTHER_ETAG = '"00000000000000000000000000000000"';

export interface Abilities {
  /**
   * Creating what is not there: exactly one of many writers succeeds; or several do at times; or the header is refused, and must
   * not be sent.
   */
  create: 'atomic' | 'racy' | 'refused';
  /** Deletes only the version that `If-Match` names. */
  conditionalDelete: boolean;
}

export interface Probe {
  client: S3Client;
  place: Place;
  /** What the probe's objects are called, up to a word of its own. */
  prefix: string;
  /** Headers that go with every object. */
  headers: Record<string, string>;
  /** A word that no other probe has. */
  unique: () => string;
}

/** Throws what the store throws where it cannot be asked at all. */
export async function probeBucket(probe: Probe): Promise<Abilities> {
  const abilities = { create: await probeCreate(probe), conditionalDelete: await probeDelete(probe) };
  await probeMissing(probe);
  return abilities;
}

/** S3 says that an object is missing only to who may list the bucket; to others it refuses, and a miss would be an error. */
async function probeMissing({ client, place, prefix, unique }: Probe): Promise<void> {
  const head = client.send(new HeadObjectCommand({ Bucket: place.bucket, Key: `${prefix}${unique()}` }));
  await succeeds(head, 's3:ListBucket', place);
}

async function probeCreate(probe: Probe): Promise<Abilities['create']> {
  let won = 0;
  for (let race = 0; race < RACES; race++) {
    const outcome = await raceOnce(probe);
    if (outcome === 'refused') return 'refused';
    // Nobody wins where the winner's answer was lost and it asked again; that says nothing.
    if (outcome > 1) return 'racy';
    won += outcome;
  }
  return won > 0 ? 'atomic' : 'racy';
}

async function raceOnce(probe: Probe): Promise<number | 'refused'> {
  const { client, place } = probe;
  return await withProbeObject(probe, async (object) => {
    const answers = await Promise.allSettled(
      Array.from({ length: WRITERS }, (_, writer) => {
        const Body = Buffer.from(`writer ${writer}`);
        return client.send(new PutObjectCommand({ ...object, Body, IfNoneMatch: '*' }));
      }),
    );
    let winners = 0;
    let refused = false;
    for (const answer of answers) {
      if (answer.status === 'fulfilled') winners += 1;
      else if (isRefusal(answer.reason)) refused = true;
      else if (!isLoss(answer.reason)) throw s3Fault(answer.reason, 's3:PutObject', place);
    }
    return refused ? 'refused' : winners;
  });
}

async function probeDelete(probe: Probe): Promise<boolean> {
  const { client, place } = probe;
  return await withProbeObject(probe, async (object) => {
    const { Bucket, Key } = object;
    const body = Buffer.from('version');
    const put = client.send(new PutObjectCommand({ ...object, Body: body })).catch((error: unknown) => {
      throw s3Fault(error, 's3:PutObject', place);
    });
    const { ETag = '' } = await put;
    const remove = (IfMatch: string) => client.send(new DeleteObjectCommand({ Bucket, Key, IfMatch }));
    if (await succeeds(remove(OTHER_ETAG), 's3:DeleteObject', place)) return false;
    const head = client.send(new HeadObjectCommand({ Bucket, Key }));
    if (!(await succeeds(head, 's3:GetObject', place))) return false;
    return await succeeds(remove(ETag), 's3:DeleteObject', place);
  });
}

/** False where the store says that it will not, as it should: the condition does not hold, or conditions are unknown to it. */
async function succeeds(call: Promise<unknown>, permission: Permission, place: Place): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isLoss(error) || isRefusal(error) || isNoSuchKey(error)) return false;
    throw s3Fault(error, permission, place);
  }
}

async function withProbeObject<T>(
  { client, place, prefix, headers, unique }: Probe,
  work: (object: { Bucket: string; Key: string }) => Promise<T>,
): Promise<T> {
  const object = { Bucket: place.bucket, Key: `${prefix}${unique()}` };
  try {
    return await work({ ...object, ...headers });
  } finally {
    await client.send(new DeleteObjectCommand(object)).catch(() => undefined);
  }
}

/** Another was first, or is at it. */
function isLoss(error: unknown): boolean {
  return statusOf(error) === 412 || isConflict(error);
}

/** The header is unknown there. */
function isRefusal(error: unknown): boolean {
  return (
    statusOf(error) === 501 ||
    (statusOf(error) === 400 &&
      /NotImplemented|Unsupported|InvalidArgument|InvalidRequest/.test(nameOf(error)))
  );
}
