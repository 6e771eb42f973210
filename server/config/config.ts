/** The server's settings, in one table. docs/operations.md says what those of production are for. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { LIMITS } from '#protocol/format/limits.ts';
import { fault } from '#protocol/wire/errors.ts';
import { type Issuer, readIssuers } from '../auth/oidc/issuers.ts';
import { DELIVERIES, type Delivery } from '../entries/delivery.ts';
import { LOG_LEVELS, type LogLevel } from '../logging.ts';
import { type RedisSettings, readRedisSettings } from '../redis/settings.ts';
import type { Quotas, ScrubLimits } from '../retention/parts.ts';
import { QUOTAS, SCRUB } from '../retention/retention.ts';
import type { HotSettings } from '../store/hot/open.ts';
import {
  CHECKSUMS,
  CONDITIONAL_WRITES,
  checkS3Settings,
  ENCRYPTIONS,
  S3_DEFAULTS,
  type S3Settings,
} from '../store/s3/settings.ts';
import { HOT, readHot } from './hot-settings.ts';
import {
  type Flags,
  type Given,
  oneOf,
  optional,
  type Refusal,
  readSetting,
  type Setting,
  type Surroundings,
  secret,
  setting,
  text,
  wholeNumber,
  yesOrNo,
} from './setting.ts';
import { readSettingsFile } from './settings-file.ts';

const MiB = 1024 * 1024;
const DAY = 24 * 60 * 60 * 1000;

export interface Config {
  /** Where to listen. */
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Absolute path of the folder that holds everything, or what a replica keeps for itself. */
  data: string;
  roles: Roles;
  /** Seconds that requests under way are given at the end. */
  drain: number;
  log: LogLevel;
  limits: {
    /** Raw bytes that one entry may have. */
    entryBytes: number;
  };
  memory: {
    /** Bytes of uploads and inline answers that may be held at once. */
    uploads: number;
    /** Bytes of look-ups' answers that are kept ready. */
    answers: number;
    /** Bytes that requests to a bucket may hold at once, each way. */
    store: number;
  };
  signing: {
    /** Absolute path of the private key that all replicas share; undefined for one of this server's own. */
    key: string | undefined;
  };
  auth: {
    /** Whoever asks shows a credential; else who reaches the loopback may everything. */
    required: boolean;
    /** CI systems whose tokens count. */
    issuers: Issuer[];
  };
  admin: {
    /** The administrator's; undefined for one that is made and kept in the data folder. */
    token: string | undefined;
  };
  /** How segments reach runners. */
  delivery: Delivery;
  quotas: Quotas;
  scrub: ScrubLimits;
  hot: HotSettings;
  /** Undefined: the object store is a folder. */
  s3: S3Settings | undefined;
  /** Undefined: index and queue are embedded. */
  redis: RedisSettings | undefined;
}

/** What this process does: answers requests, does the queue's jobs, or both. */
export interface Roles {
  api: boolean;
  worker: boolean;
}

export const processSurroundings = (): Surroundings => ({
  env: process.env,
  cwd: process.cwd(),
  readFile: (path) => readFile(path, 'utf8'),
});

