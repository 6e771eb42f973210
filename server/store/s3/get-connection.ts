/**
 * One connection over which objects are got, one after another: HTTP/1.1 as far as that needs it. All connections are read into one
 * memory, and who takes a piece copies it to where it shall lie: Node's own clients make fresh memory for each 64 KiB, and V8 then
 * marks its whole heap for every 20 MB that come.
 */
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What one read of a connection takes at most. */
const RECEIVED = Buffer.allocUnsafeSlow(256 * 1024);
/** Of an answer, at most. */
const HEAD_BYTES = 16 * 1024;
const HEAD_END = '\r\n\r\n';

export interface Origin {
  isTls: boolean;
  host: string;
  port: number;
}

export interface Waits {
  /** Milliseconds until a connection stands, and without a byte while an answer is due. */
  connect: number;
  idle: number;
}

export interface Head {
  status: number;
  /** By their names in small letters; of several that are the same, the first. */
  headers: ReadonlyMap<string, string>;
}

export interface Receiver {
  /** How many bytes the body has; undefined where it is not wanted: then the connection ends. */
  head(head: Head): number | undefined;
  /** In order; the bytes are there until it returns. */
  piece(bytes: Buffer): void;
}

interface Exchange {
  receiver: Receiver;
  /** True: all of it has come. False: it was not wanted. */
  resolve(isWhole: boolean): void;
  reject(error: Error): void;
}

export class GetConnection {
  readonly #socket: Socket;
  readonly #idle: number;
  #exchange: Exchange | undefined;
  #head = '';
  #left: number | undefined;
  #isLast = false;
  #failure: Error | undefined;

  /** `onEnd` is called once, when it can be used no more. */
  constructor(origin: Origin, waits: Waits, onEnd: () => void) {
    this.#idle = waits.idle;
    this.#socket = open(origin, {
      buffer: RECEIVED,
      callback: (count) => {
        this.#take(RECEIVED.subarray(0, count));
        return true;
      },
    });
    const standing = setTimeout(() => this.#fail(new Error('it took too long to connect')), waits.connect);
    this.#socket.on(origin.isTls ? 'secureConnect' : 'connect', () => clearTimeout(standing));
    this.#socket.on('timeout', () => this.#fail(new Error('nothing came for too long')));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#fail(new Error('the store ended the connection')));
    this.#socket.on('close', () => {
      clearTimeout(standing);
      this.#fail(new Error('the connection broke'));
      onEnd();
    });
  }

  /** May be asked again. */
  get isOpen(): boolean {
    return this.#failure === undefined && !this.#isLast && !this.#socket.destroyed;
  }

  /** Sends a request, `text` without the empty line at its end. Throws where no whole answer came. One at a time. */
  ask(text: string, receiver: Receiver): Promise<boolean> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#exchange = { receiver, resolve, reject };
    this.#socket.setTimeout(this.#idle);
    this.#socket.write(`${text}${HEAD_END}`, 'latin1');
    return promise;
  }

  /** Nobody needs it for so many milliseconds at most. */
  rest(milliseconds: number): void {
    this.#socket.setTimeout(milliseconds);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    const exchange = this.#exchange;
    try {
      if (exchange === undefined) throw new Error('it said something without being asked');
      let body = bytes;
      if (this.#left === undefined) {
        const before = this.#head.length;
        this.#head += bytes.toString('latin1', 0, HEAD_BYTES);
        const end = this.#head.indexOf(HEAD_END);
        if (end === -1 && this.#head.length > HEAD_BYTES) throw new Error('its answer has no end of headers');
        if (end === -1) return;
        const head = parseHead(this.#head.slice(0, end));
        this.#isLast = /\bclose\b/i.test(head.headers.get('connection') ?? '');
        this.#left = exchange.receiver.head(head);
        if (this.#left === undefined) {
          this.#end(false);
          return;
        }
        body = bytes.subarray(end + HEAD_END.length - before);
      }
      if (body.length > this.#left) throw new Error('there was more than announced');
      this.#left -= body.length;
      if (body.length > 0) exchange.receiver.piece(body);
      if (this.#left === 0) this.#end(true);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #end(isWhole: boolean): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#head = '';
    this.#left = undefined;
    if (!isWhole || this.#isLast) this.#socket.destroy();
    exchange?.resolve(isWhole);
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#socket.destroy();
    this.#exchange?.reject(error);
    this.#exchange = undefined;
  }
}

function open({ isTls, host, port }: Origin, onread: OnReadOpts): Socket {
  const options = { host, port, noDelay: true, keepAlive: true, onread };
  return isTls
    ? connectTls({ ...options, ...(isIP(host) === 0 ? { servername: host } : {}) })
    : connect(options);
}

function parseHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw new Error('its answer is not HTTP/1.1');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers };
}
