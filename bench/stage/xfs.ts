/**
 * Fresh places: for each run a file system that nobody has used. Deleting and writing again in one that was used before
 * measures its allocator's history, not the program.
 */
import { execFile } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Stage } from './stage.ts';

const run = promisify(execFile);

// Sparse: only what is written takes room. As large as what XFS is made for, so that it lays itself out as on a disk.
const IMAGE_BYTES = 16 * 1024 ** 3;

let failure: string | undefined;
let made = 0;

/** What the places of this process are, for the conditions. */
export function freshFileSystem(): string {
  return failure === undefined
    ? 'XFS, loop-mounted, made new for each run'
    : `fresh directories, no fresh file systems: ${failure}`;
}

/** An empty folder on an XFS of its own, or, said loudly once, just an empty folder. Gone with its stage. */
export async function freshPlace(stage: Stage): Promise<string> {
  stage.signal.throwIfAborted();
  made += 1;
  const place = join(stage.folder, `place-${made}`);
  await mkdir(place);
  if (failure !== undefined) return place;
  const image = `${place}.img`;
  try {
    const file = await open(image, 'wx');
    await file.truncate(IMAGE_BYTES);
    await file.close();
    await run('mkfs.xfs', ['-q', image], { env: withSystemPrograms() });
    await run('mount', ['-o', 'loop', image, place], { env: withSystemPrograms() });
  } catch (error) {
    await rm(image, { force: true });
    failure = (error instanceof Error ? error.message : String(error)).trim().split('\n').join('; ');
    stage.say(
      `!! XFS could not be made or mounted, so runs share a file system and ratios say less: ${failure}`,
    );
    return place;
  }
  stage.defer(async () => {
    await unmount(place);
    await rm(image, { force: true });
  });
  return place;
}

async function unmount(place: string): Promise<void> {
  // A process that is just going may still hold it.
  for (let tries = 0; tries < 50; tries++) {
    try {
      await run('umount', [place], { env: withSystemPrograms() });
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  await run('umount', ['--lazy', place], { env: withSystemPrograms() });
}

/** Debian keeps what root uses where only root looks. */
export function withSystemPrograms(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
}
