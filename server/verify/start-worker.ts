/**
 * How the server's verification workers start. In the source a worker's file is the module itself; the bundle carries the
 * worker's program as a text, so that a thread does not compile the whole server again.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** By role; only in the bundle (toolchain/bundle.mjs). */
declare const __CACHALOT_WORKERS__: Record<string, string> | undefined;

export function startVerifyWorker(): Worker {
  const options: WorkerOptions = {
    name: 'cachalot verify',
    // The process's own flags may be about its entry (`--input-type`) and are none of a worker's business.
    execArgv: [],
    // Its heap holds little more than the program; what is verified lies outside it.
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
  };
  const program = typeof __CACHALOT_WORKERS__ === 'undefined' ? undefined : __CACHALOT_WORKERS__.verify;
  return program === undefined
    ? new Worker(new URL('./verify-worker.ts', import.meta.url), options)
    : new Worker(program, { ...options, eval: true });
}
