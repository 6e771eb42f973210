/** package.json of a project and its workspaces: the fields that pnpm and yarn read when they fill a tree from a lockfile. */
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import { type Input, setInput } from '../fingerprint.ts';
import type { PackageJson } from '../npm/package-json.ts';

// Scripts are not among them: they run at every install, on a hit too. Nor are version, description, main and the like.
const FIELDS = [
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'dependenciesMeta',
  'bundleDependencies',
  'bundledDependencies',
  'resolutions',
  'overrides',
  'workspaces',
  'installConfig',
  'pnpm',
  'os',
  'cpu',
  'libc',
];

/** One set: field and, for those that are themselves maps, each name with its value. `own`: the project's, against a workspace's. */
export function fieldsInput(name: string, { fields }: PackageJson, own: boolean): Input {
  const lines: [string, string][] = [];
  // The project's own name and bins appear nowhere in its tree; those of workspaces are linked to.
  for (const field of own ? FIELDS : [...FIELDS, 'name', 'bin', 'publishConfig']) {
    const value = fields[field];
    if (value === undefined) continue;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, one] of Object.entries(value)) lines.push([`${field} ${key}`, textOf(one)]);
    } else {
      lines.push([field, textOf(value)]);
    }
  }
  return setInput(name, lines);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : canonicalBytes(value).toString('utf8');
}
