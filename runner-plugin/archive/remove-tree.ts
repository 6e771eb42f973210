/**
 * Removes a tree that may hold anything: read-only folders, names that are no UTF-8, links to elsewhere (which are
 * removed, never followed).
 */
import fs from 'node:fs';
import { systemCode } from './file-fault.ts';

/** What is not there is no error. Throws what the operating system says where even an owner may not remove. */
export function removeTree(path: string | Buffer): void {
  try {
    fs.rmSync(path, { recursive: true, force: true });
  } catch (error) {
    // Only root empties a folder that it may not write to.
    if (!['EACCES', 'EPERM', 'ENOTEMPTY'].includes(systemCode(error))) throw error;
    openFolders(Buffer.from(path));
    fs.rmSync(path, { recursive: true, force: true });
  }
}

function openFolders(path: Buffer): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true) return;
  if ((stat.mode & 0o700) !== 0o700) fs.chmodSync(path, (stat.mode & 0o777) | 0o700);
  for (const name of fs.readdirSync(path, 'buffer')) openFolders(joinBytes(path, name));
}

/** A path whose last part is as the file system has it. */
export function joinBytes(folder: string | Buffer, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(folder), Buffer.from('/'), name]);
}
