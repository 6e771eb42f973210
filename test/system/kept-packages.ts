/** Programs from the registry by which the tests judge, each version installed once into a folder that is kept. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export interface KeptPackage {
  /** Of the folder that it is kept in. */
  name: string;
  package: string;
  version: string;
}

/** PATH on which that one comes first, then `node` that runs the tests. Throws where it is not to be had. */
export function pathWithPackage({ name, package: wanted, version }: KeptPackage, rest: string): string {
  const kept = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cachalot-tests', name);
  const home = join(kept, version);
  if (!existsSync(home)) {
    mkdirSync(kept, { recursive: true });
    const fresh = mkdtempSync(join(kept, 'fresh-'));
    try {
      const flags = [
        '--no-audit',
        '--no-fund',
        '--ignore-scripts',
        '--no-update-notifier',
        '--loglevel=error',
      ];
      execFileSync('npm', ['install', '--global', '--prefix', fresh, ...flags, `${wanted}@${version}`], {
        env: cleanEnvironment(),
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      // Another test file may have been first; then its folder stands, and is as good.
      if (!existsSync(home)) renameSync(fresh, home);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  return [join(home, 'bin'), dirname(process.execPath), rest].join(delimiter);
}

/** npm hands its own settings to what it starts; where packages come from is all that an install needs of them. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_(userconfig|registry)$)/i.test(name),
  );
  return Object.fromEntries(kept);
}
