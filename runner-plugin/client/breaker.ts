/**
 * The breaker: a server that failed is left alone for a minute by every command of this user. Each command is a process
 * of its own, so the state is a file; ten commands against an address that swallows packets wait once, not ten times.
 * Where the file cannot be kept, every command finds out by itself.
 */
import { hash, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import type { Clock } from './clock.ts';

export const LEFT_ALONE_MS = 60_000;

export interface Breaker {
  /** Throws CLIENT_BREAKER_OPEN while the server is to be left alone. */
  check(): void;
  open(): void;
  close(): void;
}

export function createBreaker(options: { folder: string; url: URL; uid: number; clock: Clock }): Breaker {
  const { clock, url } = options;
  const server = hash('sha256', url.href, 'hex').slice(0, 16);
  const file = join(options.folder, `breaker-${server}-${options.uid}.json`);
  return {
    check() {
      const opened = readOpened(file);
      if (opened === undefined) return;
      // A clock that was set back must not leave the server alone for longer than the minute.
      const age = clock.now() - opened;
      if (Math.abs(age) >= LEFT_ALONE_MS) return;
      throw fault('CLIENT_BREAKER_OPEN', { url: url.href, seconds: Math.max(0, Math.round(age / 1000)) });
    },
    open() {
      const fresh = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
      try {
        writeFileSync(fresh, JSON.stringify({ url: url.href, opened: clock.now() }), {
          flag: 'wx',
          mode: 0o600,
        });
        renameSync(fresh, file);
      } catch {
        remove(fresh);
      }
    },
    close: () => remove(file),
  };
}

/** Even `force` throws where the folder is none, or is not ours. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // What stays is over within the minute.
  }
}

function readOpened(file: string): number | undefined {
  try {
    const state: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof state !== 'object' || state === null || !('opened' in state)) return undefined;
    return typeof state.opened === 'number' ? state.opened : undefined;
  } catch {
    return undefined;
  }
}
