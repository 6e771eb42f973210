/** A disk that is soon full, for the tests of what happens then. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { needThat, permits, programPath } from '../../needs.ts';

/** A file system of `kib` KiB, unmounted when the test ends. Undefined where the test must be skipped: return at once. */
export function smallDisk(t: Test, kib: number): string | undefined {
  const [mount, umount] = [programPath('mount'), programPath('umount')];
  const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
  if (!permits(t, isRoot, 'only root may mount a small file system')) return undefined;
  if (mount === undefined || umount === undefined) {
    needThat(t, false, 'mount not installed');
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'));
  try {
    execFileSync(mount, ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch {
    rmdirSync(folder);
    permits(t, false, 'mounting is not permitted here');
    return undefined;
  }
  t.teardown(() => {
    execFileSync(umount, [folder]);
    rmdirSync(folder);
  });
  return folder;
}
