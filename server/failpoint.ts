/**
 * Failpoints: named places at which a test ends the process as a power cut would, to show that what is stored is then
 * the old state or the new one. `CACHALOT_FAILPOINT=<name>` arms one; nothing else ever does.
 */

/** The places, in the order in which a save passes them. */
export const FAILPOINTS = [
  'save-opened',
  'lack-refs-written',
  'admit-before-put',
  'admit-after-put',
  'commit-checked',
  'commit-manifest-written',
  'commit-refs-written',
  'commit-indexed',
  'retire-copied',
  'retire-deleted',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/** Called at each place. */
export type Reach = (point: Failpoint) => void;

/** Without an armed point the function does nothing. */
export function createReach(armed: string | undefined): Reach {
  if (armed === undefined || armed === '') return () => {};
  return (point) => {
    if (point === armed) process.kill(process.pid, 'SIGKILL');
  };
}
