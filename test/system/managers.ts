/** The pnpms and yarns that the tests are judged by, each installed once into a folder that is kept, and projects for them. */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { needThat } from '../needs.ts';
import { type Done, place, type Report, readReport } from './cachalot.ts';
import { type FixturePackage, type FixtureRegistry, startFixtureRegistry } from './fixture-registry.ts';
import { pathWithPackage } from './kept-packages.ts';
import { writeFiles } from './npm-tools.ts';

const PACKAGES = { pnpm: 'pnpm', yarn1: 'yarn', yarn4: '@yarnpkg/cli-dist' } as const;

export interface Manager {
  name: keyof typeof PACKAGES;
  version: string;
}

/** PATH on which `pnpm` or `yarn` is that one. Throws where it is not to be had. */
function pathWith({ name, version }: Manager, rest: string): string {
  return pathWithPackage({ name, package: PACKAGES[name], version }, rest);
}

/** False where that manager cannot be had; then the test is skipped, or fails in CI, and must return at once. */
export function needManager(t: Test, manager: Manager): boolean {
  try {
    pathWith(manager, '');
    return true;
  } catch (error) {
    const why = (error as Error).message.split('\n', 1)[0];
    return needThat(t, false, `${manager.name} ${manager.version} is not to be had: ${why}`);
  }
}

export type Files = Readonly<Record<string, string | object>>;

export interface Outcome extends Report, Done {
  /** What the registry was asked for. */
  requests: string[];
}

/** Whose machine it is: a folder of its own for the project and for the home. */
export interface Machine {
  folder: string;
  home: string;
  /** `cachalot run -- COMMAND`. */
  cached(...command: string[]): Promise<Outcome>;
  /** Any command of the program, with its flags. */
  cachalot(...args: string[]): Promise<Done>;
  /** The command alone. */
  alone(...command: string[]): Promise<Done & { requests: string[] }>;
  env: Record<string, string>;
}

export interface ManagedProject {
  registry: FixtureRegistry;
  /** A fresh machine with a fresh checkout, lockfile and all; with the home of another, that other as it is left. */
  machine(name: string, files?: Files, kept?: Machine): Machine;
  /** The server's. */
  data: string;
  /** Lets the manager write the lockfile of those files, which every later machine has. */
  lock(files: Files, ...command: string[]): Promise<void>;
}

export async function managedProject(
  t: Test,
  manager: Manager,
  packages: readonly FixturePackage[],
  moreEnv: Record<string, string> = {},
): Promise<ManagedProject> {
  const here = place(t);
  await here.serve();
  const registry = await startFixtureRegistry(packages);
  t.teardown(() => registry.close());
  const path = pathWith(manager, here.env.PATH ?? '');
  const locked = join(here.folder, 'locked');
  mkdirSync(locked);
  const machine = (name: string, files: Files = {}, kept?: Machine): Machine => {
    const folder = join(here.folder, name, 'project');
    const home = kept?.home ?? join(here.folder, name, 'home');
    mkdirSync(home, { recursive: true });
    cpSync(locked, folder, { recursive: true });
    writeFiles(folder, files);
    const env = {
      PATH: path,
      HOME: home,
      CI: 'true',
      npm_config_registry: registry.url,
      npm_config_fetch_retries: '0',
      pnpm_config_registry: registry.url,
      pnpm_config_fetch_retries: '0',
      YARN_NPM_REGISTRY_SERVER: registry.url,
      YARN_REGISTRY: registry.url,
      YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
      YARN_HTTP_RETRY: '0',
      YARN_ENABLE_TELEMETRY: '0',
      // yarn 1 has another place for root's cache.
      XDG_CACHE_HOME: join(home, '.cache'),
      ...moreEnv,
    };
    return {
      folder,
      home,
      env,
      async cached(...command) {
        registry.taken();
        const report = join(here.folder, 'report.json');
        rmSync(report, { force: true });
        const done = await here.cachalot(['run', '--report', report, '--', ...command], { folder, env });
        return { ...done, ...readReport(report, done), requests: registry.taken() };
      },
      cachalot: (...args) => here.cachalot(args, { folder, env }),
      async alone(...command) {
        registry.taken();
        // The test runner loads itself into every Node by NODE_OPTIONS, and Node then cannot start what lies in yarn's archives.
        const done = await here.run('env', ['-u', 'NODE_OPTIONS', ...command], { folder, env });
        return { ...done, requests: registry.taken() };
      },
    };
  };
  return {
    registry,
    machine,
    data: join(here.folder, 'data'),
    async lock(files, ...command) {
      const made = machine('locking', files);
      const done = await made.alone(...command);
      if (done.status !== 0) throw new Error(`there is no lockfile: ${done.stdout}${done.stderr}`);
      writeFiles(locked, files);
      for (const file of ['pnpm-lock.yaml', 'yarn.lock']) {
        if (existsSync(join(made.folder, file))) cpSync(join(made.folder, file), join(locked, file));
      }
      rmSync(dirname(made.folder), { recursive: true, force: true });
    },
  };
}

/** Tiny packages: one that needs another, one with a bin, one that runs a script when it is installed. */
export const FIXTURES: readonly FixturePackage[] = [
  { name: 'left', version: '1.0.0' },
  { name: 'left', version: '1.1.0' },
  { name: 'right', version: '1.0.0', fields: { dependencies: { left: '1.0.0' } } },
  { name: 'extra', version: '1.0.0' },
  {
    name: '@own/tool',
    version: '1.0.0',
    fields: { bin: { tool: 'cli.js' } },
    files: { 'cli.js': '#!/usr/bin/env node\nconsole.log("the tool runs");\n' },
  },
  // One that changes, one that goes, and one that another project on the same machine has.
  { name: 'moving', version: '1.0.0' },
  { name: 'moving', version: '1.1.0' },
  { name: 'leaving', version: '1.0.0' },
  { name: 'not-ours', version: '1.0.0' },
  {
    name: 'addon',
    version: '1.0.0',
    fields: { scripts: { postinstall: 'node make.js' } },
    files: { 'make.js': 'require("fs").appendFileSync("made.txt", "made\\n");\n' },
  },
];
