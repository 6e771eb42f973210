/**
 * Starts a worker thread of the runner's part. In the source tree each role has its module; in the bundle, which is one
 * file, the thread runs that file again and its entry hands over to the role's module.
 */
import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

declare const __CACHALOT_BUNDLE__: boolean | undefined;

export type WorkerRole = 'pack' | 'unpack';

/** `data` reaches the thread as workerData, with `cachalotWorker` naming its role. */
export function startWorker(role: WorkerRole, options: WorkerOptions = {}): Worker {
  const bundled = typeof __CACHALOT_BUNDLE__ !== 'undefined';
  const file = bundled ? fileURLToPath(import.meta.url) : new URL(`./${role}-worker.ts`, import.meta.url);
  return new Worker(file, {
    ...options,
    workerData: { ...(options.workerData as object | undefined), cachalotWorker: role },
  });
}
