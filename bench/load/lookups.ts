/** A process that looks up, for as many orders as are given to it. */
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../stage/command.ts';
import { nextMessage } from '../stage/message.ts';
import type { Stage } from '../stage/stage.ts';
import type { LookupOrder, LookupReport } from './lookup-process.ts';

export interface Lookups {
  /** Looks up for as long as the order says, or until it is stopped. */
  measure(order: LookupOrder): Promise<LookupReport>;
  stop(): void;
}

export function startLookups(stage: Stage): Lookups {
  const program = fileURLToPath(new URL('./lookup-process.ts', import.meta.url));
  const daemon = startDaemon(stage, [process.execPath, program], { ipc: true });
  return {
    measure: (order) => {
      daemon.child.send(order);
      return nextMessage<LookupReport>(daemon);
    },
    stop: () => daemon.child.send('stop'),
  };
}
