/** Puts a hot tier in front of a bucket, as the settings say. */
import type { ObjectStore } from '../object-store.ts';
import { type DiskTier, openDiskTier } from './disk-tier.ts';
import { HotStore } from './hot-store.ts';
import { MemoryTier, PASSING_SHARE } from './memory-tier.ts';
import { MoveMemory } from './move-memory.ts';
import type { HotObserver } from './observer.ts';

/** Of what is lent while it arrives, what has its place in the block; beyond that it is in fresh memory. */
const MOST_LENT_BYTES = 128 * 1024 * 1024;

export interface HotSettings {
  /** Absolute path. */
  folder: string;
  /** That copies on disk may have; 0: none. */
  bytes: number;
  /** Bytes of copies in memory; 0: none. */
  memory: number;
}

export interface HotParts {
  /** Bytes of whole segments that may be on their way at once; at least one of the largest. */
  moves: number;
  observer: HotObserver;
  clock?: () => number;
  now?: () => number;
}

/** The bucket belongs to it from now on. A folder that cannot be used is told to the observer, and done without. */
export async function openHotStore(
  bucket: ObjectStore,
  { folder, bytes, memory }: HotSettings,
  { moves, observer, clock = () => performance.now(), now = Date.now }: HotParts,
): Promise<ObjectStore> {
  if (bytes === 0 && memory === 0) return bucket;
  let disk: DiskTier | undefined;
  if (bytes > 0) {
    try {
      disk = await openDiskTier({
        folder,
        bound: bytes,
        now,
        onEvicted: (freed) => observer.evicted(freed),
        onFailure: (error) => observer.off(error),
      });
    } catch (error) {
      observer.off(error as Error);
    }
  }
  return new HotStore({
    bucket,
    disk,
    memory: new MemoryTier(memory),
    moves: new MoveMemory(moves, Math.min(Math.floor(memory * PASSING_SHARE), MOST_LENT_BYTES)),
    observer,
    clock,
  });
}
