/**
 * The job `sweep`: takes the cycle up where it is and brings it as far as it can go now. Whatever it is interrupted in, the next run
 * goes on with it.
 */

import { type Cycle, readCycle, readProgress, writeCycle } from './cycle.ts';
import { beginMark, markEntries } from './mark.ts';
import { Marks } from './marks.ts';
import type { RetentionParts } from './parts.ts';
import { condemn, deleteCondemned } from './sweep.ts';
import { tidy } from './tidy.ts';

/** `isAsked`: somebody wants a cycle now, and does not wait until one is due. Throws the signal's reason. */
export async function sweep(parts: RetentionParts, isAsked: boolean, signal: AbortSignal): Promise<void> {
  const { store, observer } = parts;
  if (!(await isDue(parts, isAsked))) return;
  let cycle = await readCycle(store);
  if (cycle?.phase === 'holding') {
    await finish(parts, cycle, signal);
    if (!(await isDue(parts, isAsked))) return;
  }
  if (cycle === undefined || cycle.phase === 'complete') {
    observer.tidied(await tidy(parts, signal));
    cycle = await beginMark(parts, 1 + Math.max(cycle?.number ?? 0, await lastCycle(parts)));
  }
  if (cycle.phase === 'marking') {
    await markEntries(parts, cycle, signal);
    Object.assign(cycle, { phase: 'condemning', cursor: '' });
    await writeCycle(store, cycle);
    observer.marked({ cycle: cycle.number, ...cycle.figures });
  }
  const objects = await condemn(parts, cycle, signal);
  Object.assign(cycle, { phase: 'holding', ended: await store.now() });
  await writeCycle(store, cycle);
  observer.condemned({ cycle: cycle.number, objects });
}

async function isDue({ store, lifetimes }: RetentionParts, isAsked: boolean): Promise<boolean> {
  const cycle = await readProgress(store);
  if (cycle?.phase === 'holding') return (await store.now()) >= cycle.ended + lifetimes.hold;
  if (cycle?.phase === 'complete') return isAsked || (await store.now()) >= cycle.began + lifetimes.cycle;
  return true;
}

async function finish(parts: RetentionParts, cycle: Cycle, signal: AbortSignal): Promise<void> {
  const figures = await deleteCondemned(parts, cycle, signal);
  Object.assign(cycle, { phase: 'complete', marks: Marks.for(0, '') });
  await writeCycle(parts.store, cycle);
  parts.observer.swept({ cycle: cycle.number, ...figures });
}

/** The last cycle that has left a list: its number must not be given again, should the record of the cycle be lost. */
async function lastCycle({ store }: RetentionParts): Promise<number> {
  let last = 0;
  for await (const { name } of store.list('condemned/')) {
    last = Math.max(last, Number.parseInt(name.slice(name.lastIndexOf('/') + 1), 10));
  }
  return last;
}
