/**
 * Starts the server: puts the parts together, listens, and ends in order when it is told to.
 */
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { fault } from '#protocol/wire/errors.ts';
import { INLINE_MAX } from '#protocol/wire/inline.ts';
import packageManifest from '../package.json' with { type: 'json' };
import type { App } from './api/app-type.ts';
import { buildApp } from './app.ts';
import { openAdminToken } from './auth/admin-token.ts';
import { openCredentials } from './auth/credentials.ts';
import { Sessions } from './auth/sessions.ts';
import { Tokens } from './auth/tokens.ts';
import { type Config, processSurroundings, readConfig } from './config/config.ts';
import type { Flags, Surroundings } from './config/setting.ts';
import { type DataFolder, holdDataFolder } from './data-folder.ts';
import { Drain } from './drain.ts';
import { ByteBudget } from './entries/byte-budget.ts';
import { Entries } from './entries/entries.ts';
import { REINDEX } from './entries/index-trust.ts';
import { LIFETIMES_VARIABLE, lifetimesFrom } from './entries/lifetimes.ts';
import type { EntryParts } from './entries/parts.ts';
import { UploadMemory } from './entries/upload-memory.ts';
import { createStats } from './events/stats.ts';
import { createReach } from './failpoint.ts';
import { createLog } from './logging.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { entryObserver, hotObserver, retentionObserver } from './observers.ts';
import type { RetentionParts } from './retention/parts.ts';
import { handleRetention, scheduleRetention } from './retention/retention.ts';
import { openSigningKeys } from './signing/signing-keys.ts';
import { openStorage } from './storage.ts';
import { createVerifyPool, type VerifyPool } from './verify/pool.ts';

/** Milliseconds that an upload may pause. */
const BODY_IDLE_MS = 30_000;
/** Of inline answers, all at once; beyond them readers ask for ranges. */
const INLINE_BYTES = 4 * INLINE_MAX;
/** Under these names a browser and every client mean this machine. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

export interface ServeOptions {
  flags?: Flags;
  surroundings?: Surroundings;
  /** The process is this server's: signals stop it, and the address is printed on standard output. */
  ownsProcess?: boolean;
  /** What a test puts in the place of parts, to see that it would be found out if they did less than they promise. */
  change?: {
    entries?: (parts: EntryParts) => EntryParts;
    retention?: (parts: RetentionParts) => RetentionParts;
  };
}

export interface RunningServer {
  url: string;
  /** Drains and ends; resolves when nothing of it is left. */
  close(): Promise<void>;
}

/**
 * Throws `SETTING_INVALID`, `SERVER_EXPOSED`, `SERVER_DATA_IN_USE`, `SERVER_ADDRESS`, and what the store and the index throw
 * where they cannot be opened.
 */
export async function serve(options: ServeOptions = {}): Promise<RunningServer> {
  const surroundings = options.surroundings ?? processSurroundings();
  const config = await readConfig(options.flags ?? {}, surroundings);
  if (!isLoopback(config.host) && !config.auth.required) throw fault('SERVER_EXPOSED', { host: config.host });
  const log = createLog(config.log);
  const folder = await holdDataFolder(config.data);
  const ending: (() => Promise<void>)[] = [() => folder.release()];
  const end = async () => {
    for (const step of ending.splice(0).reverse()) await step();
  };
  try {
    const parts = await openParts(config, folder, log, { ...options, surroundings }, ending);
    const url = await listen(parts.app, config);
    ending.push(() => drainAndClose(parts.app, parts.drain, config, log));
    await folder.announce(url);
    await parts.entries.start();
    const close = once(end);
    if (options.ownsProcess) ownProcess(url, close, log);
    return { url, close };
  } catch (error) {
    await end();
    throw error;
  }
}

interface Parts {
  app: App;
  entries: Entries;
  drain: Drain;
}

