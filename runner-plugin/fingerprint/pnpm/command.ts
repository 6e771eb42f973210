/** pnpm's command line, as far as it decides what an install does. */
import type { FlagRules, ManagerCommand } from '../node-project/command.ts';

export const PNPM = ['pnpm', 'pn'];

export const FLAGS: FlagRules = {
  switches: new Set(
    `aggregate-output ci color dev dry-run dangerously-allow-all-builds engine-strict fix-lockfile force frozen-lockfile
     frozen-store global hoist ignore-pnpmfile ignore-scripts ignore-workspace include-workspace-root json lockfile lockfile-only
     long merge-git-branch-lockfiles offline optimistic-repeat-install optional parallel parseable prefer-frozen-lockfile
     prefer-offline prod production recursive resolution-only shamefully-hoist shared-workspace-lockfile side-effects-cache
     side-effects-cache-readonly silent stream strict-peer-dependencies strict-ssl trust-lockfile use-stderr use-store-server
     verify-store-integrity workspace-root yes`.split(/\s+/),
  ),
  shorthands: {
    '-C': ['dir', undefined],
    '-D': ['dev', 'true'],
    '-F': ['filter', undefined],
    '-P': ['prod', 'true'],
    '-g': ['global', 'true'],
    '-r': ['recursive', 'true'],
    '-s': ['silent', 'true'],
    '-w': ['workspace-root', 'true'],
    '-y': ['yes', 'true'],
  },
};

const INSTALLS = new Set(['install', 'i', 'ci', 'clean-install', 'ic', 'install-clean']);

/** Fills node_modules from the lockfile, without adding packages. */
export function isInstall({ words }: ManagerCommand): boolean {
  return words.length === 1 && INSTALLS.has(words[0] ?? '');
}
