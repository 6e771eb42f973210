/** A restore in a process or thread of its own. Arguments: `whole` or `stall`, the folder with the archive, the target. */
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import type { ArchiveSource } from '#runner-plugin/archive/unpack.ts';
import { sourceOf, unpackInto } from './setting.ts';

const [mode, folder = '', target = ''] = process.argv.slice(2);
const { manifest, layout } = JSON.parse(fs.readFileSync(join(folder, 'entry'), 'utf8'));
const bytes = fs.readFileSync(join(folder, 'archive'));

/** Says so when the staging folder is in use, and stays there. */
const stalling: ArchiveSource = {
  async *read(start, end, signal) {
    yield bytes.subarray(start, start + Math.floor((end - start) / 2));
    process.stdout.write('stalled\n');
    await once(signal, 'abort');
  },
};

const keepAlive = setInterval(() => {}, 1000);
await unpackInto(
  target,
  { manifest, layout, bytes },
  { workers: 2, source: mode === 'stall' ? stalling : sourceOf(bytes) },
);
clearInterval(keepAlive);
