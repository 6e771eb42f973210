/**
 * Where a runner keeps what it may lose: the breaker's state, the digest tables. `CACHALOT_HOME`, else
 * `$XDG_STATE_HOME/cachalot`, else `~/.local/state/cachalot`. A user without a home that can be written (a container with
 * a uid that nobody entered in passwd) gets a folder of their own among the temporary files.
 */
import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** An absolute path. It exists and can be written unless nothing can; then writers go on without. */
export function stateFolder(env: Environment): string {
  const chosen = env.CACHALOT_HOME;
  if (chosen !== undefined && chosen !== '') {
    usable(chosen);
    return chosen;
  }
  const base = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state');
  const own = join(base, 'cachalot');
  if (usable(own)) return own;
  const uid = process.getuid?.() ?? 0;
  const temporary = join(tmpdir(), `cachalot-${uid}`);
  return usable(temporary) && isOurs(temporary, uid) ? temporary : own;
}

function usable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

// Anybody may make a folder of that name among the temporary files before we do.
function isOurs(folder: string, uid: number): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === uid && (found.mode & 0o022) === 0;
}
