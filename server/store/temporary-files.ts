/**
 * Files that are being written, before they get their name: `<pid>@<host>.<process>.<count>`, from which it can be told
 * whether a writer still lives.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isMissing, systemCode } from './system-fault.ts';

/** A `put` writes what is in memory, in seconds. After an hour nobody is writing any more, wherever it was. */
const ABANDONED_MS = 3_600_000;

/** Tells this process from an earlier one with its number: in a container it is often 1. */
const PROCESS = randomBytes(6).toString('hex');
const HOST = encodeURIComponent(hostname());

const NAME = /^(\d+)@(.*)\.([0-9a-f]{12})\.(\d+)$/;

let count = 0;

/** A path in `folder` that no other writer has, in this process or another. */
export function temporaryPath(folder: string): string {
  count += 1;
  return `${folder}/${process.pid}@${HOST}.${PROCESS}.${count}`;
}

/**
 * Removes what dead writers left in `folder`: those of this host at once, those of other hosts that share the folder when
 * they are an hour old. `now` is the folder's clock, in milliseconds.
 */
export async function removeAbandoned(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const writer = NAME.exec(name);
    if (writer === null) continue;
    const path = `${folder}/${name}`;
    try {
      if (isDead(writer) || now - (await stat(path)).mtimeMs > ABANDONED_MS) await rm(path, { force: true });
    } catch (error) {
      // Another process that starts now may have removed it.
      if (!isMissing(error)) throw error;
    }
  }
}

function isDead([, pid, host, writer]: string[]): boolean {
  if (host !== HOST || writer === PROCESS) return false;
  if (Number(pid) === process.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}
