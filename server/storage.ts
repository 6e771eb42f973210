/**
 * Where entries, index, jobs and events are kept: in the data folder and this process, or in a bucket and Redis, as the configuration
 * says. What is not used is not loaded.
 */
import type { Logger } from 'pino';
import { LIMITS } from '#protocol/format/limits.ts';
import type { Config } from './config/config.ts';
import type { DataFolder } from './data-folder.ts';
import { ByteBudget } from './entries/byte-budget.ts';
import type { EventLog } from './events/event-log.ts';
import { openFileLog } from './events/file-log.ts';
import type { EntryIndex } from './index/entry-index.ts';
import { openSqliteIndex } from './index/sqlite.ts';
import { createInProcessQueue } from './queue/in-process.ts';
import type { Job, JobQueue } from './queue/job-queue.ts';
import type { RedisSettings } from './redis/settings.ts';
import { openFileSystemStore } from './store/file-system.ts';
import type { HotObserver } from './store/hot/observer.ts';
import { openHotStore } from './store/hot/open.ts';
import type { ObjectStore } from './store/object-store.ts';
import type { S3Settings } from './store/s3/settings.ts';
import { type ObserveStore, timedStore } from './store/timed.ts';
import type { QueueBoardParts } from './web/queue-board.ts';

export interface Storage {
  store: ObjectStore;
  index: EntryIndex;
  events: EventLog;
  /** For the caller to close, before what its jobs need. */
  queue: JobQueue;
  /** What a page can show of the queue; undefined where it is this process's own. */
  board: QueueBoardParts | undefined;
  /** What is away that the server can do without for a while; undefined if nothing is. */
  degraded(): string | undefined;
}

interface Opening {
  config: Config;
  folder: DataFolder;
  log: Logger;
  /** What is to be closed, in the order of its opening. */
  ending: (() => Promise<void>)[];
  /** Told whenever the index has come back, perhaps without what it held. */
  onIndexBack: () => void;
  /** Told what is served from copies near, and what is not. */
  hot: HotObserver;
  /** Told what each call of the object store took. */
  onStore: ObserveStore;
}

/** Throws what the store, the index and Redis throw where they cannot be used. */
export async function openStorage(opening: Opening): Promise<Storage> {
  const { config, folder, ending } = opening;
  const kept =
    config.s3 === undefined
      ? await openFileSystemStore(folder.objects)
      : await openBucket(config.s3, opening);
  const store = await openHotStore(timedStore(kept, opening.onStore), config.hot, {
    moves: MOVES_BYTES,
    observer: opening.hot,
  });
  ending.push(() => store.close());
  const shared =
    config.redis === undefined ? await openEmbedded(opening) : await openShared(config.redis, opening);
  ending.push(() => shared.index.close());
  ending.push(() => shared.events.close());
  return { store, ...shared };
}

type Shared = Omit<Storage, 'store'>;

/** Of whole segments on their way into the hot tier: two of the largest, or 16 of those that are usual. */
const MOVES_BYTES = 2 * LIMITS.segmentStored;

/** As Redis shows them in its list of clients. */
const INDEX = 'cachalot-index';
const QUEUE = 'cachalot-queue';
const EVENTS = 'cachalot-events';

async function openEmbedded({ folder, log }: Opening): Promise<Shared> {
  const events = await openFileLog(folder.events);
  const index = openSqliteIndex(folder.index, {
    onSetAside: (why) => log.error({ why }, 'set a damaged index aside'),
  });
  const queue = createInProcessQueue({ onFailure: failureTo(log) });
  return { index, events, queue, board: undefined, degraded: () => undefined };
}

async function openBucket(settings: S3Settings, { config, log }: Opening): Promise<ObjectStore> {
  const { openS3Store } = await import('./store/s3/open.ts');
  return await openS3Store(settings, {
    uploads: new ByteBudget(config.memory.store),
    downloads: new ByteBudget(config.memory.store),
    warn: (what, error) => log.warn(error === undefined ? {} : { err: error }, what),
  });
}

async function openShared(settings: RedisSettings, { config, log, onIndexBack }: Opening): Promise<Shared> {
  const [{ RedisLink }, { openRedisIndex }, { openRedisLog }, { openBullMqQueue }] = await Promise.all([
    import('./redis/redis-link.ts'),
    import('./index/redis/redis-index.ts'),
    import('./events/redis/redis-log.ts'),
    import('./queue/bullmq/bullmq-queue.ts'),
  ]);
  const away = new Map<string, string>();
  const link = (name: string) =>
    RedisLink.open(settings, {
      name,
      onState(isUp, why) {
        if (isUp) {
          away.delete(name);
          log.info({ name }, 'Redis is there');
          if (name === INDEX) onIndexBack();
        } else {
          away.set(name, why);
          log.warn({ name, why }, 'Redis is away');
        }
      },
    });
  const index = openRedisIndex(await link(INDEX));
  let events: EventLog | undefined;
  try {
    events = openRedisLog(await link(EVENTS));
    const queue = openBullMqQueue(await link(QUEUE), {
      works: config.roles.worker,
      onFailure: failureTo(log),
      // While Redis is away each worker says so at each of its attempts.
      onError: (error) => log[away.size === 0 ? 'warn' : 'debug']({ err: error }, 'the job queue'),
    });
    return {
      index,
      events,
      queue,
      board: { queues: () => queue.queues() },
      degraded: () =>
        away.size === 0 ? undefined : `Redis is away: ${[...new Set(away.values())].join('; ')}`,
    };
  } catch (error) {
    await events?.close();
    await index.close();
    throw error;
  }
}

function failureTo(log: Logger): (job: Job, error: unknown, isLast: boolean) => void {
  return (job, error, isLast) =>
    log.error({ err: error, job }, isLast ? 'a job failed for good' : 'a job failed, and is tried again');
}
