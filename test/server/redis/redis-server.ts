/** Real Redis servers for tests, each on a port of its own with nothing but what a test gives it; they end with the test. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Test } from 'tap';
import { type RedisSettings, type RedisWords, readRedisSettings } from '#server/redis/settings.ts';
import { programPath } from '../../needs.ts';

export interface RedisServer {
  port: number;
  url: string;
  folder: string;
  /** Ends it at once, as a power cut would, or in order, as an operator does; what was written out stays in its folder. */
  stop(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Starts it again, on its port and folder. */
  start(): Promise<void>;
  /** Stops the process where it stands, and lets it go on: connections stay, and nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** redis-cli, in short; only while the server is well. */
  command(...words: string[]): Promise<unknown>;
}

export interface RedisServerOptions {
  /** Further lines of its configuration, as arguments. */
  args?: string[];
  /** For TLS alone: the plain port is closed then. */
  tls?: Certificates;
  password?: string;
  sentinel?: string;
}

/** A test file that comes to grief has no teardown. */
const ends = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of ends) child.kill('SIGKILL');
});

/** For every server of a test: the usual settings are those that we ask for, and nothing is kept unless told. */
const USUAL = ['--save', '', '--appendonly', 'no', '--loglevel', 'warning', '--bind', '127.0.0.1'];

export async function startRedis(t: Test, options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cachalot-redis-'));
  const port = await freePort();
  const { tls, password, sentinel, args = [] } = options;
  let child: ChildProcess | undefined;
  const start = async () => {
    const file = join(folder, 'sentinel.conf');
    if (sentinel !== undefined) writeFileSync(file, sentinel);
    const words =
      sentinel === undefined ? USUAL : [file, '--sentinel', '--bind', '127.0.0.1', '--loglevel', 'warning'];
    const listening =
      tls === undefined ? ['--port', `${port}`] : [...tlsArgs(tls), '--tls-port', `${port}`, '--port', '0'];
    const secret = password === undefined ? [] : ['--requirepass', password];
    child = spawn(
      programPath('redis-server') ?? 'redis-server',
      [...words, '--dir', folder, ...listening, ...secret, ...args],
      { stdio: 'ignore' },
    );
    ends.add(child);
    await answering(port, options);
  };
  const stop = async (signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL') => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGCONT');
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  t.teardown(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await start();
  return {
    port,
    url: `${tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`,
    folder,
    start,
    stop,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    command: (name = '', ...rest) => asked(port, options, (client) => client.call(name, ...rest)),
  };
}

/** Three nodes, each with a third of the slots. */
export async function startCluster(t: Test): Promise<{ nodes: RedisServer[]; url: string }> {
  const nodes = await Promise.all(
    [0, 1, 2].map(async () => {
      const bus = await freePort();
      return await startRedis(t, {
        args: ['--cluster-enabled', 'yes', '--cluster-port', `${bus}`, '--cluster-node-timeout', '2000'],
      });
    }),
  );
  const [first] = nodes;
  const SLOTS = 16_384;
  for (const [at, node] of nodes.entries()) {
    const from = Math.floor((SLOTS * at) / nodes.length);
    const to = Math.floor((SLOTS * (at + 1)) / nodes.length) - 1;
    await node.command('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${to}`);
    const bus = String(((await node.command('CONFIG', 'GET', 'cluster-port')) as string[])[1]);
    if (first !== undefined && node !== first)
      await first.command('CLUSTER', 'MEET', '127.0.0.1', `${node.port}`, bus);
  }
  for (const node of nodes) {
    await until(async () => {
      const info = String(await node.command('CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');
    });
  }
  return { nodes, url: nodes.map(({ url }) => url).join(',') };
}

/** A master, a replica and a sentinel that watches both under the name `cache`. */
export async function startSentinel(t: Test) {
  const master = await startRedis(t);
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', `${master.port}`] });
  await until(async () =>
    String(await replica.command('INFO', 'replication')).includes('master_link_status:up'),
  );
  const sentinel = await startRedis(t, {
    sentinel: [
      `sentinel monitor cache 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds cache 500',
      'sentinel failover-timeout cache 2000',
      '',
    ].join('\n'),
  });
  await until(async () => {
    const replicas = (await sentinel.command('SENTINEL', 'REPLICAS', 'cache')) as unknown[];
    return replicas.length === 1;
  });
  return { master, replica, sentinel };
}

export interface Certificates {
  ca: string;
  certificate: string;
  key: string;
}

/** An authority of one's own, and a certificate of it for this machine. */
export function makeCertificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true });
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout'];
  openssl('req', '-x509', ...newKey, 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Tests');
  openssl('req', ...newKey, 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
  openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.pem', '-days', '2');
  return {
    ca: join(folder, 'ca.pem'),
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
  };
}

let prefixes = 0;

/** Settings with a prefix that no other test of this process has. */
export async function settingsOf(words: RedisWords): Promise<RedisSettings> {
  prefixes += 1;
  return await readRedisSettings({ prefix: `test-${prefixes}`, ...words }, async (path) =>
    readFileSync(path, 'utf8'),
  );
}

/** Waits for what a real server will do in its own time; throws after ten seconds. */
export async function until(holds: () => Promise<boolean> | boolean, milliseconds = 10_000): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it did not come to be: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One that nobody listens on just now, and low enough for what a cluster adds to it. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function answering(port: number, options: RedisServerOptions): Promise<void> {
  await until(() =>
    asked(port, options, (client) => client.call('PING')).then(
      () => true,
      () => false,
    ),
  );
}

async function asked<T>(
  port: number,
  { tls, password }: RedisServerOptions,
  question: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: { ca: readFileSync(tls.ca) } }),
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await question(client);
  } finally {
    client.disconnect();
  }
}

function tlsArgs({ ca, certificate, key }: Certificates): string[] {
  return [
    '--tls-cert-file',
    certificate,
    '--tls-key-file',
    key,
    '--tls-ca-cert-file',
    ca,
    '--tls-auth-clients',
    'no',
  ];
}
