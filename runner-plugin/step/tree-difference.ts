/** Whether two trees are the same, as an entry knows them: names, types, contents, links, and which files are executable. */
import type { Dirent } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

export interface Tree {
  /** Absolute. A file or a link is a tree too, and so is nothing at all. */
  place: string;
  /** The folder that it was made in, which its files may name. */
  madeIn?: string;
}

export interface TreeRule {
  /** Relative to the tree; with all that lies below. */
  exclude: readonly string[];
  /** By the path in the tree; '' is the tree itself. */
  counts: (path: string) => boolean;
}

/** The first path at which they differ, relative to both; '' where they do as a whole. Undefined where they are the same. */
export async function treeDifference(one: Tree, other: Tree, rule: TreeRule): Promise<string | undefined> {
  const [members, others] = await Promise.all([membersOf(one.place, rule), membersOf(other.place, rule)]);
  for (const path of [...new Set([...members.keys(), ...others.keys()])].sort()) {
    if (members.get(path) !== others.get(path)) return path;
    if (members.get(path)?.startsWith(FILE) && !(await sameContent(one, other, path))) return path;
  }
  return undefined;
}

const FILE = 'file';

/** By path, what can be told of a member without reading it. */
async function membersOf(place: string, { exclude, counts }: TreeRule): Promise<Map<string, string>> {
  const members = new Map<string, string>();
  const visit = async (path: string): Promise<void> => {
    const whole = join(place, path);
    const stat = await lstat(whole).catch(() => undefined);
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      if (counts(path)) members.set(path, 'folder');
      for (const entry of await readdir(whole, { withFileTypes: true })) await visitEntry(path, entry);
    } else if (counts(path)) {
      const executable = (stat.mode & 0o100) === 0 ? '' : ' that is executable';
      members.set(path, stat.isSymbolicLink() ? `link to ${await readlink(whole)}` : `${FILE}${executable}`);
    }
  };
  const visitEntry = async (below: string, { name }: Dirent): Promise<void> => {
    const path = below === '' ? name : `${below}/${name}`;
    if (!exclude.includes(path)) await visit(path);
  };
  await visit('');
  return members;
}

async function sameContent(one: Tree, other: Tree, path: string): Promise<boolean> {
  const [a, b] = await Promise.all([readFile(join(one.place, path)), readFile(join(other.place, path))]);
  if (a.equals(b)) return true;
  return (
    one.madeIn !== undefined &&
    other.madeIn !== undefined &&
    withoutFolder(a, one.madeIn) === withoutFolder(b, other.madeIn)
  );
}

function withoutFolder(content: Buffer, folder: string): string {
  return content.toString('latin1').replaceAll(Buffer.from(folder).toString('latin1'), '\0');
}
