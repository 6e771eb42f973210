/** A process that GETs, for as many orders as are given to it. */
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../stage/command.ts';
import { nextMessage } from '../stage/message.ts';
import type { Stage } from '../stage/stage.ts';
import type { GetOrder, GetReport } from './get-process.ts';

/** Answers bodies' megabytes (10^6) a second. */
export function startGets(stage: Stage): (order: GetOrder) => Promise<number> {
  const program = fileURLToPath(new URL('./get-process.ts', import.meta.url));
  const daemon = startDaemon(stage, [process.execPath, program], { ipc: true });
  return async (order) => {
    daemon.child.send(order);
    const { bytes, seconds } = await nextMessage<GetReport>(daemon);
    return bytes / seconds / 1e6;
  };
}
