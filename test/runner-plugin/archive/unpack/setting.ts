/** Where the tests of unpack happen: a folder with a target in which something stands, and things outside that must stay. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { removeTree } from '#runner-plugin/archive/remove-tree.ts';
import type { ArchiveSource, Unpacked, UnpackOptions } from '#runner-plugin/archive/unpack.ts';
import { unpack } from '#runner-plugin/archive/unpack.ts';
import type { Archive } from './archives.ts';

export interface Setting {
  /** Everything is in here. */
  folder: string;
  /** Where `workspace:tree` is restored to. */
  target: string;
  /** `outside/secret` is a file that nothing may touch. */
  outside: string;
}

/** `standing`: whether a tree stands in the target already. */
export function settingFor(t: Test, standing = true): Setting {
  const folder = fs.mkdtempSync(join(tmpdir(), 'cachalot-unpack-'));
  t.teardown(() => removeTree(folder));
  const target = join(folder, 'work/tree');
  const outside = join(folder, 'outside');
  fs.mkdirSync(outside);
  fs.writeFileSync(join(outside, 'secret'), 'secret');
  fs.mkdirSync(join(folder, 'work'));
  if (standing) {
    fs.mkdirSync(join(target, 'old'), { recursive: true });
    fs.writeFileSync(join(target, 'old/file'), 'old');
  }
  return { folder, target, outside };
}

/** Gives an archive out of memory, in chunks of `chunk` bytes. */
export function sourceOf(bytes: Buffer, chunk = 64 * 1024): ArchiveSource {
  return {
    async *read(start, end) {
      for (let at = start; at < end; at += chunk) yield bytes.subarray(at, Math.min(end, at + chunk));
    },
  };
}

/** As it is called for one root; `more` may replace anything. */
export function unpackInto(
  target: string,
  archive: Archive,
  more: Partial<UnpackOptions> = {},
): Promise<Unpacked> {
  const { manifest, layout, bytes, times } = archive;
  return unpack({
    manifest,
    layout,
    places: new Map(manifest.roots.map(({ root }) => [root, target])),
    source: sourceOf(bytes),
    verify: 'frame',
    ...(times && { times }),
    ...more,
  });
}

/** The code of the error that it ends with, or the restore's result. */
export async function outcomeOf(restoring: Promise<Unpacked>): Promise<string | Unpacked> {
  try {
    return await restoring;
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

/** Everything below a folder: type, mode, content or target, and but for folders the time. */
export function snapshot(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (path: string) => {
    const at = join(folder, path);
    const stat = fs.lstatSync(at, { bigint: true });
    const mode = (stat.mode & 0o7777n).toString(8);
    if (stat.isDirectory()) {
      found[path] = `folder ${mode}`;
      for (const name of fs.readdirSync(at)) visit(join(path, name));
    } else if (stat.isSymbolicLink()) found[path] = `link to ${fs.readlinkSync(at)} ${stat.mtimeNs}`;
    else if (stat.isFile()) found[path] = `file ${mode} ${fs.readFileSync(at, 'latin1')} ${stat.mtimeNs}`;
    else found[path] = 'something else';
  };
  visit('.');
  return found;
}

/**
 * Refused with that code; what stood in the target and everything around it is as it was, and nothing else is there.
 * Without threads unless `more` says otherwise: what refuses is the same, and starting two takes longer.
 */
export async function refuses(
  t: Test,
  archive: Archive,
  code: string,
  more: Partial<UnpackOptions> = {},
): Promise<void> {
  const { folder, target } = settingFor(t);
  const before = snapshot(folder);
  t.equal(await outcomeOf(unpackInto(target, archive, { workers: 0, ...more })), code);
  t.same(snapshot(folder), before, 'all is as it was');
}
