/**
 * A local repository for each project, on a host that keeps its home (`CACHALOT_HOST=persistent`). Maven's own is one for all
 * that is built there: what one project installed or downloaded, the next one builds with, and its entry would hold it.
 *
 * It lies in the state folder, under the project's name and the folder that it is built in, so that two checkouts that are built
 * at once do not meet either. Where the command, the project or the settings name a repository, that one is used as it is.
 */
import { hash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import { type Environment, stateFolder } from '../../client/state-folder.ts';
import { type Handed, handOver } from './hand-over.ts';
import { REPOSITORY_PROPERTY } from './repository.ts';
import { filesOf, readTracking, TRACKING, type TrackedFolder } from './tracking.ts';

/** After that many days in which nobody built the project, its repository is removed. */
export const IDLE_DAYS = 30;

/** A repository that holds more than that many times what a build used is taken back to what it used. */
const MOST_TIMES = 2;

export interface OwnRepository {
  /** Absolute. */
  place: string;
  /** The folder of all of them. */
  beside: string;
  /** How Maven is told. */
  handOver: NonNullable<ReturnType<typeof handOver>>;
}

/** Whether the host is said to keep its home. Throws SETTING_INVALID. */
export function keepsHome({ CACHALOT_HOST: value = '' }: Environment): boolean {
  if (value === 'persistent') return true;
  if (value === '' || value === 'ephemeral') return false;
  throw fault('SETTING_INVALID', {
    setting: 'CACHALOT_HOST',
    value,
    why: 'persistent or ephemeral is needed',
  });
}

/** That of a project of this name in this folder; undefined where Maven could not be told of it. */
export function ownRepository(
  { name, folder }: { name: string; folder: string },
  handed: Handed,
): OwnRepository | undefined {
  const beside = join(stateFolder(handed.env), 'maven-repositories');
  const readable = name.replace(/^.*?:/, '').replace(/[^\w.-]+/g, '-');
  const place = join(beside, `${readable}-${hash('sha256', `${name}\0${folder}`, 'hex').slice(0, 16)}`);
  const told = handOver([`-D${REPOSITORY_PROPERTY}=${place}`], handed);
  return told && { place, beside, handOver: told };
}

/** Its time tells {@link removeIdle} when it was last used. `now`: ms since 1970. */
export async function markUsed(place: string, now: number): Promise<void> {
  await mkdir(place, { recursive: true });
  await utimes(place, now / 1000, now / 1000);
}

/** Removes those that nobody has used for {@link IDLE_DAYS}. */
export async function removeIdle(beside: string, now: number): Promise<void> {
  const oldest = now - IDLE_DAYS * 24 * 60 * 60 * 1000;
  for (const name of await readdir(beside).catch(() => [])) {
    const place = join(beside, name);
    const found = await stat(place).catch(() => undefined);
    if (found === undefined || found.mtimeMs >= oldest) continue;
    // Aside first: half a repository is nothing to build with, should somebody begin to just now.
    const aside = name.startsWith('.') ? place : join(beside, `.${name}`);
    await rename(place, aside).catch(() => undefined);
    await rm(aside, { recursive: true, force: true });
  }
}

/**
 * Takes away what came from remote repositories and a build did not use, once that is more than it used: other fingerprints'
 * entries bring it back. What was installed here stays. `kept`: what it used, of `now`.
 */
export async function trim(
  repository: string,
  now: readonly TrackedFolder[],
  kept: readonly string[],
): Promise<void> {
  const used = new Set(kept);
  const idle = filesOf(now).filter((file) => !used.has(file));
  const bytes = async (files: readonly string[]): Promise<number> => {
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(repository, file))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  const [ofUsed, ofIdle] = [await bytes(kept), await bytes(idle)];
  if (ofUsed + ofIdle <= MOST_TIMES * ofUsed) return;
  for (const file of idle) {
    const place = join(repository, file);
    // What was installed here beside them would count as anybody's.
    if (basename(file) === TRACKING && (await readTracking(place)).some(({ id }) => id === '')) continue;
    await rm(place, { force: true });
  }
}
