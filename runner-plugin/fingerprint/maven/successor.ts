/**
 * An exact hit is not the end: no list of inputs foresees every download, so a build that gained files commits a successor, a
 * generation under the same fingerprint, which holds what was restored and what came. An entry of a new fingerprint holds
 * what its build used and no more, whatever it began with.
 */
import { hash } from 'node:crypto';
import type { Manifest } from '#protocol/format/manifest.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { Watch } from '../plan.ts';
import { differInMirrorsAlone, followMirrors, type Mirror } from './mirrors.ts';
import { markUsed, type OwnRepository, removeIdle, trim } from './own-repository.ts';
import { type Reads, watchReads } from './reads.ts';
import { artifactsOf, filesOf, trackedFiles, trackedFolders } from './tracking.ts';
import {
  byReads,
  byRecord,
  type IsUsed,
  type Recording,
  type RecordingOptions,
  startRecording,
  usedFiles,
} from './used.ts';

export interface WatchOptions {
  /** The local repository; absolute. */
  repository: string;
  fingerprint: Fingerprint;
  /** What has just been restored into it. */
  restored: Manifest | undefined;
  mirrors: readonly Mirror[];
  /** Whether what the build leaves may be saved. */
  saves: boolean;
  /** Where the repository is this project's alone; `stood`: from an earlier build, before anything was restored. */
  own?: OwnRepository & { stood: boolean };
  recording: RecordingOptions;
  /** ms since 1970. */
  now: number;
}

/** Called between the restore and the command. Walking a repository of 70 MB takes 20 ms, so what came is found by looking twice. */
export async function watchRepository(options: WatchOptions): Promise<Watch> {
  const { repository, fingerprint, restored, mirrors, own, now: time } = options;
  if (own !== undefined) await markUsed(own.place, time);
  const folders = await trackedFolders(repository);
  const before = new Set(filesOf(folders));
  const isExact = restored !== undefined && `${restored.key}/`.startsWith(`${fingerprint.key}/`);
  if (restored !== undefined && !isExact && differInMirrorsAlone(restored.inputs, fingerprint.inputs))
    await followMirrors(repository, folders, restored.inputs, mirrors);
  // What is left out is what neither an entry of this fingerprint nor this build brought.
  const isPruned = options.saves && (!isExact || own?.stood === true);
  const recording = isPruned ? await startRecording(options.recording) : undefined;
  const reads =
    isPruned && recording === undefined ? await watchReads(repository, artifactsOf(folders)) : undefined;
  return {
    ...(recording === undefined ? {} : { handOver: recording.handOver }),
    async gained() {
      const after = await trackedFiles(repository);
      const files = after.filter((file) => !before.has(file)).length;
      return files === 0 ? undefined : { generation: hash('sha256', after.join('\n'), 'hex'), files };
    },
    async select(status) {
      const now = await trackedFolders(repository);
      // Of a build that failed it is not known what it would have used.
      const isUsed =
        status === 0 ? ((await usedByRecord(recording)) ?? (await usedByReads(reads))) : undefined;
      if (isUsed === undefined) return filesOf(now);
      const used = usedFiles(now, (file) => !before.has(file), isUsed);
      if (own !== undefined) await trim(repository, now, used);
      return used;
    },
    async close() {
      await recording?.close();
      if (own !== undefined) await removeIdle(own.beside, time);
    },
  };
}

async function usedByRecord(recording: Recording | undefined): Promise<IsUsed | undefined> {
  const recorded = await recording?.read();
  return recorded && byRecord(recorded);
}

async function usedByReads(reads: Reads | undefined): Promise<IsUsed | undefined> {
  const read = await reads?.();
  return read && byReads(read);
}
