/**
 * Commands: timed from outside, as a pipeline would see them, and daemons that end with their stage. Each is a process
 * group of its own, so that a pipeline of several processes is stopped whole, by its id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import type { Stage } from './stage.ts';

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

export interface Finished {
  /** From before the process was made until it had gone. */
  seconds: number;
  stdout: string;
  stderr: string;
}

const OUTPUT_KEPT = 64 * 1024;
const STOP_MS = 5_000;

/** Runs a command to its end. Throws with the end of its stderr where its status is not 0. */
export function timed(
  stage: Stage,
  command: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  stage.signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = command;
    const started = performance.now();
    const child = spawn(program, args, {
      cwd: options.cwd ?? stage.folder,
      env: options.env ?? plainEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let seconds = 0;
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
      stdout = (stdout + data).slice(-OUTPUT_KEPT);
    });
    child.stderr.on('data', (data) => {
      stderr = (stderr + data).slice(-OUTPUT_KEPT);
    });
    const onAbort = () => signalGroup(child, 'SIGKILL');
    stage.signal.addEventListener('abort', onAbort, { once: true });
    child.on('error', reject);
    // The process has gone; its pipes are read to the end outside the time.
    child.on('exit', () => {
      seconds = (performance.now() - started) / 1000;
    });
    child.on('close', (status, signal) => {
      stage.signal.removeEventListener('abort', onAbort);
      if (stage.signal.aborted) reject(stage.signal.reason);
      else if (status === 0) resolve({ seconds, stdout, stderr });
      else
        reject(
          new Error(
            `${command.join(' ')}\nended with ${status ?? signal}:\n${stderr.slice(-4000)}${stdout.slice(-1000)}`,
          ),
        );
    });
  });
}

/** A pipeline whose every part must succeed. */
export function shell(line: string): string[] {
  return ['bash', '-o', 'pipefail', '-c', line];
}

/** `text` as one word of a shell line. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export interface Daemon {
  pid: number;
  child: ChildProcess;
  /** SIGTERM, then SIGKILL where that does not help; resolves when it has gone. The stage calls it too. */
  stop(): Promise<void>;
  /** The end of what it wrote to stderr and stdout. */
  output(): string;
}

/** Starts what runs until the stage ends. `ipc` where it is a Node program that we talk to. */
export function startDaemon(
  stage: Stage,
  command: readonly string[],
  options: CommandOptions & { ipc?: boolean } = {},
): Daemon {
  stage.signal.throwIfAborted();
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: options.cwd ?? stage.folder,
    env: options.env ?? plainEnvironment(),
    stdio: options.ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data) => {
      output = (output + data).slice(-OUTPUT_KEPT);
    });
  }
  const gone = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    signalGroup(child, 'SIGTERM');
    const kill = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(kill);
  };
  stage.defer(stop);
  return { pid: child.pid ?? 0, child, stop, output: () => output };
}

/** Asks until `isReady` answers true. Throws with the daemon's output where it ended or `seconds` have passed. */
export async function untilReady(
  daemon: Daemon,
  isReady: () => Promise<boolean>,
  seconds = 20,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    if (daemon.child.exitCode !== null || daemon.child.signalCode !== null || daemon.pid === 0) break;
    if (await isReady().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${daemon.child.spawnargs.join(' ')}\nis not ready:\n${daemon.output().slice(-4000)}`);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has gone.
  }
}

// What `npm run` adds for its scripts would change what npm and we do; registries and CAs are the person's own.
const KEPT_OF_NPM = /^npm_config_(registry|cafile|ca|proxy|https_proxy|noproxy)$/;

/**
 * The environment without what `npm run`, Node's options and a configured cache would add to what is measured. Commands
 * that ask PATH for Node, as npm does, get the one that bench runs on.
 */
export function plainEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (/^(npm_|CACHALOT_|INIT_CWD$|NODE_OPTIONS$|NODE_ENV$|CI$)/.test(name) && !KEPT_OF_NPM.test(name))
      continue;
    environment[name] = value;
  }
  environment.PATH = [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);
  return { ...environment, ...more };
}
