/** What the hot tier is made of. */
import type { ObjectStore } from '../object-store.ts';
import type { DiskTier } from './disk-tier.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { MoveMemory } from './move-memory.ts';
import type { HotObserver } from './observer.ts';

export interface HotStoreParts {
  bucket: ObjectStore;
  /** Undefined: memory alone. */
  disk: DiskTier | undefined;
  memory: MemoryTier;
  /** For whole segments while they are moved. */
  moves: MoveMemory;
  observer: HotObserver;
  /** Milliseconds that only grow. */
  clock: () => number;
}
