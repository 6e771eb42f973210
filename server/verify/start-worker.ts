/**
 * How the server's verification workers start. In the source a worker's file is the module itself; the bundle is one file,
 * which is started again and sees by `workerData` which role it has.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';

declare const __CACHALOT_BUNDLE__: true | undefined;

export const VERIFY_ROLE = 'verify';

export function startVerifyWorker(): Worker {
  const inBundle = typeof __CACHALOT_BUNDLE__ !== 'undefined';
  const file = new URL(inBundle ? import.meta.url : './verify-worker.ts', import.meta.url);
  const options: WorkerOptions = {
    name: 'cachalot verify',
    // The process's own flags may be about its entry (`--input-type`) and are none of a worker's business.
    execArgv: [],
    workerData: { cachalotWorker: VERIFY_ROLE },
    // Its heap holds little more than the program; what is verified lies outside it.
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
  };
  return new Worker(file, options);
}
