/**
 * A program that reads archives slowly, started with IPC as `node reader-process.ts PORT PATH STEADY BYTES_PER_SECOND STUCK SECONDS`:
 * STEADY streams at that pace, STUCK ones that read their first bytes and then no more. It reports after that time.
 */
import { createConnection, type Socket } from 'node:net';

export interface ReaderReport {
  /** Bytes a second of the slowest and of the middling steady stream. */
  slowest: number;
  middle: number;
  /** Streams that the server ended before the time. */
  ended: { steady: number; stuck: number };
}

const [port = '', path = '', ...numbers] = process.argv.slice(2);
const [steady = 0, pace = 0, stuck = 0, seconds = 0] = numbers.map(Number);
const TICK_MS = 5;

interface Stream {
  socket: Socket;
  received: number;
  ended: boolean;
}

function open(): Stream {
  const socket = createConnection({ host: '127.0.0.1', port: Number(port) });
  const stream: Stream = { socket, received: 0, ended: false };
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
  socket.on('error', () => {});
  socket.on('close', () => {
    stream.ended = true;
  });
  return stream;
}

const started = performance.now();
const steadyStreams = Array.from({ length: steady }, () => {
  const stream = open();
  stream.socket.on('data', (chunk: Buffer) => {
    if (stream.received === 0 && !chunk.toString('latin1', 0, 12).startsWith('HTTP/1.1 200')) {
      console.error(chunk.toString('latin1', 0, 500));
      process.exit(1);
    }
    stream.received += chunk.length;
    stream.socket.pause();
  });
  return stream;
});
const stuckStreams = Array.from({ length: stuck }, () => {
  const stream = open();
  stream.socket.once('data', () => stream.socket.pause());
  return stream;
});
const timer = setInterval(() => {
  const due = ((performance.now() - started) / 1000) * pace;
  for (const { socket, received } of steadyStreams) {
    if (received < due) socket.resume();
  }
}, TICK_MS);

setTimeout(() => {
  clearInterval(timer);
  const passed = (performance.now() - started) / 1000;
  const rates = steadyStreams.map(({ received }) => received / passed).sort((a, b) => a - b);
  const count = (streams: Stream[]) => streams.filter(({ ended }) => ended).length;
  const report: ReaderReport = {
    slowest: rates[0] ?? 0,
    middle: rates[Math.floor(rates.length / 2)] ?? 0,
    ended: { steady: count(steadyStreams), stuck: count(stuckStreams) },
  };
  process.send?.(report, () => process.exit());
}, seconds * 1000);
process.on('disconnect', () => process.exit());
