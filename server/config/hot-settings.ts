/** The settings of the hot tier (server/store/hot/), which stands before a bucket. */
import { join, resolve } from 'node:path';
import { LIMITS } from '#protocol/format/limits.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { HotSettings } from '../store/hot/open.ts';
import { type Given, optional, type Read, readSetting, text, wholeNumber } from './setting.ts';

const MiB = 1024 * 1024;

export const HOT = {
  folder: optional('hot.folder', text),
  bytes: optional('hot.bytes', noneOrEnough),
  memory: optional('hot.memory', noneOrEnough),
};

const DISK_BYTES = 20 * 1024 * MiB;
/**
 * Little, for the smallest servers: 1,000 slow readers, who hold 64 KiB each at least, are to need no more than 300 MB with all that
 * the process is.
 */
const MEMORY_BYTES = 64 * MiB;

/** `data`: absolute path of the data folder. Throws `SETTING_INVALID`. */
export function readHot(given: Given, { data, isBucket }: { data: string; isBucket: boolean }): HotSettings {
  const [folder, bytes, memory] = [
    readSetting(HOT.folder, given),
    readSetting(HOT.bytes, given),
    readSetting(HOT.memory, given),
  ];
  const place = resolve(given.surroundings.cwd, folder ?? join(data, 'hot'));
  if (isBucket) return { folder: place, bytes: bytes ?? DISK_BYTES, memory: memory ?? MEMORY_BYTES };
  if (folder !== undefined) throw useless('hot.folder', folder);
  if (bytes !== undefined) throw useless('hot.bytes', bytes);
  // The system keeps a folder's files in memory already: this is worth its room only where somebody has seen that it is.
  return { folder: place, bytes: 0, memory: memory ?? 0 };
}

function useless(setting: string, value: string | number): Error {
  const why = 's3.bucket is not set, and a folder needs no copies on disk';
  return fault('SETTING_INVALID', { setting, value: JSON.stringify(value), why });
}

const anyBytes = wholeNumber(0, Number.MAX_SAFE_INTEGER);

function noneOrEnough(value: unknown): ReturnType<Read<number>> {
  const bytes = anyBytes(value);
  if (typeof bytes !== 'number' || bytes === 0 || bytes >= LIMITS.segmentStored) return bytes;
  return { why: `it is neither 0 nor at least one segment, ${LIMITS.segmentStored}` };
}
