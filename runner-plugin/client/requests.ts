/**
 * Requests as the client makes them: timed, repeated where that has a point, refused while the server is left alone, and the
 * reason why it is left alone from now on if it fails. The connections are made at the first one.
 */
import type { Dispatcher } from 'undici';
import { LIMITS } from '#protocol/format/limits.ts';
import { isFault } from '#protocol/wire/errors.ts';
import type { AnswerName, AnswerOf } from './answers.ts';
import { createBreaker } from './breaker.ts';
import { type Clock, systemClock } from './clock.ts';
import { Deadline } from './deadline.ts';
import type { Answer, Exchange, Outgoing } from './exchange.ts';
import { Failure } from './failure.ts';
import { type Retrying, withRetries } from './retry.ts';
import type { Elsewhere } from './segment-reader.ts';
import type { ClientSettings } from './settings.ts';

export interface ClientParts {
  clock?: Clock;
  /** 0 to 1. */
  random?: () => number;
  /** `doctor` tries a server that is left alone, and closes the breaker if it answers. */
  ignoreBreaker?: boolean;
}

/** The largest control answer: a manifest with its layout. */
export const ANSWER_BYTES = 4 * LIMITS.manifestBytes;
const JSON_TYPE = 'application/json';
/** Errors of these that have a status of a failed server show that it cannot be used; a full disk of ours does not. */
const OF_THE_SERVER = /^(CLIENT|SERVER|STORE)_/;

export class Requests {
  readonly url: string;
  readonly retrying: Retrying;
  readonly #settings: ClientSettings;
  readonly #breaker: ReturnType<typeof createBreaker>;
  readonly #ignoreBreaker: boolean;
  #line: Promise<{ exchange: Exchange; dispatcher: Dispatcher }> | undefined;
  /** Connections to where the server has sent us, by origin. */
  readonly #elsewhere = new Map<string, Promise<Dispatcher>>();

  constructor(settings: ClientSettings, parts: ClientParts) {
    const { clock = systemClock, random = Math.random, ignoreBreaker = false } = parts;
    const { url, stateFolder: folder } = settings;
    this.url = url.href;
    this.retrying = { clock, random };
    this.#settings = settings;
    this.#breaker = createBreaker({ folder, url, uid: process.getuid?.() ?? 0, clock });
    this.#ignoreBreaker = ignoreBreaker;
  }

  /** Once, without the breaker. Throws a {@link Failure}. */
  readonly send: Exchange = async (outgoing) => {
    this.#line ??= connect(this.#settings, this.retrying.clock);
    return (await this.#line).exchange(outgoing);
  };

  /** Where the server sends us; see {@link Elsewhere}. */
  readonly elsewhere: Elsewhere = async (...asked) => {
    const { createElsewhere } = await import('./exchange.ts');
    const dispatcherOf = (origin: URL) => {
      const known =
        this.#elsewhere.get(origin.href) ??
        connections(strangersSettings(this.#settings, origin), this.retrying.clock);
      this.#elsewhere.set(origin.href, known);
      return known;
    };
    return await createElsewhere(this.#settings, dispatcherOf, this.retrying.clock)(...asked);
  };

  /** Throws CLIENT_BREAKER_OPEN while the server is to be left alone. */
  check(): void {
    if (!this.#ignoreBreaker) this.#breaker.check();
  }

  /** The error to throw for one that came of a request; the breaker is opened if it shows that the server cannot be used. */
  judge(error: unknown): unknown {
    const known = error instanceof Failure ? error.fault : error;
    if (!isFault(known) || known.status < 500 || !OF_THE_SERVER.test(known.code)) return known;
    // Nobody said that there is a server on this machine; it may be started at any moment, and asking costs nothing.
    const absent = !this.#settings.named && known.code === 'CLIENT_UNAVAILABLE';
    if (known.code !== 'CLIENT_BREAKER_OPEN' && !absent) this.#breaker.open();
    return known;
  }

  /** A control request: one budget, in ms, for all attempts, what `read` takes of the answer included. */
  control<T>(
    outgoing: Omit<Outgoing, 'control'>,
    read: (answer: Answer, deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    return this.#guarded(async () => {
      const deadline = new Deadline(this.retrying.clock, this.url, outgoing.signal);
      deadline.total(this.#settings.budgets.control);
      try {
        return await withRetries(this.retrying, deadline.signal, async () =>
          read(await this.send({ ...outgoing, control: true, signal: deadline.signal }), deadline),
        );
      } finally {
        deadline.end();
      }
    });
  }

  /** A request whose body or answer is large: it may take as long as it flows. */
  withBody<T>(outgoing: Outgoing, read: (answer: Answer) => Promise<T>): Promise<T> {
    const signal = outgoing.signal ?? new AbortController().signal;
    return this.#guarded(() =>
      withRetries(this.retrying, signal, async () => read(await this.send(outgoing))),
    );
  }

  /** A control request with JSON both ways; the answer is held against its schema. */
  ask<Name extends AnswerName>(
    name: Name,
    outgoing: { method: Outgoing['method']; path: string; body?: unknown; signal?: AbortSignal | undefined },
  ): Promise<AnswerOf<Name>> {
    const { method, path, body, signal } = outgoing;
    return this.control({ method, path, ...jsonBody(body), ...withSignal(signal) }, (answer) =>
      this.parse(name, answer),
    );
  }

  async parse<Name extends AnswerName>(name: Name, answer: Answer): Promise<AnswerOf<Name>> {
    const [{ parseAnswer }, bytes] = await Promise.all([import('./answers.ts'), answer.bytes(ANSWER_BYTES)]);
    return parseAnswer(name, bytes.toString('utf8'), this.url);
  }

  /** Closes every connection; what is under way fails. */
  async close(): Promise<void> {
    const standing = await this.#line?.catch(() => undefined);
    await standing?.dispatcher.destroy();
    for (const one of this.#elsewhere.values()) await (await one.catch(() => undefined))?.destroy();
  }

  /** Asks unless the server is left alone. */
  async #guarded<T>(run: () => Promise<T>): Promise<T> {
    this.check();
    try {
      const answer = await run();
      if (this.#ignoreBreaker) this.#breaker.close();
      return answer;
    } catch (error) {
      throw this.judge(error);
    }
  }
}

export function jsonBody(value: unknown): Pick<Outgoing, 'body'> {
  if (value === undefined) return {};
  return { body: { type: JSON_TYPE, bytes: [Buffer.from(JSON.stringify(value))] } };
}

export function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

async function connect(
  settings: ClientSettings,
  clock: Clock,
): Promise<{ exchange: Exchange; dispatcher: Dispatcher }> {
  const [dispatcher, { createExchange }] = await Promise.all([
    connections(settings, clock),
    import('./exchange.ts'),
  ]);
  return { exchange: createExchange(settings, dispatcher, clock), dispatcher };
}

/** Our certificate is a credential too, and shown to our own server only. */
function strangersSettings(settings: ClientSettings, url: URL): ClientSettings {
  const { clientCert, clientKey, ...others } = settings;
  return { ...others, url };
}

async function connections(settings: ClientSettings, clock: Clock): Promise<Dispatcher> {
  const [{ createDispatcher }, certificates] = await Promise.all([
    import('./dispatcher.ts'),
    settings.url.protocol === 'https:' ? import('./certificates.ts') : undefined,
  ]);
  return createDispatcher(settings, clock, certificates?.secureContext(settings));
}
