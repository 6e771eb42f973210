/** What a simulation stands on: one store, one index, one clock, one order of everything, and servers that come and go. */
import { verifyStored } from '#protocol/format/frame.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import { Entries } from '#server/entries/entries.ts';
import type { Lifetimes } from '#server/entries/lifetimes.ts';
import { openSqliteIndex } from '#server/index/sqlite.ts';
import type { JobHandler, JobName, JobQueue } from '#server/queue/job-queue.ts';
import type { RetentionParts } from '#server/retention/parts.ts';
import { QUOTAS, SCRUB } from '#server/retention/retention.ts';
import type { Signing } from '#server/signing/signing-keys.ts';
import { someSegments } from '../made-segments.ts';
import { Bucket, createMemoryStore } from './memory-store.ts';
import { Process, Scheduler } from './scheduler.ts';

export const HOUR = 60 * 60 * 1000;
export const KEYS = ['npm/shop/a', 'npm/shop/b', 'npm/shop/c'];
export const SEGMENTS = someSegments(6, 'simulated', 300);
export const NEVER = new AbortController().signal;
/** What a request takes at most: see lifetimes.ts. */
const STALL = 30 * HOUR;

export interface Server {
  process: Process;
  entries: Entries;
  retention: RetentionParts;
}

/** Something that must hold does not. */
export class BrokenError extends Error {}

export class Ground {
  readonly scheduler: Scheduler;
  readonly lifetimes: Lifetimes;
  readonly bucket = new Bucket();
  readonly index = openSqliteIndex(':memory:');
  readonly counts: Record<string, number> = {};
  /** Identities whose stored bytes were damaged from outside. */
  readonly harmed = new Set<string>();
  now = Date.parse('2030-01-01T00:00:00Z');
  /** Nobody waits for time to pass any more. */
  isEnding = false;
  readonly #signing: Signing;
  #started = 0;
  /** When each request under way began. */
  readonly #underWay = new Set<{ since: number }>();

  constructor(seed: number, signing: Signing, lifetimes: Lifetimes) {
    this.scheduler = new Scheduler(seed);
    this.#signing = signing;
    this.lifetimes = lifetimes;
  }

  count(what: string, many = 1): void {
    if (many > 0) this.counts[what] = (this.counts[what] ?? 0) + many;
  }

  /** Not where a request would have taken too long. */
  letPass(milliseconds: number): void {
    for (const { since } of this.#underWay) if (this.now + milliseconds - since > STALL) return;
    this.now += Math.floor(milliseconds);
    this.scheduler.note(`it is ${new Date(this.now).toISOString()}`);
  }

  /** A request: it ends, or its server dies, within the time that requests may take. */
  async request<T>(process: Process, work: () => Promise<T>): Promise<T> {
    const one = { since: this.now };
    this.#underWay.add(one);
    try {
      return await Promise.race([work(), process.death]);
    } finally {
      this.#underWay.delete(one);
    }
  }

  startServer(): Server {
    const process = new Process(`server ${++this.#started}`);
    const { scheduler, lifetimes, index } = this;
    const store = createMemoryStore(this.bucket, {
      now: () => this.now,
      turn: (what) => scheduler.turn(process, shown(what)),
      page: 3,
    });
    const clock = () => this.now;
    const entries = new Entries({
      store,
      index,
      queue: this.#queueOf(process),
      verifier: { verify: async (stored) => verifyStored(stored) },
      signing: this.#signing,
      limits: { entryBytes: LIMITS.entryBytes, answerBytes: 1024 * 1024 },
      lifetimes,
      clock,
      random: (bytes) =>
        Buffer.from(Array.from({ length: bytes }, () => Math.floor(scheduler.random() * 256))),
      observer: {
        lookup() {},
        committed() {},
        retired: (object, why) => scheduler.note(`    retired ${shown(object)}: ${why}`),
        damaged: (identity) => scheduler.note(`    damaged ${shown(identity)}`),
        healed() {},
        reindexed() {},
        failed: (what, error) => {
          throw new Error(`it failed at ${what}`, { cause: error });
        },
      },
      reach: () => {},
    });
    const retention: RetentionParts = {
      store,
      index,
      entries,
      lifetimes,
      quotas: { ...QUOTAS, scopeBytes: 1_000 },
      scrub: SCRUB,
      clock,
      wait: async () => {},
      observer: {
        marked() {},
        condemned: ({ objects }) => scheduler.note(`    condemned ${objects}`),
        swept: ({ deleted }) => {
          scheduler.note(`    deleted ${deleted}`);
          this.count('deleted', deleted);
        },
        tidied() {},
        evicted: () => this.count('evicted'),
        scrubbed() {},
      },
    };
    return { process, entries, retention };
  }

  /** Every job at once, in the process that asks for it. */
  #queueOf(process: Process): JobQueue {
    const handlers = new Map<JobName, JobHandler>();
    const known = new Set<string>();
    return {
      handle: (name, handler) => void handlers.set(name, handler),
      add: async ({ name, id, data }) => {
        const handler = handlers.get(name);
        if (known.has(`${name} ${id}`) || handler === undefined) return 'known';
        known.add(`${name} ${id}`);
        this.scheduler.start(process, `job ${name}`, async () => {
          await handler(data, NEVER).finally(() => known.delete(`${name} ${id}`));
          return 'done';
        });
        return 'added';
      },
      counts: async () => ({ waiting: 0, running: 0, failed: 0 }),
      idle: async () => {},
      close: async () => {},
    };
  }
}

/** With segments by number, and other digests cut short. */
export function shown(what: string): string {
  return what.replace(/[0-9a-f]{64}/g, (digest) => {
    const at = SEGMENTS.findIndex(({ identity }) => identity === digest);
    return at === -1 ? digest.slice(0, 6) : `segment-${at}`;
  });
}
