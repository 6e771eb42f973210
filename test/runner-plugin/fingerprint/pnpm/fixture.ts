/** A pnpm project: two packages, one of them for development only, and a workspace. */
import type { Test } from 'tap';
import { pnpmKind } from '#runner-plugin/fingerprint/pnpm/detect.ts';
import { type Files, type Made, type Project, project } from '../node-project/fixture.ts';

export const PACKAGE = {
  name: 'web',
  version: '1.0.0',
  dependencies: { left: '^1.0.0' },
  devDependencies: { tool: '2.0.0' },
};
export const MEMBER = { name: 'a', version: '1.0.0', bin: { acli: 'cli.js' } };

export const LOCK = `lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      left:
        specifier: ^1.0.0
        version: 1.2.0
    devDependencies:
      tool:
        specifier: 2.0.0
        version: 2.0.0

  packages/a: {}

packages:

  left@1.2.0:
    resolution: {integrity: sha512-AAAA}

  tool@2.0.0:
    resolution: {integrity: sha512-BBBB}
    hasBin: true

snapshots:

  left@1.2.0: {}

  tool@2.0.0:
    dependencies:
      left: 1.2.0
`;

export const MADE: Made = {
  detector: pnpmKind,
  manager: 'pnpm',
  version: '10.34.9',
  command: ['pnpm', 'install'],
  files: {
    'package.json': PACKAGE,
    'packages/a/package.json': MEMBER,
    'pnpm-workspace.yaml': 'packages:\n  - packages/*\n',
    'pnpm-lock.yaml': LOCK,
  },
};

export function pnpmProject(t: Test, files?: Files): Project {
  return project(t, MADE, files);
}
