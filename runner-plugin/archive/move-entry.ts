/**
 * rename(2) for whoever owns what is moved. To move a folder is to write its `..`, so the kernel refuses it for a
 * read-only one to everybody but root.
 */
import fs from 'node:fs';
import { systemCode } from './file-fault.ts';

/** Paths as bytes where a name may be no UTF-8. Throws what the operating system says. */
export function moveEntry(from: string | Buffer, to: string | Buffer): void {
  try {
    fs.renameSync(from, to);
  } catch (error) {
    const mode = systemCode(error) === 'EACCES' ? modeOfReadOnlyFolder(from) : undefined;
    if (mode === undefined) throw error;
    fs.chmodSync(from, mode | 0o700);
    try {
      fs.renameSync(from, to);
    } catch (again) {
      fs.chmodSync(from, mode);
      throw again;
    }
    fs.chmodSync(to, mode);
  }
}

function modeOfReadOnlyFolder(path: string | Buffer): number | undefined {
  const stat = fs.lstatSync(path);
  return stat.isDirectory() && (stat.mode & 0o200) === 0 ? stat.mode & 0o777 : undefined;
}
