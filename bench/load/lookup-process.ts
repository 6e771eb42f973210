/**
 * A program that looks up, started with IPC: for each order that it is sent it answers a report. Sockets of its own rather than
 * a client, because it shares the cores with the server that it measures.
 */
import { createConnection, type Socket } from 'node:net';
import { seeded, zipf } from '../random.ts';
import { answerOrders } from './orders.ts';
import { type Asked, lookupBody } from './population.ts';

export interface LookupOrder {
  port: number;
  /** Keys that there are; they are asked for as Zipf says. */
  entries: number;
  connections: number;
  seconds: number;
  /** Requests a second, whatever the answers take; without it each connection asks as soon as it is answered. */
  rate?: number;
  /** What those that find by prefix ask for; without it each has a prefix that leads to one entry. */
  near?: string;
  /** What each request shows besides. */
  headers?: Record<string, string>;
}

export interface LookupReport {
  answers: number;
  seconds: number;
  /** Milliseconds: from when it should have been sent until its last byte. */
  p50: number;
  p99: number;
  max: number;
  bytes: number;
  asked: Record<Asked, number>;
}

/** By performance.now(). A stop brings it nearer. */
let end = 0;

const SEED = 7;
/** Of a hundred look-ups. */
const EXACT = 70;
const NEAR = 20;

interface Request {
  asked: Asked;
  bytes: Buffer;
}

/** One connection with one request under way. */
class Connection {
  readonly #socket: Socket;
  #head = '';
  #left = 0;
  #asked: Asked = 'none';
  #bodySeen = '';
  #done: ((bytes: number) => void) | undefined;
  #total = 0;

  constructor(port: number, fail: (error: Error) => void) {
    this.#socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (chunk) => {
      try {
        this.#take(chunk);
      } catch (error) {
        fail(error as Error);
      }
    });
    this.#socket.on('error', fail);
    this.#socket.on('close', () => {
      if (this.#done) fail(new Error('the server closed a connection'));
    });
  }

  send(request: Request, done: (bytes: number) => void): void {
    this.#asked = request.asked;
    this.#done = done;
    this.#head = '';
    this.#bodySeen = '';
    this.#total = 0;
    this.#socket.write(request.bytes);
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let body = chunk.length;
    if (this.#left === 0) {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(this.#head.slice(0, end + 2))?.[1];
      if (!this.#head.startsWith('HTTP/1.1 200 ') || length === undefined)
        throw new Error(`a look-up was answered with ${this.#head.slice(0, 500)}`);
      this.#left = Number(length);
      this.#total = this.#left;
      body = this.#head.length - end - 4;
      this.#bodySeen = this.#head.slice(end + 4, end + 4 + 200);
    }
    this.#left -= body;
    if (this.#left < 0) throw new Error('the server sent more than it had announced');
    if (this.#left > 0) return;
    if (!this.#bodySeen.includes(`"hit":"${this.#asked}"`))
      throw new Error(`a look-up that should be answered ${this.#asked} was answered ${this.#bodySeen}`);
    const done = this.#done;
    this.#done = undefined;
    done?.(this.#total);
  }
}

async function measure(order: LookupOrder): Promise<LookupReport> {
  const random = seeded(SEED);
  const nextRank = zipf(order.entries, random);
  const asked: Record<Asked, number> = { exact: 0, near: 0, none: 0 };
  const next = (): Request => {
    const draw = random() * 100;
    const kind: Asked = draw < EXACT ? 'exact' : draw < EXACT + NEAR ? 'near' : 'none';
    asked[kind] += 1;
    return { asked: kind, bytes: encoded(nextRank(), kind, order) };
  };
  const latencies: number[] = [];
  let bytes = 0;
  let connections: Connection[] = [];
  const started = performance.now();
  end = started + order.seconds * 1000;
  try {
    await new Promise<void>((resolve, reject) => {
      connections = Array.from({ length: order.connections }, () => new Connection(order.port, reject));
      let busy = 0;
      const ask = (connection: Connection, due: number, then: () => void): void => {
        busy += 1;
        connection.send(next(), (length) => {
          busy -= 1;
          bytes += length;
          latencies.push(performance.now() - due);
          then();
        });
      };
      if (order.rate === undefined) {
        const loop = (connection: Connection): void => {
          const now = performance.now();
          if (now < end) ask(connection, now, () => loop(connection));
          else if (busy === 0) resolve();
        };
        for (const connection of connections) loop(connection);
        return;
      }
      const every = 1000 / order.rate;
      const idle = [...connections];
      let due = started;
      // Those that find no connection free wait, and their wait counts.
      const tick = (): void => {
        const now = performance.now();
        while (due <= now && due < end && idle.length > 0) {
          const connection = idle.pop() as Connection;
          ask(connection, due, () => {
            idle.push(connection);
            tick();
          });
          due += every;
        }
        if (due >= end && busy === 0) resolve();
      };
      const timer = setInterval(() => {
        tick();
        if (due >= end) clearInterval(timer);
      }, 1);
    });
  } finally {
    for (const connection of connections) connection.close();
  }
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return {
    answers: latencies.length,
    seconds,
    p50: at(0.5),
    p99: at(0.99),
    max: latencies.at(-1) ?? 0,
    bytes,
    asked,
  };
}

const requests = new Map<string, Buffer>();

function encoded(rank: number, kind: Asked, { near, headers = {} }: LookupOrder): Buffer {
  const more = Object.entries(headers).map(([header, value]) => `${header}: ${value}\r\n`);
  const name = `${kind} ${rank} ${near} ${more.join('')}`;
  const known = requests.get(name);
  if (known) return known;
  const body = lookupBody(rank, kind, near);
  const bytes = Buffer.from(
    `POST /api/v1/lookup HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more.join('')}\r\n${body}`,
  );
  requests.set(name, bytes);
  return bytes;
}

answerOrders((order: LookupOrder | 'stop') => {
  if (order !== 'stop') return measure(order);
  end = performance.now();
  return undefined;
});
