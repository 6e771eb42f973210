/** A manifest that holds in itself, of one root with one segment. */
import type { Manifest } from '#protocol/format/manifest.ts';

export const IDENTITY = 'a'.repeat(64);

export function manifestOf(change: Partial<Manifest> = {}): Manifest {
  return {
    format: 1,
    kind: 'generic',
    name: '_',
    key: 'generic/_/k',
    domain: 'local',
    scope: 'local',
    roots: [
      {
        root: 'workspace:d',
        restore: 'replace',
        modes: 'kept',
        members: 1,
        raw: 512,
        segments: [{ identity: IDENTITY, raw: 512 }],
      },
    ],
    inputs: [],
    platform: { os: 'linux', arch: 'x64', foldsCase: false },
    totals: { members: 1, files: 0, raw: 512 },
    writer: { program: 'cachalot', version: '0' },
    timings: {},
    created: '2026-11-20T00:00:00Z',
    ...change,
  };
}
