/** What lies in a folder, to be looked through: a server's data, a manager's cache. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';

/** Everything below, each file with its path; zstd frames decompressed too. */
export function contentsBelow(folder: string): string[] {
  return filesBelow(folder).map((path) => {
    const bytes = readFileSync(join(folder, path));
    const isFrame = bytes.length > 4 && bytes.readUInt32LE() === 0xfd2fb528;
    return `${path}\n${(isFrame ? zlib.zstdDecompressSync(bytes) : bytes).toString('latin1')}`;
  });
}

/** Relative paths, sorted; none where there is no such folder. */
export function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .sort();
  } catch {
    return [];
  }
}
