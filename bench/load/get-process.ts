/**
 * A program that GETs, started with IPC: for each order that it is sent it answers a report. Sockets of its own rather than a client,
 * one memory that all of them are read into, and bodies are counted and not looked at: it shares the cores with the server that it
 * measures, and both sides are asked by it.
 */
import { createConnection, type Socket } from 'node:net';
import { answerOrders } from './orders.ts';

export interface GetOrder {
  port: number;
  /** Asked for in this order, by whichever connection is free. */
  paths: readonly string[];
  connections: number;
  /** How long they are asked for again and again; without it each is asked for once. */
  seconds?: number;
}

export interface GetReport {
  answers: number;
  /** Of bodies. */
  bytes: number;
  seconds: number;
}

/** Of an answer, at most. */
const HEAD_BYTES = 16 * 1024;
const HEAD_END = '\r\n\r\n';
/** What one read takes at most. */
const RECEIVED = Buffer.allocUnsafeSlow(512 * 1024);

/** One connection with one request under way. */
class Connection {
  readonly #port: number;
  readonly #fail: (error: Error) => void;
  /** Where answers sent us, kept alive as this one is. */
  #elsewhere: Connection | undefined;
  #socket: Socket;
  #head = '';
  #left = 0;
  #length = 0;
  #done: ((bytes: number) => void) | undefined;

  constructor(port: number, fail: (error: Error) => void) {
    this.#port = port;
    this.#fail = fail;
    this.#socket = this.#connect();
  }

  #connect(): Socket {
    const socket = createConnection({
      host: '127.0.0.1',
      port: this.#port,
      noDelay: true,
      onread: {
        buffer: RECEIVED,
        callback: (bytes) => {
          try {
            this.#take(bytes);
          } catch (error) {
            this.#fail(error as Error);
          }
          return true;
        },
      },
    });
    socket.on('error', this.#fail);
    socket.on('close', () => {
      if (this.#done && socket === this.#socket) this.#fail(new Error('the server closed a connection'));
    });
    return socket;
  }

  get(path: string, done: (bytes: number) => void): void {
    // Servers end a connection after so many requests, nginx after 1,000.
    if (/\r\nconnection: close/i.test(this.#head)) {
      this.#socket.destroy();
      this.#socket = this.#connect();
    }
    this.#head = '';
    this.#done = done;
    this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}${HEAD_END}`);
  }

  /** All of one order go to one place. */
  #follow({ port, pathname, search }: URL, done: (bytes: number) => void): void {
    this.#elsewhere ??= new Connection(Number(port), this.#fail);
    this.#elsewhere.get(pathname + search, done);
  }

  close(): void {
    this.#elsewhere?.close();
    this.#done = undefined;
    this.#socket.destroy();
  }

  /** So many bytes are in the memory. */
  #take(bytes: number): void {
    let body = bytes;
    if (this.#left === 0) {
      const before = this.#head.length;
      this.#head += RECEIVED.toString('latin1', 0, Math.min(bytes, HEAD_BYTES));
      const end = this.#head.indexOf(HEAD_END);
      if (end === -1) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(this.#head.slice(0, end + 2))?.[1];
      const isRedirection = this.#head.startsWith('HTTP/1.1 307 ');
      if ((!isRedirection && !this.#head.startsWith('HTTP/1.1 200 ')) || length === undefined)
        throw new Error(`a GET was answered with ${this.#head.slice(0, 500)}`);
      this.#length = Number(length);
      this.#left = this.#length;
      body = bytes - (end + HEAD_END.length - before);
    }
    this.#left -= body;
    if (this.#left < 0) throw new Error('the server sent more than it had announced');
    if (this.#left > 0) return;
    const done = this.#done;
    this.#done = undefined;
    const location = this.#head.startsWith('HTTP/1.1 307 ') && /\r\nlocation: (\S+)/i.exec(this.#head)?.[1];
    if (location && done) this.#follow(new URL(location), done);
    else done?.(this.#length);
  }
}

async function measure(order: GetOrder): Promise<GetReport> {
  const { paths, seconds } = order;
  let answers = 0;
  let bytes = 0;
  let asked = 0;
  const started = performance.now();
  const next = (): string | undefined => {
    const isOver =
      seconds === undefined ? asked === paths.length : performance.now() - started >= seconds * 1000;
    return isOver ? undefined : paths[asked++ % paths.length];
  };
  let connections: Connection[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      connections = Array.from({ length: order.connections }, () => new Connection(order.port, reject));
      let busy = connections.length;
      const loop = (connection: Connection): void => {
        const path = next();
        if (path === undefined) {
          busy -= 1;
          if (busy === 0) resolve();
          return;
        }
        connection.get(path, (length) => {
          answers += 1;
          bytes += length;
          loop(connection);
        });
      };
      for (const connection of connections) loop(connection);
    });
  } finally {
    for (const connection of connections) connection.close();
  }
  return { answers, bytes, seconds: (performance.now() - started) / 1000 };
}

answerOrders(measure);
