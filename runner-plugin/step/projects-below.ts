/**
 * Projects in sub-folders, for a command that runs above them and is nobody's own: a monorepo's `make`, or its build script. Projects
 * do not nest: below one that is found nothing more is looked for, since what lies there is its parts or its fixtures.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What decides what is installed; a sub-folder without such a file is no project of its own. */
const LOCKFILES = new Set([
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'pom.xml',
  'settings.gradle',
  'settings.gradle.kts',
  'go.mod',
  'go.work',
  'Cargo.lock',
  'uv.lock',
  'composer.lock',
  'Gemfile.lock',
]);
const SKIPPED = new Set(['node_modules', 'vendor', 'target', 'build', 'dist', 'out', 'venv', '__pycache__']);
/** `services/java/billing`. */
const DEEPEST = 3;
/** More are somebody's collection, and looking at each takes longer than a build should wait. */
const MOST_PROJECTS = 32;
const MOST_FOLDERS = 5_000;

/** Absolute and sorted; none where there are too many. */
export async function projectsBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  let seen = 0;
  let level = [folder];
  for (let depth = 0; depth <= DEEPEST && level.length > 0; depth++) {
    const next: string[] = [];
    for (const one of level) {
      if (++seen > MOST_FOLDERS) return [];
      const entries = await readdir(one, { withFileTypes: true }).catch(() => []);
      if (depth > 0 && entries.some((entry) => LOCKFILES.has(entry.name))) {
        found.push(one);
        continue;
      }
      for (const entry of entries) {
        if (entry.isDirectory() && !entry.name.startsWith('.') && !SKIPPED.has(entry.name))
          next.push(join(one, entry.name));
      }
    }
    level = next;
  }
  return found.length > MOST_PROJECTS ? [] : found.sort();
}
