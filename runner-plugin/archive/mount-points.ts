/**
 * Where file systems are mounted. A mount point cannot be renamed, and what is beside it may be another file system.
 */
import fs from 'node:fs';
import { dirname } from 'node:path';

/** `path` is absolute and exists. */
export function isMountPoint(path: string): boolean {
  const real = fs.realpathSync(path);
  // Bind mounts share the device of what they show, so the list is asked first.
  return readMounts()?.includes(real) ?? fs.statSync(real).dev !== fs.statSync(dirname(real)).dev;
}

/** Mount points inside a folder; none are known where there is no list. */
export function mountsBelow(path: string): string[] {
  const real = fs.realpathSync(path);
  return readMounts()?.filter((mount) => mount.startsWith(real === '/' ? real : `${real}/`)) ?? [];
}

/** Linux' list (proc_pid_mountinfo(5)), or undefined elsewhere. */
function readMounts(): string[] | undefined {
  try {
    const lines = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
  } catch {
    return undefined;
  }
}

// Space, tab, newline and backslash stand there as \040 and the like.
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
