/**
 * Content of the project that an install copies into node_modules or that install scripts read: local tarballs and copied
 * folders, patches, Prisma's schema, Puppeteer's settings; and the variables that such scripts are known to read.
 */
import { createHmac, hash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import { type Input, setInput } from '../fingerprint.ts';
import { type Lockfile, nameAt, scripted } from './lockfile.ts';
import type { PackageJson } from './package-json.ts';

/** Files in which a project tells Puppeteer what to fetch and where to. */
export const PUPPETEER_SETTINGS = [
  '.puppeteerrc',
  '.puppeteerrc.json',
  '.puppeteerrc.yaml',
  '.puppeteerrc.yml',
  '.puppeteerrc.js',
  '.puppeteerrc.cjs',
  '.puppeteerrc.mjs',
  'puppeteer.config.js',
  'puppeteer.config.cjs',
  'puppeteer.config.mjs',
];

/** Variables that install scripts are known to read (from the scripts of the real packages; docs/design.md has the list). */
const SCRIPT_VARIABLES =
  /^(CYPRESS_|FFMPEG_|PUPPETEER_|ELECTRON_|PRISMA_|SENTRYCLI_|SHARP_|PLAYWRIGHT_|npm_config_(.*_mirror|.*binary.*|platform|arch|electron_config_.*)$)/i;

/** One set for each place that is there; none where there is nothing of the kind. Throws INPUT_UNREADABLE. */
export async function localContent(
  folder: string,
  lockfile: Lockfile,
  project: PackageJson,
): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const [place, entry] of lockfile.packages) {
    if (entry.link === true || !entry.resolved?.startsWith('file:')) continue;
    inputs.push(await contentInput(`local package ${place}`, folder, entry.resolved.slice('file:'.length)));
  }
  inputs.push(await contentInput('patches', folder, 'patches'));
  const names = new Set([...lockfile.packages.keys()].map(nameAt));
  if (names.has('@prisma/client')) {
    const { prisma } = project.fields as { prisma?: { schema?: unknown } };
    const places =
      typeof prisma?.schema === 'string'
        ? [prisma.schema]
        : ['prisma/schema.prisma', 'prisma/schema', 'schema.prisma'];
    for (const place of places) inputs.push(await contentInput(`prisma schema ${place}`, folder, place));
  }
  if (names.has('puppeteer')) {
    for (const place of PUPPETEER_SETTINGS)
      inputs.push(await contentInput(`puppeteer settings ${place}`, folder, place));
  }
  return inputs.filter((input) => input.detail?.length !== 0);
}

/**
 * Variables that install scripts read, by name and keyed digest: values may be secret, and a plain digest of a short one
 * can be guessed. Keyed by the lockfile, so that equal values in two projects cannot be told to be equal.
 */
export function scriptVariables(
  lockfile: Lockfile,
  env: Readonly<Record<string, string | undefined>>,
): Input[] {
  if (scripted(lockfile).length === 0) return [];
  const key = lockfile.inputs.map((input) => input.digest).join();
  return Object.keys(env)
    .filter((name) => SCRIPT_VARIABLES.test(name) && env[name] !== undefined)
    .sort()
    .map((name) => ({
      name: `variable ${name}`,
      digest: createHmac('sha256', key).update(`${name}\0${env[name]}`).digest('hex'),
    }));
}

async function contentInput(name: string, folder: string, place: string): Promise<Input> {
  const lines: [string, string][] = [];
  const visit = async (path: string, shown: string): Promise<void> => {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return;
    if (found.isDirectory()) {
      for (const entry of (await readdir(path)).sort()) {
        // npm packs neither of these.
        if (entry !== 'node_modules' && entry !== '.git') await visit(join(path, entry), `${shown}/${entry}`);
      }
      return;
    }
    if (!found.isFile()) return;
    const bytes = await readFile(path).catch((error: Error) => {
      throw fault('INPUT_UNREADABLE', { path, why: error.message }, { cause: error });
    });
    lines.push([shown, `${found.mode & 0o100 ? 'x ' : ''}${hash('sha256', bytes, 'hex')}`]);
  };
  await visit(join(folder, place), place);
  return setInput(name, lines);
}
