/** The program as it ships, started for real: the server in a temporary place, and one command at a time beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../cli/launcher.mjs', import.meta.url));

/** What `--report` writes; the part that the table shows. */
export interface Report {
  hit: 'exact' | 'near' | 'none';
  reason?: string;
  skipped: boolean;
  bytes: { down: number; up: number; reused: number };
}

export interface Run {
  seconds: number;
  status: number;
  report: Report | undefined;
}

export interface DemoServer {
  url: string;
  stop(): Promise<void>;
}

/** Starts the embedded server on a free port. Throws where it does not come up. */
export async function startServer(folder: string): Promise<DemoServer> {
  await mkdir(folder, { recursive: true });
  const log = await open(join(folder, 'server.log'), 'w');
  const port = String(await freePort());
  const server = spawn(
    process.execPath,
    [LAUNCHER, 'serve', '--port', port, '--data', join(folder, 'data')],
    { stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(server, url, join(folder, 'server.log'));
  return { url, stop: () => stop(server) };
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port is free on the loopback');
  return address.port;
}

async function waitUntilReady(server: ChildProcess, url: string, log: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (server.exitCode !== null) break;
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop(server);
  throw new Error(`The server did not start:\n${await readFile(log, 'utf8')}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

export interface RunOptions {
  folder: string;
  env: Record<string, string>;
  /** Where what the commands print goes. */
  log: string;
}

/** `cachalot run -- CMD`, timed as a whole process. */
export async function cached(command: readonly string[], options: RunOptions): Promise<Run> {
  const reportFile = `${options.log}.report.json`;
  const run = await timed(
    process.execPath,
    [LAUNCHER, 'run', '--report', reportFile, '--', ...command],
    options,
  );
  const report = await readFile(reportFile, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => undefined,
  );
  return { ...run, report };
}

/** A command without the cache. */
export async function plain(command: readonly string[], options: RunOptions): Promise<Run> {
  const [program = '', ...args] = command;
  return { ...(await timed(program, args, options)), report: undefined };
}

async function timed(
  program: string,
  args: readonly string[],
  { folder, env, log }: RunOptions,
): Promise<{ seconds: number; status: number }> {
  const output = await open(log, 'a');
  const start = performance.now();
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', output.fd, output.fd],
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  const seconds = (performance.now() - start) / 1000;
  await output.close();
  return { seconds, status: status ?? 1 };
}
