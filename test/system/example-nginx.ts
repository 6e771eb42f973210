/** nginx as the example has it, in front of servers of a test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { programPath } from '../needs.ts';

const EXAMPLE = new URL('../../examples/nginx/cachalot.conf', import.meta.url);

/** Its address. It stands before these servers, and hands out what is in `files`. */
export async function startExampleNginx(
  t: Test,
  { servers, files }: { servers: string[]; files: string },
): Promise<string> {
  const folder = t.testdir();
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(folder, kind)};`)
    .join(' ');
  const example = readFileSync(EXAMPLE, 'utf8')
    .replace(/^ *server 127\.0\.0\.1:3779.*;$/m, (line) =>
      servers.map((server) => line.replace('127.0.0.1:3779', new URL(server).host)).join('\n'),
    )
    .replace('listen 8080', `listen 127.0.0.1:${port}`)
    .replace('/var/lib/cachalot/', `${files}/`);
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; ${process.getuid?.() === 0 ? 'user root;' : ''} worker_processes 1; pid ${folder}/pid; error_log stderr;
events {} http { access_log ${folder}/access.log; ${temporary}\n${example}\n}`,
  );
  const nginx = programPath('nginx') ?? 'nginx';
  const child = spawn(nginx, ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.teardown(async () => {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 500; tries++) {
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return url;
    if (child.exitCode !== null) break;
    await sleep(20);
  }
  throw new Error('nginx does not answer');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
