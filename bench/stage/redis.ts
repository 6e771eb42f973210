/** A Redis of the stage's own: on a free port of the loopback, in memory alone, empty at first. */
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { startDaemon, untilReady } from './command.ts';
import { freePort } from './port.ts';
import type { Stage } from './stage.ts';

export interface RedisServer {
  url: string;
}

/** Runs until the stage ends. */
export async function startRedis(stage: Stage): Promise<RedisServer> {
  const port = await freePort();
  const folder = join(stage.folder, `redis-${port}`);
  await mkdir(folder);
  const daemon = startDaemon(stage, [
    ...['redis-server', '--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
    ...['--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
  ]);
  await untilReady(daemon, () => answers(port));
  return { url: `redis://127.0.0.1:${port}` };
}

/** What a server with that data folder is to be told. */
export function redisSettings({ url }: RedisServer, data: string): Record<string, string> {
  return { CACHALOT_SERVER_REDIS_URL: url, CACHALOT_SERVER_SIGNING_KEY: join(data, 'signing.pem') };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      socket.destroy();
    });
  });
}