const SERVER = {
  host: setting({ path: 'host', flag: 'host', read: text, fallback: () => '127.0.0.1' }),
  port: setting({ path: 'port', flag: 'port', read: wholeNumber(0, 65_535), fallback: () => 3779 }),
  data: setting({ path: 'data', flag: 'data', read: text, fallback: defaultData }),
  roles: setting<Roles>({
    path: 'role',
    flag: 'role',
    read: roles,
    fallback: () => ({ api: true, worker: true }),
  }),
  drain: setting({ path: 'drain', read: wholeNumber(0, 3_600), fallback: () => 30 }),
  log: setting<LogLevel>({ path: 'log', read: oneOf(LOG_LEVELS), fallback: () => 'info' }),
  entryBytes: setting({
    path: 'limits.entryBytes',
    read: wholeNumber(1, Number.MAX_SAFE_INTEGER),
    fallback: () => LIMITS.entryBytes,
  }),
  uploads: setting({
    path: 'memory.uploads',
    // One segment must fit, or nothing could ever be stored.
    read: wholeNumber(LIMITS.segmentStored, Number.MAX_SAFE_INTEGER),
    fallback: () => 32 * MiB,
  }),
  answers: setting({
    path: 'memory.answers',
    read: wholeNumber(MiB, Number.MAX_SAFE_INTEGER),
    fallback: () => 64 * MiB,
  }),
  store: setting({
    path: 'memory.store',
    read: wholeNumber(LIMITS.segmentStored, Number.MAX_SAFE_INTEGER),
    fallback: () => 64 * MiB,
  }),
  signingKey: optional('signing.key', text),
  authRequired: setting({ path: 'auth.required', read: yesOrNo, fallback: () => false }),
  issuers: setting<Issuer[]>({ path: 'auth.issuers', read: readIssuers, fallback: () => [] }),
  adminToken: secret('admin.token'),
  delivery: setting<Delivery>({ path: 'delivery', read: oneOf(DELIVERIES), fallback: () => 'proxy' }),
  scopeBytes: setting({
    path: 'retention.scopeBytes',
    read: wholeNumber(0, Number.MAX_SAFE_INTEGER),
    fallback: () => QUOTAS.scopeBytes,
  }),
  domainBytes: setting({
    path: 'retention.domainBytes',
    read: wholeNumber(0, Number.MAX_SAFE_INTEGER),
    fallback: () => QUOTAS.domainBytes,
  }),
  unusedDays: setting({
    path: 'retention.unusedDays',
    read: wholeNumber(0, 3_650),
    fallback: () => QUOTAS.unused / DAY,
  }),
  scrubRate: setting({
    path: 'scrub.bytesPerSecond',
    read: wholeNumber(1024, Number.MAX_SAFE_INTEGER),
    fallback: () => SCRUB.bytesPerSecond,
  }),
  scrubDays: setting({
    path: 'scrub.everyDays',
    read: wholeNumber(1, 3_650),
    fallback: () => SCRUB.every / DAY,
  }),
};

const S3 = {
  bucket: optional('s3.bucket', text),
  prefix: optional('s3.prefix', text),
  endpoint: optional('s3.endpoint', text),
  publicEndpoint: optional('s3.publicEndpoint', text),
  region: optional('s3.region', text),
  pathStyle: optional('s3.pathStyle', yesOrNo),
  requestChecksumCalculation: optional('s3.requestChecksumCalculation', oneOf(CHECKSUMS)),
  responseChecksumValidation: optional('s3.responseChecksumValidation', oneOf(CHECKSUMS)),
  encryption: optional('s3.encryption', oneOf(ENCRYPTIONS)),
  encryptionKey: optional('s3.encryptionKey', text),
  conditionalWrites: optional('s3.conditionalWrites', oneOf(CONDITIONAL_WRITES)),
  connectTimeout: optional('s3.connectTimeout', wholeNumber(1, 60)),
  idleTimeout: optional('s3.idleTimeout', wholeNumber(1, 600)),
  attempts: optional('s3.attempts', wholeNumber(1, 20)),
  connections: optional('s3.connections', wholeNumber(1, 1_024)),
  partBytes: optional('s3.partBytes', wholeNumber(1, Number.MAX_SAFE_INTEGER)),
} satisfies Record<keyof S3Settings, Setting<unknown>>;

const REDIS = {
  url: optional('redis.url', text),
  mode: optional('redis.mode', text),
  master: optional('redis.master', text),
  username: optional('redis.username', text),
  password: secret('redis.password'),
  passwordFile: optional('redis.passwordFile', text),
  sentinelPassword: secret('redis.sentinelPassword'),
  sentinelPasswordFile: optional('redis.sentinelPasswordFile', text),
  caFile: optional('redis.caFile', text),
  prefix: optional('redis.prefix', text),
};

const PATHS = [SERVER, S3, HOT, REDIS].flatMap((table) => Object.values(table).map(({ path }) => path));

/** Throws `SETTING_INVALID` that names the setting as it was given. */
export async function readConfig(flags: Flags, surroundings: Surroundings): Promise<Config> {
  const file = await readSettingsFile(flags, surroundings, PATHS);
  const given: Given = { flags, surroundings, file };
  const value = <T>(one: Setting<T>): T => readSetting(one, given);
  const redis = await readRedis(given);
  const s3 = readS3(given);
  const store = value(SERVER.store);
  if (s3 !== undefined && store < s3.partBytes) {
    const why = `one part of an upload has ${s3.partBytes} bytes (s3.partBytes), and would never fit`;
    throw fault('SETTING_INVALID', { setting: 'memory.store', value: String(store), why });
  }
  const data = resolve(surroundings.cwd, value(SERVER.data));
  const hot = readHot(given, { data, isBucket: s3 !== undefined });
  return {
    host: value(SERVER.host),
    port: value(SERVER.port),
    data,
    roles: possible(value(SERVER.roles), redis),
    drain: value(SERVER.drain),
    log: value(SERVER.log),
    limits: { entryBytes: value(SERVER.entryBytes) },
    memory: { uploads: value(SERVER.uploads), answers: value(SERVER.answers), store },
    signing: { key: readSigningKey(given, s3 !== undefined || redis !== undefined) },
    auth: { required: value(SERVER.authRequired), issuers: value(SERVER.issuers) },
    admin: { token: value(SERVER.adminToken) },
    delivery: possibleDelivery(value(SERVER.delivery), { data, hot, isBucket: s3 !== undefined }),
    quotas: {
      scopeBytes: value(SERVER.scopeBytes),
      domainBytes: value(SERVER.domainBytes),
      unused: value(SERVER.unusedDays) * DAY,
    },
    scrub: { ...SCRUB, bytesPerSecond: value(SERVER.scrubRate), every: value(SERVER.scrubDays) * DAY },
    hot,
    s3,
    redis,
  };
}

