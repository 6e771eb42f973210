/** Server processes that a test may kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

export interface ServerProcess {
  url: string;
  child: ChildProcess;
  /** Everything that it has written to standard error. */
  log(): string;
  /** Resolves when it has ended: its exit status, or the signal's name. */
  ended: Promise<number | string>;
}

export function dataFolder(t: Test): string {
  const data = mkdtempSync(join(tmpdir(), 'cachalot-system-'));
  t.teardown(() => rmSync(data, { recursive: true, force: true }));
  return data;
}

/** Resolves when it listens; rejects with what it wrote if it ends before. */
export async function startServer(
  t: Test,
  data: string,
  env: Record<string, string> = {},
  port = '0',
): Promise<ServerProcess> {
  const program = fileURLToPath(new URL('./run-server.ts', import.meta.url));
  const child = spawn(process.execPath, [program, data, port], {
    env: { ...process.env, CACHALOT_SERVER_CONFIG: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const match = /listens on (\S+)\n/.exec(said);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
    void ended.then((how) => reject(new Error(`ended with ${how}: ${log}`)));
  });
  return { url, child, log: () => log, ended };
}
