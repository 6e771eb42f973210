/**
 * The event log in Redis: one for all replicas, so that each of them tells the same figures. What Redis forgets is forgotten: figures are
 * the truth of nothing, and are no reason to keep a runner waiting.
 */
import { randomBytes } from 'node:crypto';
import { fault } from '#protocol/wire/errors.ts';
import type { RedisClient } from '../../redis/connect.ts';
import type { RedisLink } from '../../redis/redis-link.ts';
import { defineScripts, run } from '../../redis/script.ts';
import { parseEvents } from '../event-lines.ts';
import type { Cursor, EventLog, EventRun, LoggedEvent } from '../event-log.ts';
import { APPEND_EVENTS, logKeys, READ_EVENTS } from './log-scripts.ts';

export interface RedisLogOptions {
  /** Events of a page; all replicas must have the same. */
  pageEvents?: number;
  /** What all pages may have together; the oldest go first, the last one stays. */
  totalBytes?: number;
}

/** Some 2 MB. */
const PAGE_EVENTS = 4_000;
const TOTAL_BYTES = 64 * 1024 * 1024;
/** Events in one command: Redis does nothing else meanwhile. */
const PIECE = 200;

type Reply = [birth: string, entries: [id: string, fields: string[]][]] | null;

/** `link` is closed with the log. */
export function openRedisLog(link: RedisLink, options: RedisLogOptions = {}): EventLog {
  return new RedisLog(link, options);
}

class RedisLog implements EventLog {
  readonly #link: RedisLink;
  readonly #keys: [log: string, pages: string];
  readonly #pageEvents: number;
  readonly #totalBytes: number;

  constructor(link: RedisLink, options: RedisLogOptions) {
    this.#link = link;
    this.#keys = logKeys(link.settings.prefix);
    this.#pageEvents = options.pageEvents ?? PAGE_EVENTS;
    this.#totalBytes = options.totalBytes ?? TOTAL_BYTES;
    defineScripts(link.client, [APPEND_EVENTS, READ_EVENTS]);
  }

  async append(events: readonly LoggedEvent[]): Promise<void> {
    for (let at = 0; at < events.length; at += PIECE) {
      const lines = events.slice(at, at + PIECE).map((event) => JSON.stringify(event));
      const values = [randomBytes(8).toString('hex'), this.#pageEvents, this.#totalBytes, ...lines];
      await this.#ask((client) => run(client, APPEND_EVENTS, this.#keys, values));
    }
  }

  async *read(after?: Cursor): AsyncGenerator<EventRun> {
    for (let [birth = '', n = '0'] = after?.split(':') ?? []; ; ) {
      const asked = [birth, n, PIECE];
      const reply = (await this.#ask((client) => run(client, READ_EVENTS, this.#keys, asked))) as Reply;
      const [found, entries] = reply ?? ['', []];
      if (entries.length === 0) return;
      const numbered = entries.map(([id, fields]) => ({ n: Number.parseInt(id, 10), line: fields[1] ?? '' }));
      for (const [page, run] of Map.groupBy(numbered, (one) => Math.floor((one.n - 1) / this.#pageEvents))) {
        n = String(run.at(-1)?.n);
        const events = parseEvents(run.map(({ line }) => line).join('\n'));
        yield { page: pageName(found, page), events, next: `${found}:${n}` };
      }
      birth = found;
    }
  }

  async pages(): Promise<string[]> {
    const { birth, ...pages } = await this.#ask((client) => client.hgetall(this.#keys[1]));
    const numbers = Object.keys(pages)
      .map(Number)
      .sort((one, other) => one - other);
    return numbers.map((page) => pageName(birth ?? '', page));
  }

  async close(): Promise<void> {
    this.#link.close();
  }

  async #ask<T>(question: (client: RedisClient) => Promise<T>): Promise<T> {
    try {
      return await this.#link.call(question);
    } catch (error) {
      throw fault('EVENTS_FAILED', { why: (error as Error).message });
    }
  }
}

function pageName(birth: string, page: number): string {
  return `${birth}.${page}`;
}
