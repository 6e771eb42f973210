/**
 * Our side: the program as it ships (the launcher and its bundles), a server with no configuration but its folder and port, and the
 * commands of a pipeline, each a process of its own.
 */
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Daemon, type Finished, plainEnvironment, startDaemon, timed, untilReady } from './command.ts';
import { freePort } from './port.ts';
import type { Stage } from './stage.ts';

const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The program, to be followed by its arguments. */
export const CACHALOT = [process.execPath, join(project, 'cli/launcher.mjs')];

export interface Server {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/**
 * `cachalot serve` on an empty or an earlier server's folder. Runs until the stage ends or it is stopped. `settings` are variables
 * of its environment.
 */
export async function startServer(
  stage: Stage,
  data: string,
  settings: Record<string, string> = {},
): Promise<Server> {
  const port = await freePort();
  const daemon: Daemon = startDaemon(
    stage,
    [...CACHALOT, 'serve', '--host', '127.0.0.1', '--port', String(port), '--data', data],
    { env: plainEnvironment({ CACHALOT_HOME: await newHome(stage), ...settings }) },
  );
  await untilReady(daemon, async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
  return { port, pid: daemon.pid, stop: daemon.stop };
}

let homes = 0;

/**
 * A state folder without digest tables and with a closed breaker. What Node compiled of the bundle is shared by all of one
 * stage, as it is on a host that runs a second job; `compiled: false` gives a first one's.
 */
export async function newHome(
  stage: Stage,
  options: { compiled: boolean } = { compiled: true },
): Promise<string> {
  homes += 1;
  const home = join(stage.folder, `home-${homes}`);
  await mkdir(home);
  if (options.compiled) {
    await mkdir(compileCache, { recursive: true });
    await symlink(compileCache, join(home, 'compile-cache'));
  }
  return home;
}

/** Where the bench keeps what is made once; never what is measured. */
export const cacheFolder = join(
  process.env.XDG_CACHE_HOME || join(process.env.HOME || '/root', '.cache'),
  'cachalot-bench',
);
const compileCache = join(cacheFolder, 'compile-cache');

export interface ClientOptions {
  port: number;
  home: string;
  /** Where the command stands: the anchor of its roots. */
  cwd: string;
  env?: NodeJS.ProcessEnv;
}

/** A command against the server at `port`. A fault of the cache fails it, or a fast failure would be measured. */
export function cachalot(stage: Stage, options: ClientOptions, ...args: string[]): Promise<Finished> {
  return timed(stage, [...CACHALOT, ...args], {
    cwd: options.cwd,
    env: plainEnvironment({
      CACHALOT_URL: `http://127.0.0.1:${options.port}`,
      CACHALOT_HOME: options.home,
      CACHALOT_STRICT: '1',
      ...options.env,
    }),
  });
}

/** Peak memory of a process that is alive, in MB: its resident set's high-water mark. */
export async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
