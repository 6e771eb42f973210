/**
 * One file of 1 GiB as real ones are: a disk image's mixture of programs, archives and sources. Node's
 * executable, then the tree of packages as tar lists it, until it is full.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Stage } from '../stage/stage.ts';
import { largeTree } from './large-tree.ts';
import { keptTree, type Tree } from './tree.ts';

const MiB = 1024 * 1024;

export async function oneFile(stage: Stage): Promise<Tree> {
  const bytes = (stage.quick ? 64 : 1024) * MiB;
  const tree = await largeTree(stage);
  return keptTree(
    stage,
    {
      name: 'one-file',
      title: 'an image of programs and sources',
      root: 'disk.img',
      madeOf: `${bytes} ${tree.files} ${tree.bytes}`,
    },
    async (folder) => {
      const tar = spawn('tar', ['--sort=name', '-c', process.execPath, '-C', tree.folder, tree.root], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await fill(tar.stdout, join(folder, 'disk.img'), bytes);
      tar.kill();
    },
  );
}

async function fill(source: Readable, path: string, bytes: number): Promise<void> {
  const target = createWriteStream(path, { flags: 'wx' });
  const ended = new Promise<void>((resolve, reject) => {
    target.on('finish', resolve);
    target.on('error', reject);
  });
  let left = bytes;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    const piece = chunk.subarray(0, left);
    left -= piece.length;
    if (!target.write(piece)) await new Promise<void>((resolve) => target.once('drain', resolve));
    if (left === 0) break;
  }
  target.end();
  await ended;
  if (left > 0) throw new Error(`${path} lacks ${left} bytes: there was not enough to fill it with`);
}
