/**
 * The entry of the runner's bundle. In a worker thread it hands over to that thread's part; `--version` is answered before
 * anything is loaded; else the program is read and one command's module runs.
 */
import { isMainThread, workerData } from 'node:worker_threads';
import manifest from '../package.json' with { type: 'json' };

const role: unknown = isMainThread ? undefined : workerData?.cachalotWorker;

// A thread's module starts by being loaded.
if (role === 'pack') await import('#runner-plugin/archive/pack-worker.ts');
else if (role === 'unpack') await import('#runner-plugin/archive/unpack-worker.ts');
else if (process.argv.length === 3 && ['--version', '-V'].includes(process.argv[2] ?? '')) {
  console.log(manifest.version);
} else {
  const { main } = await import('./program.ts');
  const status = await main(process.argv.slice(2), manifest.version);
  // Not left to the event loop: a name that is still being looked up would hold the process past its budget.
  if (status !== undefined) process.exit(status);
}
