/** An npm project of a test's own, its packages at a registry on the loopback, installed by a real npm, watched or alone. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { type Done, place, type Report, readReport } from './cachalot.ts';
import { type FixturePackage, type FixtureRegistry, startFixtureRegistry } from './fixture-registry.ts';
import { pathWithNpm, writeFiles } from './npm-tools.ts';

/** Every script of the project and its links, as it was run. */
export interface Seen {
  event: string;
  folder: string;
  env: Record<string, string>;
}

export type Files = Readonly<Record<string, string | object>>;

export interface Outcome extends Report, Done {
  folder: string;
  /** What the registry was asked for. */
  requests: string[];
  seen: Seen[];
}

export interface InstallOptions {
  alone?: boolean;
  args?: string[];
  /** In place of npm and its words. */
  command?: string[];
  env?: object;
  flags?: string[];
  /** npm's cache stays as it is. */
  kept?: boolean;
}

export interface NpmProject {
  registry: FixtureRegistry;
  home: string;
  /** Where Cachalot keeps what it may lose. */
  state: string;
  /** A fresh checkout with the lockfile that npm made of it once; with other files, as npm adapts it to them. */
  checkOut(name: string, files?: Files): Promise<string>;
  /** `cachalot run -- npm ci`, or npm alone, with nothing in npm's cache. `args`: npm's other than `ci --no-fund`; `flags`: of `run`. */
  install(folder: string, options?: InstallOptions): Promise<Outcome>;
  cache: string;
  /** The server's. */
  data: string;
  /** `cachalot WORDS` in a checkout. */
  cachalot(folder: string, ...words: string[]): Promise<Done>;
  run(folder: string, program: string, args: string[]): Promise<Done>;
}

const RECORDER = `
const fs = require('node:fs');
// What the test runner adds to every process is another each time.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('_TAPJS')));
fs.appendFileSync(env.RECORD, JSON.stringify({ event: env.npm_lifecycle_event, folder: process.cwd(), env }) + '\\n');
`;

export async function npmProject(
  t: Test,
  version: string,
  packages: readonly FixturePackage[],
  files: Files,
  ...lockFlags: string[]
): Promise<NpmProject> {
  const here = place(t);
  await here.serve();
  const registry = await startFixtureRegistry(packages);
  t.teardown(() => registry.close());
  const record = join(here.folder, 'record');
  writeFileSync(join(here.folder, 'recorder.cjs'), RECORDER);
  const env = {
    PATH: pathWithNpm(version, here.env.PATH ?? ''),
    HOME: join(here.folder, 'home'),
    RECORD: record,
    RECORDER: join(here.folder, 'recorder.cjs'),
    npm_config_registry: registry.url,
    npm_config_userconfig: join(here.folder, 'home', '.npmrc'),
    npm_config_cache: join(here.folder, 'npm-cache'),
    npm_config_update_notifier: 'false',
  };
  const lock = async (folder: string, ...flags: string[]): Promise<void> => {
    const args = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', ...flags];
    const made = await here.run('npm', args, { folder, env });
    if (made.status !== 0) throw new Error(`npm wrote no lockfile: ${made.stderr}`);
  };
  const locked = join(here.folder, 'locked');
  writeFiles(locked, files);
  await lock(locked, ...lockFlags);
  return {
    registry,
    home: join(here.folder, 'home'),
    state: join(here.folder, 'state'),
    async checkOut(name, more) {
      const folder = join(here.folder, name, 'project');
      mkdirSync(join(here.folder, name));
      cpSync(locked, folder, { recursive: true });
      if (more !== undefined) {
        writeFiles(folder, more);
        await lock(folder, ...lockFlags);
      }
      return folder;
    },
    async install(folder, options = {}) {
      if (options.kept !== true) rmSync(env.npm_config_cache, { recursive: true, force: true });
      rmSync(record, { force: true });
      registry.taken();
      const command = options.command ?? ['npm', ...(options.args ?? ['ci', '--no-fund'])];
      const report = join(here.folder, 'report.json');
      const both = { ...env, ...options.env };
      const done = options.alone
        ? await here.run(command[0] ?? '', command.slice(1), { folder, env: both })
        : await here.cachalot(['run', ...(options.flags ?? []), '--report', report, '--', ...command], {
            folder,
            env: both,
          });
      return {
        ...done,
        ...(options.alone ? ({} as Report) : readReport(report, done)),
        folder,
        requests: registry.taken(),
        seen: seenIn(record, folder),
      };
    },
    run: (folder, program, args) => here.run(program, args, { folder, env }),
    cache: env.npm_config_cache,
    data: join(here.folder, 'data'),
    cachalot: (folder, ...words) => here.cachalot(words, { folder, env }),
  };
}

/** Of the project and its links, in order. Folders are relative, and so are paths in variables. */
function seenIn(record: string, folder: string): Seen[] {
  if (!existsSync(record)) return [];
  const above = dirname(folder);
  return readFileSync(record, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line.replaceAll(folder, '<project>').replaceAll(above, '<above>')) as Seen)
    .filter((one) => !one.folder.includes('node_modules'));
}
