/**
 * What a manager's store says of its contents, kept in an entry beside them: one file a package, in a folder of ours. A store holds
 * what many projects have put there, and an entry what older lockfiles named; a database can be neither cut nor merged as a file.
 * So records are picked when it is saved and again when it is restored, and which contents are wanted is read from those picked.
 */
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolder } from '../../client/state-folder.ts';
import type { RootPlan } from '../fingerprint.ts';

export interface IndexRecord {
  /** By which the store finds it: a key, a path. One line. */
  name: string;
  data: Buffer;
}

/** So named that it comes before every store in an archive, and can be read before the first content is created. */
export const INDEX_ROOT = 'home:.cache/cachalot/index';

/** `folder`: the project's. The folder itself may be lost at any time; it is only on its way into or out of an entry. */
export function indexRoot(env: Readonly<Record<string, string | undefined>>, folder: string): RootPlan {
  return {
    root: INDEX_ROOT,
    place: join(stateFolder(env), 'index', hash('sha256', folder, 'hex')),
    restore: 'replace',
    modes: 'executable',
  };
}

/** Puts these records in the place of what is there; without any, nothing will be there. */
export async function keepIndex(place: string, records: readonly IndexRecord[]): Promise<void> {
  await dropIndex(place);
  if (records.length === 0) return;
  await mkdir(place, { recursive: true });
  for (const { name, data } of records)
    await writeFile(
      join(place, hash('sha256', name, 'hex')),
      Buffer.concat([Buffer.from(`${name}\n`), data]),
    );
}

export async function dropIndex(place: string): Promise<void> {
  await rm(place, { recursive: true, force: true });
}

/** Of a kept index, in its place or where a restore has staged it; none where there is none. */
export function readIndex(place: string | undefined): IndexRecord[] {
  if (place === undefined) return [];
  let files: string[];
  try {
    files = readdirSync(place);
  } catch {
    return [];
  }
  return files.map((file) => {
    const bytes = readFileSync(join(place, file));
    const end = bytes.indexOf('\n');
    return { name: bytes.toString('utf8', 0, Math.max(0, end)), data: bytes.subarray(end + 1) };
  });
}
