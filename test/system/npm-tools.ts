/** The npms that the tests are judged by, each installed once into a folder that is kept, and projects for them. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathWithPackage } from './kept-packages.ts';

export const NPMS = ['10.9.9', '11.19.1', '12.2.0'] as const;

/** Those by which all is judged in each test run; every one is asked what differs (npm-scripts.test.ts), and all with `npm run judge`. */
export const NPM_JUDGES: readonly string[] = process.env.CACHALOT_TEST_JUDGES === 'all' ? NPMS : [NPMS[1]];

/** PATH on which `npm` is that one and `node` the one that runs the tests. Throws where it is not to be had. */
export function pathWithNpm(version: string, rest: string): string {
  return pathWithPackage({ name: 'npm', package: 'npm', version }, rest);
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
