/** What most of the tests of a save need: a scratch folder, a root in it, options, and GNU tar to restore with. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { parseRoot } from '#protocol/format/root.ts';
import { nodeFiles } from '#runner-plugin/archive/file-access.ts';
import type { PackOptions, PackRoot } from '#runner-plugin/archive/pack.ts';
import type { MemoryStore } from './memory-store.ts';

interface Teardown {
  teardown(after: () => void): void;
}

/** A folder that goes when the test ends, read-only folders in it or not. */
export function scratchFolder(t: Teardown): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'cachalot-pack-'));
  t.teardown(() => {
    spawnSync('chmod', ['-R', 'u+rwX', folder]);
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export function rootAt(place: string, more: Partial<PackRoot> & { text?: string } = {}): PackRoot {
  const { text = 'workspace:tree', ...rest } = more;
  return { root: parseRoot(text), place, restore: 'replace', modes: 'kept', ...rest };
}

export function optionsFor(
  sink: MemoryStore,
  roots: readonly PackRoot[],
  more: Partial<PackOptions> = {},
): PackOptions {
  return { roots, cut: CUTS.default, keepTimes: false, sink, workers: 0, ...more };
}

/** Restores a plain .tar.zst as a person without Cachalot would. Returns what went wrong, or ''. */
export function untar(archive: Buffer, folder: string): string {
  fs.mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', 'set -o pipefail; zstd -qdc | tar -xp --delay-directory-restore --no-same-owner'],
    { cwd: folder, input: archive, maxBuffer: 1 << 28 },
  );
  return status === 0 ? '' : `status ${status}: ${stderr}`;
}

/** The file system, with some calls replaced; each is given the real one. */
export const filesWith = (replaced: Partial<typeof nodeFiles>): typeof nodeFiles => ({
  ...nodeFiles,
  ...replaced,
});
