/**
 * Redis as requests use it: an answer or an error, within a second and a half, whatever has become of Redis.
 *
 * A call that could not reach Redis opens a breaker: for a moment all others fail at once, so that a request that asks five
 * times waits once. Then one is let through to see. Errors that Redis itself replies with do not count.
 */
import { ReplyError } from 'ioredis';
import { createClient, type RedisClient, SILENCE_MS } from './connect.ts';
import { refusal, unfit, unfitness } from './fitness.ts';
import type { RedisSettings } from './settings.ts';

/** A call takes no longer, also where a cluster sends it from node to node; milliseconds. */
const CALL_MS = SILENCE_MS + 500;
/** How long the others fail at once after a call that could not reach Redis; milliseconds. */
const OPEN_MS = 1_000;
/** How long a start waits for Redis; milliseconds. */
const START_MS = 2_000;
/** How long it is believed which servers there are; milliseconds. */
const SERVERS_MS = 5_000;

/** Whether we may change keys and run scripts; leaves nothing, and needs no memory. */
const PROBE = "return redis.call('DEL', KEYS[1])";

export interface RedisLinkOptions {
  /** What Redis shows in its list of clients. */
  name: string;
  /** Milliseconds that only grow. */
  clock?: () => number;
  /** Told when Redis is lost, once, and when it is back. */
  onState?: (isUp: boolean, why: string) => void;
}

export class RedisLink {
  readonly settings: RedisSettings;
  readonly client: RedisClient;
  readonly #clock: () => number;
  readonly #onState: (isUp: boolean, why: string) => void;
  /** Why no call is made; undefined where Redis was fit when it was last reached. */
  #unfit: string | undefined = 'it has not been reached yet';
  #openUntil = 0;
  #lastError = '';
  #wasUp: boolean | undefined;
  #servers: { ids: string; seen: number } | undefined;
  /** Settled when Redis has been judged, or has refused our credentials. */
  readonly #reached = Promise.withResolvers<void>();
  #refused: string | undefined;

  private constructor(settings: RedisSettings, options: RedisLinkOptions) {
    this.settings = settings;
    this.#clock = options.clock ?? (() => performance.now());
    this.#onState = options.onState ?? (() => undefined);
    this.client = createClient(settings, 'requests', options.name);
    // ioredis keeps a command's arguments on its errors, and those of AUTH are secret.
    this.client.on('error', (error: Error) => {
      this.#lastError = error.message;
      this.#refused = refusal(error);
      if (this.#refused !== undefined) this.#reached.resolve();
    });
    this.client.on('ready', () => void this.#judge());
    this.client.on('close', () => this.#lost(this.#lastError || 'the connection was closed'));
  }

  /**
   * Connects. Throws `REDIS_REFUSED` where Redis answers and cannot be used; where it does not answer in time the link is made
   * all the same, and comes to life when Redis does.
   */
  static async open(settings: RedisSettings, options: RedisLinkOptions): Promise<RedisLink> {
    const link = new RedisLink(settings, options);
    link.client.connect().catch((error: Error) => {
      link.#lastError ||= error.message;
    });
    const isReached = await within(link.#reached.promise, START_MS);
    const why = isReached ? (link.#refused ?? link.#unfit) : undefined;
    if (why !== undefined) {
      link.close();
      throw unfit(settings, why);
    }
    if (!isReached) link.#lost(link.#lastError || 'it does not answer');
    return link;
  }

  /** Whether a call would be tried now. */
  get isUp(): boolean {
    return this.#unfit === undefined && this.client.status === 'ready' && this.#clock() >= this.#openUntil;
  }

  /** Throws an error whose message says why, for a person; nothing of what was asked is in it. */
  async call<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#unfit !== undefined) throw new Error(this.#unfit);
    if (this.client.status !== 'ready')
      throw new Error(`Redis is away: ${this.#lastError || 'no connection'}`);
    const now = this.#clock();
    if (now < this.#openUntil) throw new Error(`Redis did not answer a moment ago: ${this.#lastError}`);
    // The one that is let through: the others do not wait with it.
    if (this.#openUntil > 0) this.#openUntil = now + CALL_MS;
    try {
      const answer = await answerOf(work(this.client));
      this.#openUntil = 0;
      return answer;
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof ReplyError && !/^(CLUSTERDOWN|MASTERDOWN)/.test(message)) {
        this.#openUntil = 0;
        throw new Error(message.startsWith('OOM') ? `Redis has no memory left: ${message}` : message);
      }
      this.#lastError = message;
      this.#openUntil = this.#clock() + OPEN_MS;
      throw new Error(`Redis did not answer: ${message}`);
    }
  }

  /**
   * What tells the servers that answer now from those that another day answered: a server that was started anew, or another
   * that took a lost one's place, may lack the last writes.
   */
  async servers(): Promise<string> {
    const now = this.#clock();
    if (this.#servers !== undefined && now - this.#servers.seen < SERVERS_MS) return this.#servers.ids;
    const replies = await this.call((client) => infoOf(client, 'server'));
    const ids = replies
      .map((info) => /^run_id:(\w+)/m.exec(info)?.[1] ?? '')
      .sort()
      .join('+');
    this.#servers = { ids, seen: now };
    return ids;
  }

  close(): void {
    this.client.removeAllListeners('close');
    this.client.disconnect();
  }

  async #judge(): Promise<void> {
    this.#servers = undefined;
    try {
      const replies = await answerOf(infoOf(this.client));
      this.#unfit = replies.map(unfitness).find((why) => why !== undefined);
      if (this.#unfit === undefined)
        await answerOf(this.client.eval(PROBE, 1, `{${this.settings.prefix}}:probe`));
    } catch (error) {
      this.#unfit = refusal(error as Error);
      if (this.#unfit === undefined) {
        // Lost again already, or one node of a cluster: that may pass.
        this.#unfit = (error as Error).message;
        setTimeout(() => this.client.status === 'ready' && void this.#judge(), OPEN_MS).unref();
        return;
      }
    }
    if (this.#unfit === undefined) {
      this.#openUntil = 0;
      this.#lastError = '';
      this.#refused = undefined;
      this.#say(true, '');
    } else this.#say(false, this.#unfit);
    this.#reached.resolve();
  }

  #lost(why: string): void {
    this.#servers = undefined;
    this.#say(false, why);
  }

  #say(isUp: boolean, why: string): void {
    if (this.#wasUp === isUp) return;
    this.#wasUp = isUp;
    this.#onState(isUp, why);
  }
}

/** The replies of all that hold keys. */
async function infoOf(client: RedisClient, ...section: ['server'] | []): Promise<string[]> {
  const nodes = 'nodes' in client ? client.nodes('master') : [client];
  return await Promise.all(nodes.map((node) => node.info(...(section as ['server']))));
}

/** Whether it is settled in time. */
async function within(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), milliseconds);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function answerOf<T>(work: Promise<T>): Promise<T> {
  if (!(await within(work, CALL_MS))) throw new Error(`no answer in ${CALL_MS} ms`);
  return await work;
}
