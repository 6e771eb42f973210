/** A small npm project on disk, with a lockfile that npm 11 would write for it, and its plan. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { npmKind } from '#runner-plugin/fingerprint/npm/detect.ts';
import type { Detection, Plan } from '#runner-plugin/fingerprint/plan.ts';

type Json = Record<string, unknown>;

export interface Files {
  [path: string]: string | Json;
}

export const PACKAGE: Json = {
  name: 'web',
  version: '1.0.0',
  dependencies: { left: '^1.0.0' },
  devDependencies: { tool: '2.0.0' },
};

export const LOCK: Json = {
  name: 'web',
  version: '1.0.0',
  lockfileVersion: 3,
  requires: true,
  packages: {
    '': {
      name: 'web',
      version: '1.0.0',
      dependencies: { left: '^1.0.0' },
      devDependencies: { tool: '2.0.0' },
    },
    'node_modules/left': {
      version: '1.2.0',
      resolved: 'http://registry.invalid/left/-/left-1.2.0.tgz',
      integrity: 'sha512-AAAA',
    },
    'node_modules/tool': { version: '2.0.0', integrity: 'sha512-BBBB', dev: true },
  },
};

/** LOCK with other or further packages. */
export function lockWith(packages: Json, root: Json = {}): Json {
  const own = LOCK.packages as Record<string, Json>;
  return { ...LOCK, packages: { ...own, '': { ...own[''], ...root }, ...packages } };
}

/** An npm that says its version in its package.json, as the real one does: nothing of it is run. */
function fakeNpm(folder: string, version: string): string {
  const home = join(folder, 'lib/node_modules/npm');
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'npm', version }));
  writeFileSync(join(home, 'bin/npm'), '#!/bin/sh\nexit 1\n');
  chmodSync(join(home, 'bin/npm'), 0o755);
  return join(home, 'bin');
}

export interface Project {
  folder: string;
  write(files: Files): void;
  plan(options?: Partial<Detection> & { npm?: string }): Promise<Plan>;
  plans(options?: Partial<Detection> & { npm?: string }): Promise<Plan[]>;
}

export function project(t: Test, files: Files = {}): Project {
  const base = mkdtempSync(join(tmpdir(), 'cachalot-npm-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const folder = join(base, 'checkout');
  const home = join(base, 'home');
  mkdirSync(home);
  const write = (more: Files) => {
    for (const [path, content] of Object.entries(more)) {
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
    }
  };
  write({ 'package.json': PACKAGE, 'package-lock.json': LOCK, ...files });
  const plans: Project['plans'] = ({ npm = '11.0.0', env = {}, ...more } = {}) =>
    npmKind.detect({
      folder,
      home,
      skipInstall: 'understood',
      command: ['npm', 'ci'],
      ...more,
      env: { PATH: fakeNpm(join(base, `npm-${npm}`), npm), ...env },
    });
  return {
    folder,
    write,
    plans,
    async plan(options) {
      const [plan] = await plans(options);
      if (plan === undefined) throw new Error('the project has no plan');
      return plan;
    },
  };
}
