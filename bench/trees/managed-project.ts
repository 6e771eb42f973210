/**
 * The packages of examples/npm-web under another package manager: its lockfile, written once, and a home folder in which it has
 * cached all that it needs.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainEnvironment, timed } from '../stage/command.ts';
import type { Stage } from '../stage/stage.ts';
import { keptTree } from './tree.ts';

export interface Manager {
  /** The package that brings it. */
  package: string;
  version: string;
  /** Writes the lockfile and fills the cache. */
  first: string[];
  /** What a pipeline runs. */
  install: string[];
  /** The same without a network. */
  offline: { command: string[]; env?: Record<string, string> };
  /** Its own settings, beside package.json. */
  files?: Record<string, string>;
}

export interface ManagedProject {
  /** What is checked out. */
  checkout: string;
  /** A home folder with a full cache. */
  home: string;
  /** For a home folder of a run's own. */
  /** With `registry` in the place of the one that the cache was filled from. */
  env(home: string, registry?: string): Record<string, string>;
}

export async function managedProject(
  stage: Stage,
  manager: Omit<Manager, 'offline'>,
): Promise<ManagedProject> {
  const fields = await packageJson();
  const title = `${manager.package} ${manager.version}`;
  const registry = await registryOf(stage);
  const environment = (folder: string, home: string, at = registry): Record<string, string> => ({
    HOME: home,
    XDG_CACHE_HOME: join(home, '.cache'),
    CI: 'true',
    PATH: [join(folder, 'manager/bin'), dirname(process.execPath), process.env.PATH].join(delimiter),
    npm_config_registry: at,
    // pnpm 11 reads nothing of npm's.
    pnpm_config_registry: at,
    YARN_NPM_REGISTRY_SERVER: at,
    YARN_ENABLE_TELEMETRY: '0',
  });
  const { folder } = await keptTree(
    stage,
    {
      name: manager.package.replace(/\W+/g, '-'),
      title: `what ${title} caches`,
      root: 'home',
      madeOf: `${title} ${fields} ${JSON.stringify(manager.files)}`,
    },
    async (made) => {
      const checkout = join(made, 'checkout');
      for (const name of ['home', 'checkout']) await mkdir(join(made, name));
      await writeFile(join(checkout, 'package.json'), fields);
      for (const [name, text] of Object.entries(manager.files ?? {}))
        await writeFile(join(checkout, name), text);
      const prefix = [
        '--global',
        '--prefix',
        join(made, 'manager'),
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
      ];
      await timed(stage, ['npm', 'install', ...prefix, `${manager.package}@${manager.version}`]);
      const work = join(stage.folder, `first-${manager.package.replace(/\W+/g, '-')}`);
      await cp(checkout, work, { recursive: true });
      const env = plainEnvironment(environment(made, join(made, 'home')));
      await timed(stage, manager.first, { cwd: work, env: { ...env, CI: '' } });
      await cp(work, checkout, {
        recursive: true,
        filter: (path) => !path.startsWith(join(work, 'node_modules')),
      });
    },
  );
  return {
    checkout: join(folder, 'checkout'),
    home: join(folder, 'home'),
    env: (home, at) => environment(folder, home, at),
  };
}

/** Without npm's own fields, and without scripts that would do something. */
async function packageJson(): Promise<string> {
  const example = fileURLToPath(new URL('../../examples/npm-web/package.json', import.meta.url));
  const {
    allowScripts: _allowed,
    scripts: _scripts,
    ...fields
  } = JSON.parse(await readFile(example, 'utf8'));
  // Its newest version may lack binaries for some platforms; npm's lockfile has this one.
  const pinned = { 'unrs-resolver': '1.12.2' };
  return `${JSON.stringify({ ...fields, overrides: pinned, resolutions: pinned }, null, 2)}\n`;
}

/** Of the person's own settings. */
export async function registryOf(stage: Stage): Promise<string> {
  return (await timed(stage, ['npm', 'config', 'get', 'registry'])).stdout.trim();
}
