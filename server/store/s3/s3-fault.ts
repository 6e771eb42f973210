/**
 * S3's errors as errors of the catalogue. Those by which a person has to change something name the setting and the remedy; all
 * others are faults that pass (`STORE_FAILED`) or a lack of room (`STORE_FULL`). None is ever read as a missing object.
 */
import { type CachalotError, fault, isFault } from '#protocol/wire/errors.ts';
import { systemCode } from '../system-fault.ts';

/** What is asked, in the words of a policy: the permission that it needs. */
export type Permission =
  | 's3:ListBucket'
  | 's3:GetObject'
  | 's3:PutObject'
  | 's3:DeleteObject'
  | 's3:AbortMultipartUpload';

/** Where it is asked, for the message. */
export interface Place {
  bucket: string;
  /** As it was set, or what stands for Amazon's own. */
  endpoint: string;
  region: string;
}

/** What the SDK's errors carry; of a HEAD's only the status, as its answers have no body. */
interface S3Error {
  name?: string;
  /** The one that it should have been. */
  Region?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { headers?: Record<string, string> };
}

/** The second is what the SDK calls the answer to a HEAD, which says no more than its status. */
const NO_SUCH_KEY = new Set(['NoSuchKey', 'NotFound']);
const REGION = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);
const CREDENTIALS = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
  // versitygw's word.
  'XAdminUserNotFound',
]);
const CLOCK = new Set(['RequestTimeTooSkewed', 'RequestExpired', 'RequestInTheFuture']);
/** Amazon has no such thing; these are other servers' words for a full disk or a quota that is used up. */
const FULL = new Set([
  'InsufficientStorage',
  'QuotaExceeded',
  'StorageFull',
  'XMinioAdminBucketQuotaExceeded',
  'XMinioStorageFull',
]);

/** The answer's status; undefined where there was none. */
export function statusOf(error: unknown): number | undefined {
  return (error as S3Error | null)?.$metadata?.httpStatusCode;
}

/** S3's own word for it, such as `NoSuchKey`. */
export function nameOf(error: unknown): string {
  const name = (error as S3Error | null)?.name;
  return typeof name === 'string' ? name : 'Error';
}

/** The object is not there. A bucket or an account that is not there is something else. */
export function isNoSuchKey(error: unknown): boolean {
  return statusOf(error) === 404 && NO_SUCH_KEY.has(nameOf(error));
}

/** Another write to the same name was under way; S3 asks for it to be sent again. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}

export function s3Fault(error: unknown, permission: Permission, place: Place): CachalotError {
  if (isFault(error)) return error;
  const options = { cause: error };
  const name = nameOf(error);
  const status = statusOf(error);
  const why = sentence(error);
  const { bucket, endpoint, region } = place;
  if (name === 'NoSuchBucket') return fault('STORE_BUCKET_MISSING', { bucket, endpoint }, options);
  if (status === 507 || FULL.has(name)) return fault('STORE_FULL', { why }, options);
  if (CLOCK.has(name)) return fault('STORE_CLOCK', { why }, options);
  if (CREDENTIALS.has(name) || status === 401) return fault('STORE_CREDENTIALS', { why }, options);
  if (name.startsWith('KMS.')) return fault('STORE_KEY_REFUSED', { why }, options);
  if (REGION.has(name) || status === 301 || status === 307) {
    return fault('STORE_REGION_WRONG', { bucket, region, why: whereItIs(error) ?? why }, options);
  }
  if (status === 403) return fault('STORE_REFUSED', { permission, bucket, why }, options);
  const where = status === undefined ? `${permission} at ${endpoint} (s3.endpoint)` : permission;
  return fault('STORE_FAILED', { why: `${where}: ${why}` }, options);
}

/** S3's word and the status. Its messages repeat names of objects, keys and hosts, and this may reach another machine. */
function sentence(error: unknown): string {
  const status = statusOf(error);
  const name = nameOf(error);
  const code = systemCode(error);
  if (status !== undefined)
    return /^(Unknown|Error)/.test(name) ? `it answered ${status}` : `it answered ${status} ${name}`;
  if (name === 'TimeoutError') return 'it did not answer in time';
  if (name === 'CredentialsProviderError') return 'there are none';
  if (code !== undefined) return `the connection failed with ${code}`;
  return `its answer could not be read (${name})`;
}

function whereItIs(error: unknown): string | undefined {
  const { $response: response, Region: region } = error as S3Error;
  const said = region ?? response?.headers?.['x-amz-bucket-region'];
  return said === undefined ? undefined : `it is in ${said}`;
}
