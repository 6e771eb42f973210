/** The command lines of yarn 1 and of yarn 2 and later, as far as they decide what an install does. */
import type { FlagRules, ManagerCommand } from '../node-project/command.ts';

export const YARN = ['yarn', 'yarnpkg'];

export const FLAGS: FlagRules = {
  switches: new Set(
    `audit bin-links check-cache check-files check-resolutions disable-pnp enable-pnp emoji flat focus force frozen-lockfile har
     ignore-engines ignore-optional ignore-platform ignore-scripts immutable immutable-cache inline-builds json link-duplicates
     lockfile non-interactive offline pnp prefer-offline prod production progress pure-lockfile refresh-lockfile silent
     skip-integrity-check strict-semver update-checksums verbose`.split(/\s+/),
  ),
  shorthands: { '-s': ['silent', 'true'], '-W': ['ignore-workspace-root-check', 'true'] },
};

/** Fills the tree from the lockfile, without adding packages. `yarn` alone is an install. */
export function isInstall({ words, flags }: ManagerCommand): boolean {
  if (flags.some(([name]) => name === 'version' || name === 'help' || name === 'v' || name === 'h'))
    return false;
  return words.length === 0 || (words.length === 1 && words[0] === 'install');
}
