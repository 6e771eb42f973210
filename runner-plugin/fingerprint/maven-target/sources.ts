/** Every file of a project by content. Which of them a build reads nobody can tell, so a build output stands for all of them. */
import { hash } from 'node:crypto';
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { MavenProject } from '../maven/project.ts';

export interface SourceFile {
  /** Relative to the reactor's root. */
  path: string;
  /** sha256 of its content, and whether it is executable; of a link, what it points to. */
  content: string;
  mtimeMs: number;
}

export interface Sources {
  files: SourceFile[];
  /** Links that lead out of the project, where what they stand for may change unseen. */
  leading: string[];
}

// What editors keep beside a POM; no build of a project's code reads it, and it is never twice the same.
const EDITORS = ['.idea', '.vscode', '.settings'];

/** `outputs`: absolute folders that are no sources: build directories, the local repository. */
export async function readSources({ reactor }: MavenProject, outputs: readonly string[]): Promise<Sources> {
  const sources: Sources = { files: [], leading: [] };
  const folders = [reactor.root, ...reactor.poms.map(({ path }) => dirname(path))];
  const left = new Set([
    ...outputs,
    ...folders.flatMap((folder) => EDITORS.map((name) => join(folder, name))),
  ]);
  for (const folder of topmost(folders))
    await visit(folder, { sources, left, root: reactor.root, top: folder });
  sources.files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return sources;
}

interface Visit {
  sources: Sources;
  left: ReadonlySet<string>;
  root: string;
  top: string;
}

async function visit(folder: string, context: Visit): Promise<void> {
  const { sources, left, root, top } = context;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const place = join(folder, entry.name);
    // History, of a submodule too, where it is a file.
    if (entry.name === '.git' || left.has(place)) continue;
    const path = relative(root, place);
    if (entry.isDirectory()) await visit(place, context);
    else if (entry.isSymbolicLink()) {
      const end = await realpath(place).catch(() => undefined);
      if (end !== undefined && !isBelow(end, await realpath(top))) sources.leading.push(path);
      sources.files.push({ path, content: `link to ${await readlink(place)}`, mtimeMs: 0 });
    } else if (entry.isFile()) {
      const [bytes, { mode, mtimeMs }] = await Promise.all([readFile(place), stat(place)]);
      // An archive keeps which of its files are executable.
      const executable = (mode & 0o100) === 0 ? '' : ' executable';
      sources.files.push({ path, content: hash('sha256', bytes, 'hex') + executable, mtimeMs });
    }
  }
}

/** Folders that lie in no other of them. */
function topmost(folders: readonly string[]): string[] {
  const all = [...new Set(folders)];
  return all.filter((folder) => !all.some((other) => other !== folder && isBelow(folder, other)));
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The first path that is another, new or gone. */
export function firstDifference(before: Sources, after: Sources): string | undefined {
  const contents = new Map(before.files.map(({ path, content }) => [path, content]));
  for (const { path, content } of after.files) {
    if (contents.get(path) !== content) return path;
    contents.delete(path);
  }
  return contents.keys().next().value;
}
