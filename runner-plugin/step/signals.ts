/**
 * Signals to this process: while the command runs they are the command's; before and after it they end what the cache is
 * doing, so that a cancelled job leaves nothing half done and is not kept waiting.
 */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
/** On a terminal these reach the whole foreground group: a copy from us would be a second one. */
const FROM_TERMINAL: readonly string[] = ['SIGINT', 'SIGQUIT'];
/** These end a process unless it says otherwise. */
const ENDING: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

export interface SignalSource {
  on(signal: NodeJS.Signals, handler: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, handler: (signal: NodeJS.Signals) => void): unknown;
}

/** The reason with which {@link CaughtSignals.signal} aborts. */
export class Interrupted extends Error {
  readonly status: number;

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
    this.status = statusOfSignal(signal);
  }
}

export interface CaughtSignals {
  /** Aborts when the process is to end and no command is there to decide about it. */
  signal: AbortSignal;
  /** Whether one came that ends processes, to us or to the command. */
  readonly ending: boolean;
  /** From now until `undefined` is given, signals go to this child. */
  handTo(child: Pick<ChildProcess, 'kill'> | undefined): void;
  release(): void;
}

export function catchSignals(
  source: SignalSource = process,
  onTerminal: boolean = process.stdin.isTTY === true,
): CaughtSignals {
  const controller = new AbortController();
  let child: Pick<ChildProcess, 'kill'> | undefined;
  let ending = false;
  const handler = (signal: NodeJS.Signals): void => {
    const ends = ENDING.includes(signal);
    if (ends) ending = true;
    if (child === undefined) {
      if (ends) controller.abort(new Interrupted(signal));
    } else if (!onTerminal || !FROM_TERMINAL.includes(signal)) child.kill(signal);
  };
  for (const signal of FORWARDED) source.on(signal, handler);
  return {
    signal: controller.signal,
    get ending() {
      return ending;
    },
    handTo(next) {
      child = next;
    },
    release() {
      for (const signal of FORWARDED) source.off(signal, handler);
    },
  };
}

/** 128 + n, as shells have it. */
export function statusOfSignal(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 0);
}
