/** URLs by which a runner gets an object from the store itself. Whoever has one may read that object until it ends. */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Presigned } from '../object-store.ts';
import { quoted } from './version.ts';

/**
 * For `seconds` from `now`, a time by the store's clock in milliseconds, or less where the credentials themselves end earlier.
 * Ranges may be asked for.
 */
export async function presign(
  signer: S3Client,
  object: { Bucket: string; Key: string },
  { seconds, etag, now }: { seconds: number; etag?: string; now: number },
): Promise<Presigned> {
  const headers: Record<string, string> = etag === undefined ? {} : { 'if-match': quoted(etag) };
  const get = new GetObjectCommand({ ...object, ...(etag === undefined ? {} : { IfMatch: quoted(etag) }) });
  return {
    url: await getSignedUrl(signer, get, { expiresIn: seconds, signingDate: new Date(now) }),
    headers,
  };
}
