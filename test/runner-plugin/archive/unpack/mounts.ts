/** File systems for tests that need one of their own. */
import { spawnSync } from 'node:child_process';

interface Teardown {
  teardown(after: () => void): void;
}

/** True if it is mounted now, until the test ends. Takes what mount(8) takes. */
export function mount(t: Teardown, ...args: string[]): boolean {
  const target = args.at(-1) as string;
  if (spawnSync('mount', args).status !== 0) return false;
  t.teardown(() => spawnSync('umount', ['-l', target]));
  return true;
}
