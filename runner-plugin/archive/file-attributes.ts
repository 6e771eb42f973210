/**
 * What a file has besides its content, set through its descriptor when the content is complete.
 */
import fs from 'node:fs';
import { timeArgument } from './file-times.ts';

export interface FileAttributes {
  owner?: { uid: number; gid: number } | undefined;
  mode: number;
  /** Mode bits that were withheld at creation and are set again. */
  withheld: number;
  /** Seconds. */
  accessed: number;
  modified: number;
}

export function setAttributes(file: number, attributes: FileAttributes): void {
  const { owner, mode, withheld, accessed, modified } = attributes;
  if (owner !== undefined) fs.fchownSync(file, owner.uid, owner.gid);
  if ((mode & withheld) !== 0) fs.fchmodSync(file, mode);
  // Last: it is what writing changes.
  fs.futimesSync(file, accessed, timeArgument(modified));
}
