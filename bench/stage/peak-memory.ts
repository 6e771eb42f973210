/**
 * Loaded into a Node program by `--import`: as it ends, its peak memory goes into the file that BENCH_PEAK_FILE names, in
 * kilobytes. The kernel's own figure for the whole process, threads included.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.BENCH_PEAK_FILE;
if (isMainThread && file)
  process.on('exit', () => writeFileSync(file, String(process.resourceUsage().maxRSS)));
