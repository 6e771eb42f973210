/** The workspaces of a yarn 1 project: folders that package.json's patterns match and that have a package.json. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageJson } from '../npm/package-json.ts';
import { isThere } from '../project-place.ts';

/** Relative to the folder, sorted. */
export async function workspacesOf(folder: string, { fields }: PackageJson): Promise<string[]> {
  const { workspaces } = fields as { workspaces?: unknown };
  const listed = Array.isArray(workspaces)
    ? workspaces
    : (workspaces as { packages?: unknown } | undefined)?.packages;
  if (!Array.isArray(listed)) return [];
  const found = new Set<string>();
  for (const pattern of listed.map(String)) {
    const excludes = pattern.startsWith('!');
    const parts = pattern
      .replace(/^!/, '')
      .split('/')
      .filter((part) => part !== '' && part !== '.');
    for (const place of await matches(folder, '', parts)) {
      if (excludes) found.delete(place);
      else if (await isThere(join(folder, place, 'package.json'))) found.add(place);
    }
  }
  found.delete('');
  return [...found].sort();
}

async function matches(folder: string, below: string, parts: readonly string[]): Promise<string[]> {
  const [part, ...rest] = parts;
  if (part === undefined) return [below];
  if (!part.includes('*')) return matches(folder, join(below, part), rest);
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(() => []);
  const found = part === '**' ? await matches(folder, below, rest) : [];
  const source = part.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const named = new RegExp(`^${source.join('[^/]*')}$`);
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const inside = join(below, entry.name);
    if (part === '**') found.push(...(await matches(folder, inside, parts)));
    else if (named.test(entry.name)) found.push(...(await matches(folder, inside, rest)));
  }
  return found;
}
