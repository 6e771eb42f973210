/** The program as a user has it, started for real from source: a server of its own folder, and commands beside it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export interface Done {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Place {
  /** A folder for the test, removed at its end. */
  folder: string;
  /** What every command is given: a state folder, a home, no server unless one was started. */
  env: Record<string, string>;
  /** Runs the program to its end. */
  cachalot(args: readonly string[], options?: RunOptions): Promise<Done>;
  /** Runs any program to its end, with the same environment. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Done>;
  /** Starts a server and names it in `env`; again after `kill` on the same folder and port. */
  serve(): Promise<Server>;
}

export interface RunOptions {
  folder?: string;
  env?: Record<string, string>;
}

export interface Server {
  url: string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export function place(t: Test): Place {
  const folder = mkdtempSync(join(tmpdir(), 'cachalot-system-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const home = join(folder, 'home');
  mkdirSync(home);
  const env: Record<string, string> = {
    CACHALOT_HOME: join(folder, 'state'),
    CACHALOT_URL: 'http://127.0.0.1:1',
    PATH: usersPath(),
  };
  const run: Place['run'] = (program, args, options = {}) =>
    runToEnd(program, args, options.folder ?? folder, { ...cleanEnvironment(), ...env, ...options.env });
  let port = '0';
  return {
    folder,
    env,
    run,
    cachalot: (args, options) => run(process.execPath, [MAIN, ...args], options),
    async serve() {
      const child = spawn(process.execPath, [MAIN, 'serve', '--port', port, '--data', join(folder, 'data')], {
        env: { ...cleanEnvironment(), ...env, CACHALOT_SERVER_DRAIN: '1' },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const exited = once(child, 'exit');
      const kill = async (signal: NodeJS.Signals): Promise<void> => {
        if (child.exitCode === null && child.signalCode === null) child.kill(signal);
        await exited;
      };
      t.teardown(() => kill('SIGKILL'));
      let output = '';
      for await (const chunk of child.stdout) {
        output += chunk;
        const url = /^Cachalot listens on (\S+)$/m.exec(output)?.[1];
        if (url === undefined) continue;
        child.stdout.resume();
        port = new URL(url).port;
        env.CACHALOT_URL = url;
        return { url, kill };
      }
      throw new Error(`the server ended before it listened: ${output}`);
    },
  };
}

async function runToEnd(
  program: string,
  args: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<Done> {
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

/** npm hands its own settings to what it starts; a user's shell has none of them. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|CACHALOT_|TAP|NODE_OPTIONS|NODE_ENV|INIT_CWD|XDG_|CI$|.*_proxy$)/i.test(name),
  );
  const settings = process.env.npm_config_userconfig;
  return {
    ...Object.fromEntries(kept),
    ...(settings === undefined ? {} : { npm_config_userconfig: settings }),
  };
}

function usersPath(): string {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((entry) => !entry.includes(join('node_modules', '.bin')) && !entry.endsWith('node-gyp-bin'))
    .join(delimiter);
}

/** What `--report` wrote; throws what the program said where there is none. */
export function readReport(path: string, { stderr }: Pick<Done, 'stderr'>): Report {
  if (!existsSync(path)) throw new Error(`there is no report: ${stderr}`);
  return JSON.parse(readFileSync(path, 'utf8'));
}

export interface Report {
  hit: string;
  skipped: boolean;
  reason?: string;
  bytes: { down: number; up: number; reused: number };
  warnings: { code: string; message: string }[];
}

/** A token for a project's builds of the server that `here` asks; `admin` is that of the administrator, else that of the data folder. */
export async function tokenOf(here: Place, admin?: string): Promise<string> {
  const CACHALOT_ADMIN_TOKEN = admin ?? readFileSync(join(here.folder, 'data/admin-token'), 'utf8').trim();
  const done = await here.cachalot(['admin', 'token', 'create', '--project', 'shop', '--tier', 'trusted'], {
    env: { CACHALOT_ADMIN_TOKEN },
  });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout.trim();
}
