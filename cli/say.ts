/** Lines for people, on stderr: stdout belongs to the command that is wrapped, and to what was asked for. */
import type { CachalotError } from '#protocol/wire/errors.ts';

export function say(line: string): void {
  process.stderr.write(`cachalot: ${line}\n`);
}

/** What happened, to what, and what to do. */
export function sayFault(error: CachalotError): void {
  say(`${error.message} ${error.action}`);
}
