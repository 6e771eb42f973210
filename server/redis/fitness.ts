/**
 * Whether a Redis can be used at all. What would show as lost rows, lost jobs or strange errors weeks later is looked for when
 * a connection is made, and said with its remedy.
 */
import { fault } from '#protocol/wire/errors.ts';
import { describeAddresses, type RedisSettings } from './settings.ts';

/** The oldest Redis that BullMQ is made for; our own scripts would run on an older one. */
const OLDEST = [6, 2] as const;

/** Errors of a connection that waiting does not help, and their remedies. */
const REFUSALS: [message: RegExp, remedy: string][] = [
  [/^(NOAUTH|WRONGPASS)\b/, 'Correct redis.username, redis.password or redis.passwordFile'],
  [/^NOPERM\b/, 'Allow the user the commands and keys that docs/operations.md names'],
  [
    /certificate|altnames/i,
    'Name the authority that signed it in redis.caFile, and the server as its certificate does',
  ],
];

/** Why this Redis cannot be used, and the remedy; undefined if it can. `info` is the reply to INFO, all of it. */
export function unfitness(info: string): string | undefined {
  const value = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const version = value('redis_version') ?? '0';
  // Valkey says the version of Redis that it is compatible with, which does for us.
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return `it has version ${version}. Install ${OLDEST.join('.')} or newer`;
  }
  const policy = value('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    return `its maxmemory-policy is ${policy}, which would drop jobs and rows unseen. Set maxmemory-policy noeviction in Redis`;
  }
  return undefined;
}

/** The same for an error that a connection met; undefined for one that may pass. */
export function refusal({ message }: Error): string | undefined {
  const found = REFUSALS.find(([pattern]) => pattern.test(message));
  return found === undefined ? undefined : `it says "${message}". ${found[1]}`;
}

export function unfit(settings: RedisSettings, why: string): Error {
  return fault('REDIS_REFUSED', { address: describeAddresses(settings), why }, { field: 'redis.url' });
}
