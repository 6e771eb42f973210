/** Readers that stand still, or read slowly, make the server hold a few chunks each, not what they asked for. */
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'tap';
import { permits } from '../../needs.ts';
import { save } from '../../server/api/open-server.ts';
import { noise, segmentOf } from '../../server/made-segments.ts';
import { dataFolder, startServer } from './start-server.ts';

const MiB = 1024 * 1024;
const STALLED = 60;
const SLOW = 20;
/** Each is asked for 48 MiB; this is far more than their chunks, and far less than a tenth of it. */
const ALLOWED = 90 * MiB;

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

test('eighty readers of an archive, most of whom stop reading, cost the server no memory to speak of', async (t) => {
  if (!permits(t, existsSync('/proc/self/status'), 'no /proc to read the memory of a process from')) return;
  const { url, child } = await startServer(t, dataFolder(t));
  const pid = child.pid ?? 0;
  const segments = Array.from({ length: 24 }, (_, at) =>
    segmentOf({ [`node_modules/${at}`]: noise(2 * MiB, at + 1) }),
  );
  const { json } = await save(url, 'npm/shop/a', segments);
  const { hostname, port } = new URL(url);
  const received = new Map<Socket, number>();
  const ask = () => {
    const socket = connect({ host: hostname, port: Number(port) });
    t.teardown(() => socket.destroy());
    socket.on('error', () => {});
    socket.write(`GET /api/v1/entries/${json.entry}/archive HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
    return socket;
  };
  const before = residentBytes(pid);
  let most = 0;
  for (let n = 0; n < STALLED; n++) ask().pause();
  const slow = Array.from({ length: SLOW }, ask);
  for (const socket of slow) {
    received.set(socket, 0);
    socket.on('data', (chunk) => {
      received.set(socket, (received.get(socket) ?? 0) + chunk.length);
      socket.pause();
    });
  }
  for (let round = 0; round < 40; round++) {
    await pause(50);
    for (const socket of slow) socket.resume();
    most = Math.max(most, residentBytes(pid));
  }
  for (const socket of slow) t.ok((received.get(socket) ?? 0) > 0.5 * MiB, 'the slow ones get on');
  t.ok(most - before < ALLOWED, `${Math.round((most - before) / MiB)} MiB more than before`);
});
