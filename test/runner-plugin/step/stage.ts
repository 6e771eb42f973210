/** A work folder, a home and a state folder of a test's own, and what a step says in them. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Clock, systemClock } from '#runner-plugin/client/clock.ts';
import type { StepContext } from '#runner-plugin/step/context.ts';
import { serve } from '#server/main.ts';
import { bodyOf, httpServer, type Listening, type Teardown } from '../client/servers.ts';

export interface Stage {
  context: StepContext;
  /** Work folder. */
  folder: string;
  /** Everything that was told. */
  lines: string[];
  /** Makes files below the work folder. */
  write(files: Record<string, string>): void;
  read(path: string): string | undefined;
  /** A command that leaves a mark each time it runs, and then does what the script says. */
  command(script: string): string[];
  /** How often such a command has run. */
  runs(): number;
}

/** Budgets are for slow servers, not for a machine that runs many tests at once: here they are twenty times as long. */
const patientClock: Clock = { now: systemClock.now, after: (ms, run) => systemClock.after(20 * ms, run) };

export function stage(t: Teardown, env: Record<string, string>): Stage {
  const base = mkdtempSync(join(tmpdir(), 'cachalot-step-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const folder = join(base, 'work');
  const record = join(base, 'runs');
  mkdirSync(folder);
  mkdirSync(join(base, 'home'));
  const lines: string[] = [];
  return {
    folder,
    lines,
    context: {
      env: {
        PATH: process.env.PATH ?? '',
        HOME: join(base, 'home'),
        CACHALOT_HOME: join(base, 'state'),
        ...env,
      },
      folder,
      version: '0.0.0-test',
      tell: ({ message }) => lines.push(message),
      random: () => 0,
      clock: patientClock,
    },
    write(files) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), content);
      }
    },
    read: (path) => (existsSync(join(folder, path)) ? readFileSync(join(folder, path), 'utf8') : undefined),
    command: (script) => ['sh', '-c', `printf x >> '${record}'; ${script}`],
    runs: () => (existsSync(record) ? readFileSync(record, 'utf8').length : 0),
  };
}

export interface RealServer {
  url: string;
  /** Where its objects are. */
  data: string;
  stop(): Promise<void>;
  /** The same data, at another address. */
  restart(): Promise<string>;
}

/** A server of ours with a store of its own. */
export async function realServer(t: Teardown): Promise<RealServer> {
  const data = mkdtempSync(join(tmpdir(), 'cachalot-server-'));
  const start = () =>
    serve({
      flags: { port: 0, data },
      surroundings: {
        env: { CACHALOT_SERVER_LOG: 'fatal', HOME: data },
        cwd: data,
        readFile: async () => {
          throw Object.assign(new Error('no settings'), { code: 'ENOENT' });
        },
      },
    });
  let running = await start();
  t.teardown(async () => {
    await running.close();
    rmSync(data, { recursive: true, force: true });
  });
  return {
    url: running.url,
    data,
    stop: () => running.close(),
    async restart() {
      await running.close();
      running = await start();
      return running.url;
    },
  };
}

/**
 * A server that hands requests on to another one and may change what comes back; `spoil` answers with the body, or with
 * undefined to say nothing more. First bytes never come along with look-ups here, so archives are asked for.
 */
export function passThrough(
  t: Teardown,
  url: string,
  spoil: (path: string, body: Buffer) => Buffer | undefined | Promise<Buffer | undefined>,
): Promise<Listening> {
  return httpServer(t, async (request, response) => {
    const path = request.url ?? '';
    const body = await bodyOf(request);
    const { range, 'if-match': ifMatch, 'content-type': type } = request.headers;
    const answer = await fetch(new URL(path, url), {
      method: request.method ?? 'GET',
      headers: {
        ...(type === undefined ? {} : { 'content-type': type }),
        ...(range === undefined ? {} : { range }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      ...(body.length === 0 ? {} : { body }),
    });
    const spoilt = await spoil(path, Buffer.from(await answer.arrayBuffer()));
    if (spoilt === undefined) return;
    const contentRange = answer.headers.get('content-range');
    response.writeHead(answer.status, {
      'content-type': answer.headers.get('content-type') ?? '',
      ...(contentRange === null ? {} : { 'content-range': contentRange }),
    });
    response.end(spoilt);
  });
}
