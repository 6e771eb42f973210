/** The npms that the tests are judged by, each installed once into a folder that is kept, and projects for them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export const NPMS = ['10.9.9', '11.19.1', '12.2.0'] as const;

/** Those by which all is judged in each test run; every one is asked what differs (npm-scripts.test.ts), and all with `npm run judge`. */
export const NPM_JUDGES: readonly string[] = process.env.CACHALOT_TEST_JUDGES === 'all' ? NPMS : [NPMS[1]];

/** PATH on which `npm` is that one and `node` the one that runs the tests. Throws where it is not to be had. */
export function pathWithNpm(version: string, rest: string): string {
  const kept = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cachalot-tests', 'npm');
  const home = join(kept, version);
  if (!existsSync(home)) {
    mkdirSync(kept, { recursive: true });
    const fresh = mkdtempSync(join(kept, 'fresh-'));
    try {
      const flags = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
      execFileSync('npm', ['install', '--global', '--prefix', fresh, ...flags, `npm@${version}`], {
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

function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_(userconfig|registry)$)/i.test(name),
  );
  return Object.fromEntries(kept);
}

/** Objects are written as JSON, texts as they are; what begins with `#!` is not executable, as in a checkout that lost it. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | object>>): void {
  for (const [path, content] of Object.entries(files)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`);
    chmodSync(target, 0o644);
  }
}