/** What can be delivered is what is there, and what the web server in front is permitted to see. */
function possibleDelivery(
  delivery: Delivery,
  { data, hot, isBucket }: { data: string; hot: HotSettings; isBucket: boolean },
): Delivery {
  const refuse = (why: string) =>
    fault('SETTING_INVALID', { setting: 'delivery', value: JSON.stringify(delivery), why });
  if (delivery === 'redirect' && !isBucket)
    throw refuse('s3.bucket is not set, and there is nowhere to redirect to');
  if (delivery !== 'accel' || !isBucket) return delivery;
  if (hot.bytes === 0) throw refuse('hot.bytes is 0, and there are no files to hand out');
  if (!hot.folder.startsWith(`${data}/`))
    throw refuse('hot.folder is not in the data folder, which is what the web server hands files out of');
  return delivery;
}

/** Entries outlive a data folder there: under another key they would count as forged, and be retired. */
function readSigningKey(given: Given, isShared: boolean): string | undefined {
  const key = readSetting(SERVER.signingKey, given);
  if (key !== undefined) return resolve(given.surroundings.cwd, key);
  if (!isShared) return undefined;
  throw fault('SETTING_INVALID', {
    setting: 'signing.key',
    value: '""',
    why: 'with s3.bucket or redis.url all replicas sign with one key: name a file that they share, which the first start makes',
  });
}

function readS3(given: Given): S3Settings | undefined {
  const values = valuesOf(S3, given);
  const { bucket, ...others } = values;
  if (bucket === undefined) return refuseRest('s3', 'bucket', values);
  const settings: S3Settings = { ...S3_DEFAULTS, ...others, bucket };
  checkS3Settings(settings);
  return settings;
}

async function readRedis(given: Given): Promise<RedisSettings | undefined> {
  const values = valuesOf(REDIS, given);
  const { url, ...others } = values;
  if (url === undefined) return refuseRest('redis', 'url', values);
  return await readRedisSettings({ ...others, url }, given.surroundings.readFile);
}

type Values<T> = { [K in keyof T]?: T[K] extends Setting<infer V> ? NonNullable<V> : never };

/** Those that were given. */
function valuesOf<T extends Record<string, Setting<unknown>>>(table: T, given: Given): Values<T> {
  const values = Object.entries(table).map(([name, one]) => [name, readSetting(one, given)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Values<T>;
}

/** Settings of something that is not used are a misunderstanding. */
function refuseRest(area: string, needed: string, values: Record<string, unknown>): undefined {
  const [first] = Object.keys(values);
  if (first === undefined) return undefined;
  throw fault('SETTING_INVALID', {
    setting: `${area}.${first}`,
    value: JSON.stringify(area === 'redis' ? '…' : values[first]),
    why: `${area}.${needed} is not set, so it is of no use`,
  });
}

function roles(value: unknown): Roles | Refusal {
  const words = typeof value === 'string' ? value.split(',').map((one) => one.trim()) : [];
  const known = words.length > 0 && words.every((word) => word === 'api' || word === 'worker');
  return known
    ? { api: words.includes('api'), worker: words.includes('worker') }
    : { why: 'it is none of api, worker and api,worker' };
}

function possible({ api, worker }: Roles, redis: RedisSettings | undefined): Roles {
  if ((api && worker) || redis !== undefined) return { api, worker };
  throw fault('SETTING_INVALID', {
    setting: 'role',
    value: JSON.stringify(api ? 'api' : 'worker'),
    why: 'with the embedded queue one process has both roles, api,worker; redis.url brings a queue that processes share',
  });
}

function defaultData({ env }: Surroundings): string {
  const { XDG_DATA_HOME: xdg } = env;
  // A relative one is to be ignored, says the base directory specification.
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME ?? homedir(), '.local/share');
  return join(base, 'cachalot');
}
