/** A small project on disk whose manager is pnpm or yarn, and its plan. Nothing of the manager is run but its version read. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import type { Detection, KindDetector, Plan } from '#runner-plugin/fingerprint/plan.ts';

export type Files = Record<string, string | object>;

export interface Change extends Partial<Detection> {
  files?: Files;
  /** Of the manager on PATH; none where it is ''. */
  version?: string;
}

export interface Project {
  folder: string;
  home: string;
  write(files: Files): void;
  plans(change?: Omit<Change, 'files'>): Promise<Plan[]>;
  plan(change?: Omit<Change, 'files'>): Promise<Plan>;
}

export interface Made {
  detector: KindDetector;
  manager: 'pnpm' | 'yarn';
  version: string;
  files: Files;
  command: readonly string[];
}

export function project(t: Test, made: Made, files: Files = {}): Project {
  const base = mkdtempSync(join(tmpdir(), 'cachalot-manager-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const [folder, home] = [join(base, 'checkout'), join(base, 'home')];
  mkdirSync(home);
  const write = (more: Files): void => {
    for (const [path, content] of Object.entries(more)) {
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
    }
  };
  write({ ...made.files, ...files });
  const plans: Project['plans'] = ({ version = made.version, env = {}, ...more } = {}) =>
    made.detector.detect({
      folder,
      home,
      skipInstall: 'understood',
      command: made.command,
      ...more,
      env: { PATH: version === '' ? '' : fakeManager(base, made.manager, version), ...env },
    });
  return {
    folder,
    home,
    write,
    plans,
    async plan(change) {
      const [plan] = await plans(change);
      if (plan === undefined) throw new Error('the project has no plan');
      return plan;
    },
  };
}

/** It says its version in its package.json, as the real one does. */
function fakeManager(base: string, name: string, version: string): string {
  const home = join(base, `${name}-${version}`, 'lib/node_modules', name);
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name, version }));
  writeFileSync(join(home, 'bin', name), '#!/bin/sh\nexit 1\n');
  chmodSync(join(home, 'bin', name), 0o755);
  return join(home, 'bin');
}

export type Row = [what: string, before: Change, after: Change];

/** The keys of two checkouts of their own. */
export async function keysOf(t: Test, made: Made, before: Change, after: Change): Promise<[string, string]> {
  const { files: filesBefore = {}, ...first } = before;
  const { files: filesAfter = {}, ...second } = after;
  const one = await project(t, made, filesBefore).plan(first);
  const other = await project(t, made, { ...filesBefore, ...filesAfter }).plan({ ...first, ...second });
  return [one.fingerprint.key, other.fingerprint.key];
}
