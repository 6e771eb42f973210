/**
 * Connections to Redis in two profiles.
 *
 * **For requests**: whoever asks has something better to do than wait. Without a connection a command fails at once, one that
 * is not answered in time takes its connection with it, and nothing is ever sent twice.
 *
 * **For workers**: a worker has nothing else to do. Commands wait for as long as Redis is away, as BullMQ wants it.
 *
 * Both come back by themselves, for ever.
 */
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { RedisSettings } from './settings.ts';

export type RedisClient = Redis | Cluster;

/** Milliseconds that Redis may be silent while a request waits for it. */
export const SILENCE_MS = 1_000;
const CONNECT_MS = 1_000;
const PATIENT_CONNECT_MS = 10_000;
const LONGEST_PAUSE_MS = { requests: 1_000, workers: 5_000 } as const;
/** Of a cluster: how often a command is sent elsewhere before it fails. */
const REDIRECTIONS = { requests: 3, workers: 16 } as const;

type Profile = 'requests' | 'workers';
/** Replies are taken as they come, which the constructors' types want said by leaving it out. */
type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;
type NodesOptions = Omit<ClusterOptions, 'redisOptions'> & {
  redisOptions: Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>;
};

/** `name` is what Redis shows in its list of clients. One for requests connects when it is told to. */
export function createClient(settings: RedisSettings, profile: Profile, name: string): RedisClient {
  const { mode, addresses, master, sentinelPassword } = settings;
  if (mode === 'cluster') return new Cluster(addresses, clusterOptions(settings, profile, name));
  const options = { ...connectionOptions(settings, profile, name), db: settings.database };
  if (mode === 'single') return new Redis({ ...options, ...addresses[0] });
  return new Redis({
    ...options,
    sentinels: addresses,
    name: master ?? '',
    sentinelCommandTimeout: CONNECT_MS,
    sentinelRetryStrategy: (times) => pause(times, profile),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(settings.tls === undefined
      ? {}
      : { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(settings.tls) }),
  });
}

function connectionOptions(settings: RedisSettings, profile: Profile, name: string): ConnectionOptions {
  const { username, password, tls } = settings;
  return {
    // BullMQ makes more of a worker's connections, and those that it tells to connect it gives up if that fails.
    lazyConnect: profile === 'requests',
    connectionName: name,
    retryStrategy: (times) => pause(times, profile),
    // A server that has become a replica would refuse each write for ever.
    reconnectOnError: ({ message }) => (message.startsWith('READONLY') ? 1 : false),
    ...(profile === 'requests'
      ? {
          connectTimeout: CONNECT_MS,
          socketTimeout: SILENCE_MS,
          enableOfflineQueue: false,
          maxRetriesPerRequest: 0,
          autoResendUnfulfilledCommands: false,
        }
      : { connectTimeout: PATIENT_CONNECT_MS, maxRetriesPerRequest: null }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
  };
}

function clusterOptions(settings: RedisSettings, profile: Profile, name: string): NodesOptions {
  // What a cluster decides itself.
  const { retryStrategy, enableOfflineQueue, ...redisOptions } = connectionOptions(settings, profile, name);
  return {
    lazyConnect: profile === 'requests',
    enableOfflineQueue: enableOfflineQueue ?? true,
    clusterRetryStrategy: retryStrategy ?? null,
    maxRedirections: REDIRECTIONS[profile],
    slotsRefreshTimeout: CONNECT_MS,
    redisOptions: { ...redisOptions, lazyConnect: true },
    // Certificates are for names, so names are what nodes are connected by.
    ...(settings.tls === undefined ? {} : { dnsLookup: (address, callback) => callback(null, address) }),
  };
}

function tlsOptions({ ca }: { ca: string | undefined }) {
  return ca === undefined ? {} : { ca };
}

function pause(times: number, profile: Profile): number {
  return Math.min(LONGEST_PAUSE_MS[profile], 50 * 2 ** Math.min(times - 1, 10));
}
