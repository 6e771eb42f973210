/** The link as a process beside the stage: what goes through it is as far away as it says. */
import { fileURLToPath } from 'node:url';
import { startDaemon } from './command.ts';
import { nextMessage } from './message.ts';
import type { Stage } from './stage.ts';

export interface Distance {
  rttMs: number;
  bitsPerSecond: number;
}

/** A port that leads to `port` over that distance, until the stage ends. */
export async function startLink(stage: Stage, port: number, distance: Distance): Promise<number> {
  const program = fileURLToPath(new URL('./link-process.ts', import.meta.url));
  const daemon = startDaemon(
    stage,
    [process.execPath, program, String(port), String(distance.rttMs), String(distance.bitsPerSecond)],
    { ipc: true },
  );
  return (await nextMessage<{ port: number }>(daemon)).port;
}
