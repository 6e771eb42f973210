/**
 * The local repository: where Maven will have it, and which of its files came from a remote one.
 *
 * The order was tried on Maven 3.8, 3.9 and 4: the command's last `-Dmaven.repo.local`, MAVEN_ARGS (from 3.9),
 * `.mvn/maven.config`, MAVEN_OPTS (not Maven 4, which ignores it), `<localRepository>`, `~/.m2/repository`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { splitWords } from './command.ts';

export interface RepositorySources {
  /** The property after command, MAVEN_ARGS and maven.config have been read in that order. */
  property?: string;
  env: Readonly<Record<string, string | undefined>>;
  version: string;
  settings?: string;
  folder: string;
  home: string;
}

/** Absolute. */
export function findRepository(sources: RepositorySources): string {
  const named = sources.property ?? fromOptions(sources) ?? sources.settings;
  if (named === undefined) return join(sources.home, '.m2', 'repository');
  const filled = named
    .replace(/\$\{user\.home\}/g, sources.home)
    .replace(/\$\{env\.([^}]+)\}/g, (whole, name: string) => sources.env[name] ?? whole);
  return resolve(sources.folder, filled.replace(/^~(?=\/)/, sources.home));
}

function fromOptions({ env, version }: RepositorySources): string | undefined {
  if (version.startsWith('4.')) return undefined;
  const word = splitWords(env.MAVEN_OPTS ?? '').findLast((one) => one.startsWith('-Dmaven.repo.local='));
  return word?.slice('-Dmaven.repo.local='.length);
}

const TRACKING = '_remote.repositories';
const CHECKSUMS = ['.sha1', '.md5', '.sha256', '.sha512'];
// Metadata of one's own installs, and of no repository in particular, is not a remote's.
const METADATA = /^maven-metadata-(?!local\.xml)(.+)\.xml(\.sha1|\.md5|\.sha256|\.sha512)?$/;

/**
 * Files that came from a remote repository, relative to the local one and sorted: those that `_remote.repositories` tracks
 * under a non-empty id, their checksums, that file itself, and `maven-metadata-<id>.xml`. It leaves out what was installed
 * here, failed look-ups, copies of snapshots, locks and indexes, by construction (tried: a build on just these downloads
 * nothing).
 */
export async function trackedFiles(repository: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string, below: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const files = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name));
    const tracked = files.has(TRACKING)
      ? trackedIn(await readFile(join(folder, TRACKING), 'utf8'))
      : new Set<string>();
    let any = false;
    for (const name of files) {
      const ofTracked =
        tracked.has(name) ||
        CHECKSUMS.some((end) => name.endsWith(end) && tracked.has(name.slice(0, -end.length)));
      if (!ofTracked && !METADATA.test(name)) continue;
      any ||= ofTracked;
      found.push(below + name);
    }
    if (any) found.push(below + TRACKING);
    for (const entry of entries) {
      // `.cache`, `.locks` and the like are no one's artifacts.
      if (entry.isDirectory() && !entry.name.startsWith('.'))
        await visit(join(folder, entry.name), `${below}${entry.name}/`);
    }
  };
  await visit(repository, '');
  return found.sort();
}

/** Lines are `FILE>ID=`; an empty id is an install of one's own. */
function trackedIn(text: string): Set<string> {
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    const match = /^([^#>][^>]*)>([^=]+)=/.exec(line.trim());
    if (match?.[1] !== undefined) names.add(match[1].replaceAll('\\:', ':').replaceAll('\\ ', ' '));
  }
  return names;
}