async function openParts(
  config: Config,
  folder: DataFolder,
  log: Logger,
  { surroundings: { env }, change = {} }: ServeOptions & { surroundings: Surroundings },
  ending: (() => Promise<void>)[],
): Promise<Parts> {
  const signing = await openSigningKeys(config.signing.key ?? folder.signingKey);
  const isAdmin = await openAdminToken(folder.adminToken, config.admin.token);
  const back = new EventEmitter<{ index: [] }>();
  const drain = new Drain();
  const memory = new UploadMemory(config.memory.uploads);
  const metrics = createMetrics({
    version: packageManifest.version,
    isDegraded: () => degraded() !== undefined,
    isIndexTrusted: async () => (await index.epoch().catch(() => undefined)) !== undefined,
    running: () => drain.running,
    uploadBytes: () => memory.reserved,
    jobs: () => queue.counts().catch(() => undefined),
  });
  const { store, index, events, queue, board, degraded } = await openStorage({
    config,
    folder,
    log,
    ending,
    onIndexBack: () => back.emit('index'),
    hot: hotObserver(metrics, log),
    onStore: (operation, outcome, seconds) => metrics.store.observe({ operation, outcome }, seconds),
  });
  const pool = createVerifyPool();
  ending.push(() => pool.close());
  ending.push(() => queue.close());
  const parts = { store, index, queue, clock: () => performance.now(), random: randomBytes };
  const lifetimes = lifetimesFrom(env[LIFETIMES_VARIABLE]);
  const entryParts = {
    ...parts,
    lifetimes,
    delivery: config.delivery,
    verifier: counted(pool, metrics),
    signing,
    limits: { entryBytes: config.limits.entryBytes, answerBytes: config.memory.answers },
    observer: entryObserver(metrics, log),
    reach: createReach(env.CACHALOT_FAILPOINT),
  };
  const entries = new Entries(change.entries?.(entryParts) ?? entryParts);
  // One that was flushed asks for its reindex now, and not when the first look-up finds nothing.
  back.on('index', () => {
    entries.trustsIndex().catch((error: unknown) => log.error({ err: error }, 'asking the index'));
  });
  if (config.roles.worker) {
    const retention = {
      ...parts,
      entries,
      lifetimes,
      quotas: config.quotas,
      scrub: config.scrub,
      wait: (milliseconds: number, signal: AbortSignal) => sleep(milliseconds, undefined, { signal }),
      observer: retentionObserver(metrics, log),
    };
    handleRetention(queue, change.retention?.(retention) ?? retention);
    const stop = new AbortController();
    const scheduled = scheduleRetention(queue, retention, stop.signal);
    ending.push(async () => {
      stop.abort();
      await scheduled;
    });
  }
  const tokens = new Tokens({ ...parts, signing });
  const sessions = new Sessions({
    ...parts,
    signing,
    issuers: new Set(config.auth.issuers.map(({ name }) => name)),
    onOpen: (session) => log.info(session, 'opened a session'),
  });
  const app = await buildApp({
    version: packageManifest.version,
    // A worker is asked for its health and figures, and nothing else.
    routes: config.roles.api
      ? {
          entries,
          events,
          stats: createStats({ log: events, totals: (domain) => entries.totals(domain) }),
          now: Date.now,
          credentials: openCredentials(
            { tokens, sessions, idTokens: await openIdTokens(config.auth.issuers) },
            config.auth.required,
          ),
          sessions,
          memory,
          files: config.data,
          inline: new ByteBudget(INLINE_BYTES),
          bodyIdle: BODY_IDLE_MS,
        }
      : undefined,
    board,
    admin: {
      isAdmin,
      async begin(job) {
        if (job !== 'reindex') return await queue.add({ name: job, id: job, data: { asked: 1 } });
        await entries.rebuildIndex();
        return await queue.add(REINDEX);
      },
    },
    tokens: {
      create: (request) => tokens.create(request),
      list: () => tokens.list(),
      // A session is revoked as a token is, by the id that the log has.
      revoke: async (id) => (await tokens.revoke(id)) || (await sessions.revoke(id)),
    },
    service: { signing, degraded, unready: () => unready(drain, store) },
    drain,
    metrics,
    log,
    hosts: config.auth.required ? undefined : new Set([...LOOPBACK_NAMES, config.host.toLowerCase()]),
  });
  return { app, entries, drain };
}

/** What is not used is not loaded. */
async function openIdTokens(issuers: Config['auth']['issuers']) {
  if (issuers.length === 0) return undefined;
  const { IdTokens } = await import('./auth/oidc/id-tokens.ts');
  return new IdTokens({ issuers, clock: () => performance.now(), now: Date.now });
}

function counted(pool: VerifyPool, { verifying }: Metrics): Pick<VerifyPool, 'verify'> {
  return {
    async verify(stored) {
      verifying.inc();
      try {
        return await pool.verify(stored);
      } finally {
        verifying.dec();
      }
    },
  };
}

/** The index may be away: then the store is asked (server/entries/index-trust.ts). */
async function unready(drain: Drain, store: { now(): Promise<number> }): Promise<string | undefined> {
  if (drain.draining) return 'it is stopping';
  try {
    await store.now();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function listen(app: App, { host, port, data }: Config): Promise<string> {
  const listenTextResolver = (address: string) => `listening on ${address}, data in ${data}`;
  try {
    return await app.listen({ host, port, listenTextResolver });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'another program listens there' : message;
    throw fault('SERVER_ADDRESS', { host, port, why }, { cause });
  }
}

async function drainAndClose(app: App, drain: Drain, config: Config, log: Logger): Promise<void> {
  log.info({ running: drain.running, seconds: config.drain }, 'draining');
  const whole = await drain.begin(config.drain);
  if (!whole) log.warn({ running: drain.running }, 'ended requests that took longer than the drain time');
  await app.close();
}

function ownProcess(url: string, close: () => Promise<void>, log: Logger): void {
  process.stdout.write(`Cachalot listens on ${url}\n`);
  const stop = async (signal: string) => {
    log.info({ signal }, 'stopping');
    try {
      await close();
      process.exit(0);
    } catch (error) {
      log.fatal({ err: error }, 'could not end in order');
      process.exit(1);
    }
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}
