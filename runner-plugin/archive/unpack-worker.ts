/**
 * A decoding thread of a restore.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { WorkerRole } from './start-worker.ts';
import { type EngineOptions, UnpackEngine } from './unpack-engine.ts';
import type { ToDecoder } from './unpack-messages.ts';

function serve(port: MessagePort, options: EngineOptions): void {
  const engine = new UnpackEngine(options, (report) => port.postMessage(report));
  port.on('message', (task: ToDecoder) => engine.receive(task));
}

/** Runs in a thread that was started for it (start-worker.ts), in the source as in the bundle; elsewhere does nothing. */
export function runUnpackWorker(): void {
  const role: WorkerRole = 'unpack';
  if (parentPort !== null && workerData?.cachalotWorker === role)
    serve(parentPort, workerData.engine as EngineOptions);
}

runUnpackWorker();
