/** The user's command: started as it is, its own input and output untouched, its exit status ours. */
import { spawn } from 'node:child_process';
import { fault } from '#protocol/wire/errors.ts';
import type { Environment } from '../client/state-folder.ts';
import { type CaughtSignals, statusOfSignal } from './signals.ts';

export interface CommandEnd {
  /** Its own; 128+n where a signal ended it, 127 where there is none, 126 where it cannot be started. */
  status: number;
  /** Why it could not be started. */
  unstarted?: string;
}

/** `quiet`: nothing to read, and what it prints goes to our stderr only if it fails. */
export async function runCommand(
  command: readonly string[],
  options: { folder: string; env: Environment; caught: CaughtSignals; quiet?: boolean },
): Promise<CommandEnd> {
  const [program = '', ...args] = command;
  const stdio = options.quiet ? 'pipe' : 'inherit';
  const child = spawn(program, args, { cwd: options.folder, env: { ...options.env }, stdio });
  const output: Buffer[] = [];
  child.stdin?.end();
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk));
  options.caught.handTo(child);
  try {
    const end = await new Promise<CommandEnd>((resolve) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        // A child that could not be sent a signal errs too; only one that never was has no pid.
        if (child.pid !== undefined) return;
        const missing = error.code === 'ENOENT' || error.code === 'ENOTDIR';
        const why = missing ? 'it is not there' : (error.code ?? error.message);
        resolve({ status: missing ? 127 : 126, unstarted: `${program}: ${why}` });
      });
      // With its output at an end, where that is read here.
      child.on(options.quiet ? 'close' : 'exit', (code: number | null, signal: NodeJS.Signals | null) =>
        resolve({ status: signal === null ? (code ?? 0) : statusOfSignal(signal) }),
      );
    });
    if (end.status !== 0) process.stderr.write(Buffer.concat(output));
    return end;
  } finally {
    options.caught.handTo(undefined);
  }
}

/** A program that a plan needs to finish a restore: its output goes to stderr. Throws COMMAND_FAILED. */
export async function runHelper(
  program: string,
  args: readonly string[],
  options: { folder: string; env: Environment; signal: AbortSignal },
): Promise<void> {
  const name = [program, ...args].join(' ');
  const child = spawn(program, args, {
    cwd: options.folder,
    env: { ...options.env },
    stdio: ['ignore', 2, 2],
    signal: options.signal,
  });
  const why = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(code === 0 ? undefined : `it ended with ${code ?? signal}`));
  });
  options.signal.throwIfAborted();
  if (why !== undefined) throw fault('COMMAND_FAILED', { command: name, why });
}
