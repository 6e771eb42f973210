/** Trees for the tests: written from a list, and described as they stand on the disk. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { DERIVED_EPOCH, derivedMtime } from '#protocol/format/mtime.ts';

export interface Entry {
  /** Below the root; entries come after the folders that they are in. */
  path: string;
  /** Of folders and files. */
  mode?: number;
  /** A file's content. */
  content?: Buffer;
  symlink?: string;
  /** The path of an earlier file. */
  hardlink?: string;
}

/** Writes a tree at a place that is not there yet. */
export function writeTree(place: string, entries: readonly Entry[]): void {
  fs.mkdirSync(place, { recursive: true });
  const folders: { path: string; mode: number }[] = [];
  for (const { path, mode, content, symlink, hardlink } of entries) {
    const at = join(place, path);
    if (symlink !== undefined) fs.symlinkSync(symlink, at);
    else if (hardlink !== undefined) fs.linkSync(join(place, hardlink), at);
    else if (content !== undefined) {
      fs.writeFileSync(at, content);
      fs.chmodSync(at, mode ?? 0o644);
    } else {
      fs.mkdirSync(at);
      folders.push({ path: at, mode: mode ?? 0o755 });
    }
  }
  for (const { path, mode } of folders.reverse()) fs.chmodSync(path, mode);
}

/** How a restored tree looks, if modes are kept or reduced and times are derived from contents. */
export type Described = Record<string, string>;

/** Path by path: type, mode, time and content (or target, or the first of the names that are one file). */
export function describeTree(
  place: string,
  modes: 'kept' | 'executable',
  times: 'derived' | 'own',
): Described {
  const described: Described = {};
  const firsts = new Map<string, string>();
  for (const path of pathsOf(place)) {
    const stat = fs.lstatSync(join(place, path), { bigint: true });
    const mode = Number(stat.mode);
    const own = `${stat.mtimeNs / 1_000_000_000n}`;
    if (stat.isSymbolicLink()) {
      described[path] = `link to ${JSON.stringify(fs.readlinkSync(join(place, path)))}`;
    } else if (stat.isDirectory()) {
      const time = times === 'own' ? own : `${DERIVED_EPOCH}`;
      described[path] = `folder ${modeText(mode, modes, true)} ${time}`;
    } else {
      const content = fs.readFileSync(join(place, path));
      const time = times === 'own' ? own : `${derivedMtime(zlib.crc32(content))}`;
      const first = firsts.get(`${stat.ino}`) ?? path;
      firsts.set(`${stat.ino}`, first);
      const digest = createHash('sha256').update(content).digest('hex').slice(0, 16);
      described[path] =
        `file ${modeText(mode, modes, false)} ${time} ${content.length} ${digest} ${first === path ? '' : `as ${first}`}`;
    }
  }
  return described;
}

function modeText(mode: number, rule: 'kept' | 'executable', isFolder: boolean): string {
  if (rule === 'kept') return (mode & 0o777).toString(8);
  return isFolder || (mode & 0o100) !== 0 ? '755' : '644';
}

/** All below a place, and the place itself as ''; in byte order. */
export function pathsOf(place: string): string[] {
  const found = [''];
  const visit = (folder: string) => {
    if (!fs.lstatSync(join(place, folder)).isDirectory()) return;
    for (const name of fs.readdirSync(join(place, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      found.push(path);
      visit(path);
    }
  };
  visit('');
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

// Names that sort, encode or print in odd ways. Neither folds into another on file systems that tell case.
const NAMES = [
  'a',
  'a-b',
  'a.b',
  'a b',
  'A',
  'z',
  '-rf',
  '--',
  '12345',
  '#x',
  'a\\b',
  '\\a',
  'c:x',
  'new\nline',
  'tab\tand "quotes"',
  '\u00e9',
  'e\u0301',
  '\u{1f40b}',
  '\uffee',
  '\ufffd',
  '.hidden',
  'é'.repeat(127),
  'n'.repeat(255),
  'm'.repeat(99),
  'm'.repeat(100),
];

const file = (size: number) => ({
  content: fc
    .tuple(fc.integer({ min: 0, max: size }), fc.nat(255), fc.boolean())
    .map(([length, seed, isRandom]) => contentOf(length, seed, isRandom)),
  mode: fc.constantFrom(0o644, 0o755, 0o600, 0o700, 0o444, 0o555, 0o640, 0o777),
});

/** Bytes of a length; random ones do not compress. */
export function contentOf(length: number, seed: number, isRandom = false): Buffer {
  if (isRandom && length > 0)
    return createHash('shake256', { outputLength: length }).update(`${seed}`).digest();
  return Buffer.alloc(length, `content ${seed} `);
}

/** Random trees of odd names, modes and links, with files up to `size` bytes. */
export function arbitraryTree(size: number, entries: number): fc.Arbitrary<Entry[]> {
  const one = fc.record({
    kind: fc.constantFrom('file', 'file', 'file', 'folder', 'folder', 'symlink', 'hardlink'),
    name: fc.constantFrom(...NAMES),
    parent: fc.nat(1000),
    target: fc.constantFrom('a', '../a', '/nowhere', '../../../up', 'dangling\nlink', 'x'.repeat(150), '.'),
    folderMode: fc.constantFrom(0o755, 0o700, 0o555, 0o777),
    ...file(size),
  });
  return fc.array(one, { maxLength: entries }).map((list) => {
    const tree: Entry[] = [];
    const folders = [''];
    const files: string[] = [];
    const taken = new Set<string>();
    for (const { kind, name, parent, target, folderMode, content, mode } of list) {
      const folder = folders[parent % folders.length] ?? '';
      const path = folder === '' ? name : `${folder}/${name}`;
      if (taken.has(path) || Buffer.byteLength(path) > 2000) continue;
      taken.add(path);
      const earlier = files[parent % Math.max(1, files.length)];
      if (kind === 'folder') {
        folders.push(path);
        tree.push({ path, mode: folderMode });
      } else if (kind === 'symlink') tree.push({ path, symlink: target });
      else if (kind === 'hardlink' && earlier !== undefined) tree.push({ path, hardlink: earlier });
      else {
        files.push(path);
        tree.push({ path, content, mode });
      }
    }
    return tree;
  });
}
