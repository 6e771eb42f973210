/**
 * One request and its answer, once: sent, timed, and every way in which it can go wrong turned into a {@link Failure}.
 * Whether it is sent again, and what its answer means, is the callers'.
 */
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { fault } from '#protocol/wire/errors.ts';
import { refHeaders } from '#protocol/wire/ref-headers.ts';
import { type Bearer, createBearer } from './bearer.ts';
import type { Clock } from './clock.ts';
import { Deadline } from './deadline.ts';
import { Failure, failureOf, refusalOf } from './failure.ts';
import type { Elsewhere } from './segment-reader.ts';
import type { ClientSettings } from './settings.ts';

export interface Outgoing {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api/v1/`, with its query; with a leading slash, below the server's address. */
  path: string;
  headers?: Record<string, string>;
  body?: { type: string; bytes: readonly Buffer[] };
  /**
   * True for control requests: the caller's signal times all of it. Without it connecting, the first byte and silence are
   * timed, as befits large bodies.
   */
  control?: boolean;
  /** A 307 is an answer too. */
  redirected?: boolean;
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  /** Of one value each, names in lower case. */
  header(name: string): string | undefined;
  /** Reads on; a pause of the reader is not the server's silence. Throws a Failure. Leaving the loop cuts the answer off. */
  body(): AsyncGenerator<Buffer, void, void>;
  /** The whole body if it is at most `limit` bytes; else a Failure. */
  bytes(limit: number): Promise<Buffer>;
}

/** Sends; an answer with another status than 2xx is thrown as the Failure that it stands for. */
export type Exchange = (outgoing: Outgoing) => Promise<Answer>;

/** Bytes given to the connection at a time: each is a sign of life. */
const PIECE_BYTES = 256 * 1024;
const ERROR_BODY_BYTES = 64 * 1024;

export function createExchange(settings: ClientSettings, dispatcher: Dispatcher, clock: Clock): Exchange {
  const { budgets, url } = settings;
  const base = `${url.pathname}api/v1/`;
  const exchange: Exchange = async (outgoing) => {
    const deadline = new Deadline(clock, url.href, outgoing.signal);
    try {
      const headers = await headersOf(settings, outgoing, bearer);
      deadline.signal.throwIfAborted();
      if (!outgoing.control) deadline.step(budgets.connect + budgets.firstByte, 'no answer');
      const response = await dispatcher.request({
        origin: url.origin,
        method: outgoing.method,
        path: outgoing.path.startsWith('/') ? url.pathname + outgoing.path.slice(1) : base + outgoing.path,
        headers,
        body: bodyOf(outgoing, deadline, budgets.idle),
        signal: deadline.signal,
      });
      deadline.endStep();
      const answer = answerOf(response, deadline, budgets.idle, url.href, outgoing.signal);
      if (answer.status >= 200 && answer.status < 300) return answer;
      if (answer.status === 307 && outgoing.redirected === true) return answer;
      const text = (await answer.bytes(ERROR_BODY_BYTES)).toString('utf8');
      throw refusalOf(answer.status, text, answer.header('retry-after'), url.href);
    } catch (error) {
      deadline.end();
      throw failureOf(error, url.href, outgoing.signal);
    }
  };
  const bearer = createBearer(settings, clock, exchange);
  return exchange;
}

/** GET of an address that the server has named: without our credential, and timed as bodies are. Errors name its origin only. */
export function createElsewhere(
  settings: ClientSettings,
  dispatcherOf: (origin: URL) => Promise<Dispatcher>,
  clock: Clock,
): Elsewhere {
  const { budgets, version } = settings;
  return async (target, etag, signal) => {
    const { origin, pathname, search } = target;
    const deadline = new Deadline(clock, origin, signal);
    try {
      const dispatcher = await dispatcherOf(new URL(origin));
      deadline.step(budgets.connect + budgets.firstByte, 'no answer');
      const response = await dispatcher.request({
        origin,
        method: 'GET',
        path: pathname + search,
        headers: {
          'user-agent': `cachalot/${version}`,
          'accept-encoding': 'identity',
          ...(etag === undefined ? {} : { 'if-match': etag }),
        },
        signal: deadline.signal,
      });
      deadline.endStep();
      const answer = answerOf(response, deadline, budgets.idle, origin, signal);
      if (answer.status === 200) return answer;
      await answer.bytes(ERROR_BODY_BYTES);
      throw new Failure(fault('CLIENT_UNAVAILABLE', { url: origin, why: `it answered ${answer.status}` }));
    } catch (error) {
      deadline.end();
      throw failureOf(error, origin, signal);
    }
  };
}

async function headersOf(
  settings: ClientSettings,
  outgoing: Outgoing,
  bearer: Bearer,
): Promise<Record<string, string>> {
  // Who brings his own needs no other: a session is opened in this way, too.
  const isShown = outgoing.headers?.authorization !== undefined;
  const [token, refs] = await Promise.all([isShown ? undefined : bearer(), settings.refs()]);
  const { body } = outgoing;
  return {
    'user-agent': `cachalot/${settings.version}`,
    // A proxy that compresses would be one more thing to be wrong; what we move is compressed.
    'accept-encoding': 'identity',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...refHeaders(refs),
    ...(body === undefined
      ? {}
      : {
          'content-type': body.type,
          'content-length': String(body.bytes.reduce((sum, part) => sum + part.length, 0)),
        }),
    ...outgoing.headers,
  };
}

function bodyOf(outgoing: Outgoing, deadline: Deadline, idle: number): Buffer | Readable | null {
  if (outgoing.body === undefined) return null;
  if (outgoing.control) return Buffer.concat(outgoing.body.bytes);
  // undici takes any async iterable; its types only name streams.
  return pieces(outgoing.body.bytes, deadline, idle) as unknown as Readable;
}

/** The body in pieces, so that a slow link is told from a dead one: time runs from each piece that the connection takes. */
async function* pieces(
  bytes: readonly Buffer[],
  deadline: Deadline,
  idle: number,
): AsyncGenerator<Buffer, void, void> {
  for (const part of bytes) {
    for (let at = 0; at < part.length; at += PIECE_BYTES) {
      deadline.step(idle, 'nothing was taken');
      yield part.subarray(at, at + PIECE_BYTES);
    }
  }
  deadline.step(idle, 'no answer');
}

function answerOf(
  response: Dispatcher.ResponseData,
  deadline: Deadline,
  idle: number,
  url: string,
  caller: AbortSignal | undefined,
): Answer {
  const header = (name: string): string | undefined => {
    const value = response.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  async function* body(): AsyncGenerator<Buffer, void, void> {
    const source: AsyncIterator<Buffer> = response.body[Symbol.asyncIterator]();
    try {
      for (;;) {
        deadline.step(idle, 'nothing came');
        const next = await source.next();
        deadline.endStep();
        if (next.done) return;
        yield next.value;
      }
    } catch (error) {
      throw failureOf(error, url, caller);
    } finally {
      deadline.end();
      // Of a body that was read to its end this does nothing; of another it closes the connection.
      response.body.destroy();
    }
  }
  return {
    status: response.statusCode,
    header,
    body,
    async bytes(limit) {
      const chunks: Buffer[] = [];
      let held = 0;
      for await (const chunk of body()) {
        held += chunk.length;
        if (held > limit) {
          throw failureOf(
            fault('CLIENT_ANSWER_UNREADABLE', { url, why: `it is longer than ${limit} bytes` }),
            url,
          );
        }
        chunks.push(chunk);
      }
      return Buffer.concat(chunks, held);
    },
  };
}
