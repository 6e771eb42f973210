/**
 * What of a `target` folder is kept: what the compiler, the resources, the archives and generators leave and look for again. Not
 * reports, which are this build's own word on its tests; not what tests or coverage tools write and add to; nothing unknown,
 * which its plugin makes again.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDERS = new Set([
  'classes',
  'test-classes',
  'generated-sources',
  'generated-test-sources',
  'generated-resources',
  'maven-status',
  'maven-archiver',
  // Maven 4's own copies of what the reactor made.
  'project-local-repo',
]);
const ARCHIVE = /\.(jar|war|ear)(\.original)?$/;

/** Files, relative to the target folder; none where there is no such folder. */
export async function outputsOf(target: string): Promise<string[]> {
  const entries = await readdir(target, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.isFile() && ARCHIVE.test(entry.name)) found.push(entry.name);
    if (entry.isDirectory() && FOLDERS.has(entry.name)) {
      for (const below of await readdir(join(target, entry.name), { recursive: true, withFileTypes: true }))
        if (!below.isDirectory()) found.push(join(below.parentPath, below.name).slice(target.length + 1));
    }
  }
  return found.sort();
}
