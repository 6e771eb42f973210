/**
 * What of a local repository came from a remote one. Maven writes it down itself: `_remote.repositories` in each folder has a
 * line `FILE>ID=` for every file and every repository that it is known to be in; an empty id is an install of one's own.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const TRACKING = '_remote.repositories';
const CHECKSUMS = ['.sha1', '.md5', '.sha256', '.sha512'];
// Metadata of one's own installs, and of no repository in particular, is not a remote's.
const METADATA = /^maven-metadata-(?!local\.xml)(.+)\.xml(\.sha1|\.md5|\.sha256|\.sha512)?$/;
const SNAPSHOT_FOLDER = /-SNAPSHOT\/$/;

/** One folder of the repository in which something came from a remote one. */
export interface TrackedFolder {
  /** Relative to the repository, with a `/` at its end; '' is the repository itself. */
  path: string;
  /** Names of artifacts' files that are tracked under an id. */
  artifacts: string[];
  /** Their checksums and {@link TRACKING}. */
  beside: string[];
  /** `maven-metadata-<id>.xml` and its checksums. */
  metadata: string[];
  /** Of snapshots: the copies without a timestamp, which Maven makes of those that it uses; never saved. */
  copies: string[];
}

/**
 * By whitelist: what `_remote.repositories` tracks under a non-empty id, its checksums, that file itself, and
 * `maven-metadata-<id>.xml`. It leaves out what was installed here, failed look-ups, copies of snapshots, locks and indexes,
 * by construction (tried: a build on just these downloads nothing).
 */
export async function trackedFolders(repository: string): Promise<TrackedFolder[]> {
  const found: TrackedFolder[] = [];
  const visit = async (folder: string, path: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    const lines = files.includes(TRACKING) ? await readTracking(join(folder, TRACKING)) : [];
    const tracked = new Set(lines.filter(({ id }) => id !== '').map(({ file }) => file));
    const artifacts = files.filter((name) => tracked.has(name));
    const metadata = files.filter((name) => METADATA.test(name));
    if (artifacts.length + metadata.length > 0) {
      const sums = files.filter((name) =>
        CHECKSUMS.some((end) => name.endsWith(end) && tracked.has(name.slice(0, -end.length))),
      );
      const beside = artifacts.length === 0 ? [] : [...sums, TRACKING];
      const copies = SNAPSHOT_FOLDER.test(path) ? files.filter((name) => name.includes('-SNAPSHOT')) : [];
      found.push({ path, artifacts, beside, metadata, copies });
    }
    for (const entry of entries) {
      // `.cache`, `.locks`, `.meta` and the like are no one's artifacts.
      if (entry.isDirectory() && !entry.name.startsWith('.'))
        await visit(join(folder, entry.name), `${path}${entry.name}/`);
    }
  };
  await visit(repository, '');
  return found;
}

/** All of these, relative to the repository and sorted. */
export function filesOf(folders: readonly TrackedFolder[]): string[] {
  return folders
    .flatMap(({ path, artifacts, beside, metadata }) =>
      [...artifacts, ...beside, ...metadata].map((name) => path + name),
    )
    .sort();
}

/** POMs and jars, and what else is tracked by name; relative to the repository. */
export function artifactsOf(folders: readonly TrackedFolder[]): string[] {
  return folders.flatMap(({ path, artifacts }) => artifacts.map((name) => path + name));
}

export async function trackedFiles(repository: string): Promise<string[]> {
  return filesOf(await trackedFolders(repository));
}

export interface TrackingLine {
  file: string;
  /** Of the repository or mirror; '' for an install of one's own. */
  id: string;
}

export async function readTracking(path: string): Promise<TrackingLine[]> {
  const text = await readFile(path, 'utf8');
  return text.split('\n').flatMap((line) => {
    const match = /^([^#>][^>]*)>([^=]*)=/.exec(line.trim());
    return match === null ? [] : [{ file: unescaped(match[1] ?? ''), id: unescaped(match[2] ?? '') }];
  });
}

/** As Java's properties escape what stands in a key. */
function unescaped(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}
