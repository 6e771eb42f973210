import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** In CI a suite that cannot run is a failure: nobody reads what was skipped there. */
const inCi = /^(1|true)$/.test(process.env.CI ?? '');

/** The part of a tap test that is used here, so that any of them can be given. */
interface Skipping {
  plan(count: number, comment?: string): void;
  fail(message: string): boolean;
}

/** Where `program` lies, or undefined; looked for on PATH and where Debian keeps what root uses. */
export function programPath(program: string): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * True if all `programs` are there. Otherwise the test `t` is skipped, or fails in CI, and must return at once:
 *
 *     if (!need(t, 'mvn', 'java')) return;
 */
export function need(t: Skipping, ...programs: string[]): boolean {
  const missing = programs.filter((program) => programPath(program) === undefined);
  return needThat(t, missing.length === 0, `${missing.join(', ')} not installed`);
}

/** The same for what is had in another way than as a program. `otherwise` says what lacks. */
export function needThat(t: Skipping, holds: boolean, otherwise: string): boolean {
  if (holds) return true;
  if (inCi) t.fail(`${otherwise}; in CI nothing may be skipped`);
  else t.plan(0, otherwise);
  return false;
}

/**
 * The same for what a machine permits or its kernel has: root, mounts, file systems. Nothing that is installed would change it, so it
 * is skipped in CI too.
 */
export function permits(t: Pick<Skipping, 'plan'>, holds: boolean, otherwise: string): boolean {
  if (!holds) t.plan(0, otherwise);
  return holds;
}
