/**
 * A real S3 server: versitygw over a folder. The versions are pinned; `old` is one that takes If-None-Match and lets several
 * writers through.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { needGoProgram } from '../go-programs.ts';
import { programPath } from '../needs.ts';

export const VERSIONS = { new: 'v1.8.0', old: 'v1.2.0' } as const;
export type Version = keyof typeof VERSIONS;

/** Tries of one start: the port that was free may be taken before the server has it. */
const STARTS = 3;
const START_MS = 15_000;

/** Of the one account that a server of the tests has. */
export const CREDENTIALS = { accessKeyId: 'cachalot-tests', secretAccessKey: 'not-a-secret-of-anybody' };

export interface VersityGateway {
  port: number;
  endpoint: string;
  /** What it serves: each bucket is a folder, each object a file. */
  folder: string;
  child: ChildProcess;
  close(): Promise<void>;
}

/** The program's path. Undefined where that version cannot be had; then the test must return at once. */
export function needVersitygw(
  t: Parameters<typeof needGoProgram>[0],
  version: Version = 'new',
): string | undefined {
  const program = { package: 'github.com/versity/versitygw/cmd/versitygw', version: VERSIONS[version] };
  return needGoProgram(t, program);
}

/**
 * Runs until it is closed, over a folder of its own that goes with it, or over `folder`. It ends each connection after one answer,
 * unless it is told to `keepAlive`, as S3 does.
 */
export async function startVersitygw(
  program: string,
  folder?: string,
  { keepAlive = false } = {},
): Promise<VersityGateway> {
  const served = folder ?? mkdtempSync(join(tmpdir(), 'cachalot-s3-'));
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const { accessKeyId, secretAccessKey } = CREDENTIALS;
    const account = ['--access', accessKeyId, '--secret', secretAccessKey];
    const kept = keepAlive ? ['--keep-alive'] : [];
    const command = [program, ...account, ...kept, '--port', `127.0.0.1:${port}`, 'posix', served];
    const [first = '', ...rest] = endingWithUs(command);
    const child = spawn(first, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = once(child, 'close');
    if (await answers(port, child)) {
      return {
        port,
        endpoint: `http://127.0.0.1:${port}`,
        folder: served,
        child,
        async close() {
          child.kill('SIGKILL');
          await ended;
          if (folder === undefined) rmSync(served, { recursive: true, force: true });
        },
      };
    }
    child.kill('SIGKILL');
    await ended;
    if (tries === STARTS) throw new Error(`versitygw does not start: ${said}`);
  }
}

/** A test that is killed takes its servers with it, where the system can do that. */
function endingWithUs(command: string[]): string[] {
  return programPath('setpriv') === undefined ? command : ['setpriv', '--pdeathsig', 'KILL', ...command];
}

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  const until = Date.now() + START_MS;
  while (Date.now() < until && child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      await sleep(20);
    } finally {
      socket.destroy();
    }
  }
  return false;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
