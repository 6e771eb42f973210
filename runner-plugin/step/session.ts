/**
 * What the parts of one step share: the client, the clock, the figures and the faults. A session without a client is one in
 * which nothing can be asked: because a setting cannot be used, or because the cache is off.
 */
import { join } from 'node:path';
import type { Budgets } from '../client/budgets.ts';
import { type CacheClient, createClient } from '../client/client.ts';
import { type Clock, systemClock } from '../client/clock.ts';
import { readClientSettings } from '../client/settings.ts';
import type { Hatches, StepContext } from './context.ts';
import { readSwitches, type Switches, switchesWithout } from './hatches.ts';
import { Faults, type Figures, noFigures } from './report.ts';
import { type CaughtSignals, catchSignals } from './signals.ts';

export interface Session {
  context: StepContext;
  clock: Clock;
  switches: Switches;
  server: Server | undefined;
  faults: Faults;
  figures: Figures;
  caught: CaughtSignals;
}

export interface Server {
  client: CacheClient;
  budgets: Budgets;
  /** The folder of the digest tables. */
  digests: string;
}

/** Opens a session, runs, and closes it whatever happens. */
export async function withSession<T>(
  context: StepContext,
  flags: Hatches,
  run: (session: Session) => Promise<T>,
): Promise<T> {
  const faults = new Faults(context.tell);
  const switches = orElse(
    faults,
    () => readSwitches(context.env, flags),
    () => switchesWithout(context.env, flags),
  );
  const session: Session = {
    context,
    clock: context.clock ?? systemClock,
    switches,
    server:
      faults.first === undefined && !switches.off
        ? orElse(
            faults,
            () => connect(context),
            () => undefined,
          )
        : undefined,
    faults,
    figures: noFigures(),
    caught: catchSignals(context.signals),
  };
  try {
    return await run(session);
  } finally {
    session.caught.release();
    await session.server?.client.close();
  }
}

/** The server, unless it has failed in this step: then what is left to ask is left. */
export function usable(session: Session): Server | undefined {
  return session.faults.unavailable ? undefined : session.server;
}

/** The fault for which a step under `--strict` ends here. */
export function strictEnd(session: Session): number | undefined {
  return session.switches.strict ? session.faults.first?.exit : undefined;
}

/**
 * Runs with a signal that aborts with `over()` after `ms`, and with what interrupts the step. What `run` throws once the
 * time is over is that reason.
 */
export async function within<T>(
  session: Session,
  ms: number,
  over: () => Error,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const time = new AbortController();
  const cancel = session.clock.after(ms, () => time.abort(over()));
  const signal = AbortSignal.any([time.signal, session.caught.signal]);
  try {
    return await run(signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    cancel();
  }
}

function connect(context: StepContext): Server {
  const settings = readClientSettings(context.env, context.version);
  const parts = {
    ...(context.clock === undefined ? {} : { clock: context.clock }),
    ...(context.random === undefined ? {} : { random: context.random }),
  };
  return {
    client: createClient(settings, parts),
    budgets: settings.budgets,
    digests: join(settings.stateFolder, 'digests'),
  };
}

function orElse<T>(faults: Faults, read: () => T, otherwise: () => T): T {
  try {
    return read();
  } catch (error) {
    faults.add(error);
    return otherwise();
  }
}
