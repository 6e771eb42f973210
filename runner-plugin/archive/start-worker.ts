/**
 * Starts a worker thread of the runner's part. In the source tree each role has its module; the bundle is one file and
 * carries each role's program as a text, some 35 KB: a thread that ran the bundle again would compile a megabyte of which it
 * needs little.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** By role; only in the bundle (toolchain/bundle.mjs). */
declare const __CACHALOT_WORKERS__: Record<string, string> | undefined;

export type WorkerRole = 'pack' | 'unpack';

export function startWorker(role: WorkerRole, options: WorkerOptions = {}): Worker {
  const program = typeof __CACHALOT_WORKERS__ === 'undefined' ? undefined : __CACHALOT_WORKERS__[role];
  return program === undefined
    ? new Worker(new URL(`./${role}-worker.ts`, import.meta.url), options)
    : new Worker(program, { ...options, eval: true });
}
