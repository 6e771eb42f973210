/** A manifest that is right, for tests that break it in one place. */
import type { Manifest } from '#protocol/format/manifest.ts';

const MiB = 1024 * 1024;
const digest = (letter: string) => letter.repeat(64);

export function manifestOf(changes: Partial<Manifest> = {}): Manifest {
  return {
    format: 1,
    kind: 'npm',
    name: '@scope/web',
    key: `npm/@scope%2Fweb/${digest('f')}`,
    domain: 'local',
    scope: 'local',
    roots: [
      {
        root: 'workspace:node_modules',
        restore: 'replace',
        modes: 'executable',
        members: 12,
        raw: 20 * MiB + 3 * 512,
        segments: [
          { identity: digest('a'), raw: 4 * MiB },
          { identity: digest('b'), raw: 512 },
          {
            identity: digest('c'),
            raw: 8 * MiB,
            part: { path: 'node_modules/big', offset: 0, size: 16 * MiB + 1 },
          },
          {
            identity: digest('d'),
            raw: 8 * MiB,
            part: { path: 'node_modules/big', offset: 8 * MiB, size: 16 * MiB + 1 },
          },
          {
            identity: digest('e'),
            raw: 512,
            part: { path: 'node_modules/big', offset: 16 * MiB, size: 16 * MiB + 1 },
          },
          { identity: digest('1'), raw: 512 },
        ],
      },
      { root: 'home:.cache/x', restore: 'merge', modes: 'kept', members: 0, raw: 0, segments: [] },
    ],
    inputs: [
      { name: 'lockfile', digest: digest('2'), detail: true },
      { name: 'node', digest: digest('3') },
    ],
    platform: { os: 'linux', arch: 'x64', libc: 'glibc-2.36', foldsCase: false },
    totals: { members: 12, files: 10, raw: 20 * MiB + 3 * 512 },
    writer: { program: 'cachalot', version: '0.1.0' },
    timings: { command: 12.5, save: 1 },
    command: ['npm', 'ci'],
    created: '2026-11-20T12:00:00.000Z',
    ...changes,
  };
}
