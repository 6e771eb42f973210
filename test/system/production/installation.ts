/** Cachalot as teams run it: replicas and workers as processes, one bucket behind a network that fails, one Redis. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { LIFETIMES_VARIABLE, type Lifetimes } from '#server/entries/lifetimes.ts';
import { type FaultProxy, startFaultProxy } from '../../fault-proxy.ts';
import { need } from '../../needs.ts';
import { makeBucket, type TestBucket } from '../../s3/buckets.ts';
import { CREDENTIALS, needVersitygw, startVersitygw } from '../../s3/versitygw.ts';
import { type RedisServer, startRedis } from '../../server/redis/redis-server.ts';
import { dataFolder, type ServerProcess, startServer } from '../server/start-server.ts';

export interface Installation {
  /** Those that answer requests; what stands at a place is another process after it was replaced. */
  replicas: ServerProcess[];
  workers: ServerProcess[];
  redis: RedisServer;
  /** By its server's own address. */
  bucket: TestBucket;
  /** Between the processes and the bucket. */
  network: FaultProxy;
  adminToken: string;
  /** Ends a process as a power cut would, and starts another in its place. */
  replace(processes: ServerProcess[], at: number): Promise<void>;
  /** Ends one in order, and starts another under its address. */
  restart(processes: ServerProcess[], at: number): Promise<void>;
}

export interface InstallationOptions {
  replicas: number;
  /** 0: the replicas do the jobs too. */
  workers: number;
  lifetimes?: Partial<Lifetimes>;
  /** Of every process, beside what an installation has. */
  env?: Record<string, string>;
}

/** Undefined where it cannot be had; then the test must return at once. */
export async function install(
  t: Test,
  { replicas, workers, lifetimes, env: more }: InstallationOptions,
): Promise<Installation | undefined> {
  const versitygw = needVersitygw(t);
  if (versitygw === undefined || !need(t, 'redis-server')) return undefined;
  const s3 = await startVersitygw(versitygw);
  t.teardown(() => s3.close());
  const bucket = await makeBucket(s3.endpoint);
  const network = await startFaultProxy(s3.port);
  t.teardown(() => network.close());
  const redis = await startRedis(t);
  const folder = dataFolder(t);
  const adminToken = 'of-the-installation-of-a-test';
  const env = {
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    CACHALOT_SERVER_S3_BUCKET: 'cachalot',
    CACHALOT_SERVER_S3_ENDPOINT: `http://127.0.0.1:${network.port}`,
    CACHALOT_SERVER_S3_IDLE_TIMEOUT: '2',
    CACHALOT_SERVER_REDIS_URL: redis.url,
    CACHALOT_SERVER_SIGNING_KEY: join(folder, 'signing.pem'),
    CACHALOT_SERVER_ADMIN_TOKEN: adminToken,
    CACHALOT_SERVER_AUTH_REQUIRED: 'true',
    CACHALOT_SERVER_DRAIN: '2',
    [LIFETIMES_VARIABLE]: JSON.stringify(lifetimes ?? {}),
    ...more,
  };
  let count = 0;
  const start = (role: string, port?: string) => {
    const data = join(folder, `${role}-${++count}`);
    mkdirSync(data);
    return startServer(t, data, { ...env, CACHALOT_SERVER_ROLE: role }, port);
  };
  const next = async (processes: ServerProcess[], at: number, signal: NodeJS.Signals, port?: string) => {
    const old = processes[at];
    old?.child.kill(signal);
    await old?.ended;
    processes[at] = await start(roles.get(processes) ?? 'api', port);
  };
  // One after the other: the first makes the signing key.
  const all = async (role: string, many: number) => {
    const started: ServerProcess[] = [];
    while (started.length < many) started.push(await start(role));
    return started;
  };
  const roles = new Map<ServerProcess[], string>();
  const replicaRole = workers === 0 ? 'api,worker' : 'api';
  const running = { replicas: await all(replicaRole, replicas), workers: await all('worker', workers) };
  roles.set(running.replicas, replicaRole).set(running.workers, 'worker');
  return {
    ...running,
    redis,
    bucket,
    network,
    adminToken,
    replace: (processes, at) => next(processes, at, 'SIGKILL'),
    restart: (processes, at) => next(processes, at, 'SIGTERM', new URL(processes[at]?.url ?? '').port),
  };
}
