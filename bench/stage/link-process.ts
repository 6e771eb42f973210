/**
 * A program: `node link-process.ts UPSTREAM_PORT RTT_MS BITS_PER_SECOND` listens on loopback, says on which port over IPC, and
 * passes connections on to the upstream as the link of link.ts would.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { Flow, Link } from './link.ts';

const [upstreamPort = 0, rtt = 0, bitsPerSecond = 0] = process.argv.slice(2).map(Number);
const toUpstream = new Link(bitsPerSecond);
const toClient = new Link(bitsPerSecond);
const PIECE = 64 * 1024;
/** Read ahead of what may be sent: the sender's own socket buffer. */
const READ_AHEAD = 4 * PIECE;

// Every delay is the same, so what is due comes in the order in which it was entered: two queues and one timer.
interface Due {
  at: number;
  happen(): void;
}
class Line {
  #queue: Due[] = [];
  #head = 0;
  #timer: NodeJS.Timeout | undefined;

  enter(at: number, happen: () => void): void {
    this.#queue.push({ at, happen });
    this.#wait();
  }

  #wait(): void {
    const next = this.#queue[this.#head];
    if (this.#timer !== undefined || next === undefined) return;
    this.#timer = setTimeout(() => this.#run(), Math.max(0, Math.floor(next.at - performance.now())));
  }

  #run(): void {
    this.#timer = undefined;
    // Timers know whole milliseconds; half of one early is nearer than half of one late.
    const now = performance.now() + 0.5;
    for (let next = this.#queue[this.#head]; next && next.at <= now; next = this.#queue[this.#head]) {
      this.#head += 1;
      next.happen();
    }
    if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#wait();
  }
}

/** Carries what `from` sends to `to`, beginning at `opens`. */
function carry(from: Socket, to: Socket, link: Link, opens: number): void {
  const flow = new Flow(opens);
  const arrivals = new Line();
  const acknowledgements = new Line();
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let ended = false;

  const pump = (): void => {
    const now = Math.max(performance.now(), opens);
    for (let head = waiting[0]; head !== undefined; head = waiting[0]) {
      const bytes = Math.min(flow.room(now), head.length, PIECE);
      if (bytes <= 0) break;
      const piece = head.subarray(0, bytes);
      if (bytes === head.length) waiting.shift();
      else waiting[0] = head.subarray(bytes);
      waitingBytes -= bytes;
      flow.sent(bytes);
      arrivals.enter(link.departure(now, bytes) + rtt / 2, () => deliver(piece));
    }
    if (waitingBytes < READ_AHEAD) from.resume();
    if (ended && waitingBytes === 0) {
      ended = false;
      arrivals.enter(link.departure(now, 0) + rtt / 2, () => to.end());
    }
  };
  const deliver = (piece: Buffer): void => {
    if (to.destroyed) return;
    // Acknowledged when the reader's system has taken it, so that a slow reader closes the window.
    to.write(piece, () => {
      const now = performance.now();
      acknowledgements.enter(now + rtt / 2, () => {
        flow.acknowledged(performance.now(), piece.length);
        pump();
      });
    });
  };
  from.on('data', (chunk: Buffer) => {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes >= READ_AHEAD) from.pause();
    pump();
  });
  from.on('end', () => {
    ended = true;
    pump();
  });
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (from.errored) to.destroy();
  });
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const upstream = createConnection({
    host: '127.0.0.1',
    port: upstreamPort,
    allowHalfOpen: true,
    noDelay: true,
  });
  // The client may send once its handshake has been there and back; on loopback it begins at once.
  const opens = performance.now() + rtt;
  carry(client, upstream, toUpstream, opens);
  carry(upstream, client, toClient, opens);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
});
// Whoever started it has gone.
process.on('disconnect', () => process.exit());
