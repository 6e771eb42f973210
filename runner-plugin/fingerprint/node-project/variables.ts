/**
 * Variables that dependencies' install scripts are known to read. By name and keyed digest: values may be secret, and a plain
 * digest of a short one can be guessed. Keyed by the lockfile, so that equal values in two projects cannot be told to be equal.
 */
import { createHmac } from 'node:crypto';
import type { Input } from '../fingerprint.ts';

/** Which package's script reads what (from the scripts of the real packages). */
const READERS: readonly [variables: RegExp, packages: RegExp][] = [
  [/^CYPRESS_/, /^cypress$/],
  [/^PUPPETEER_/, /^puppeteer$/],
  [/^ELECTRON_/i, /^electron$/],
  [/^PRISMA_/, /^(prisma|@prisma\/.*)$/],
  [/^SENTRYCLI_/, /^@sentry\/cli$/],
  [/^SHARP_/, /^sharp$/],
  [/^PLAYWRIGHT_/, /^playwright/],
];
const BY_ANY = /^npm_config_(.*_mirror|.*binary.*|platform|arch|electron_config_.*)$/i;

/** `names`: the packages of the lockfile; `key`: what stands for the lockfile. */
export function scriptVariables(
  names: ReadonlySet<string>,
  key: string,
  env: Readonly<Record<string, string | undefined>>,
): Input[] {
  const patterns = READERS.filter(([, packages]) => [...names].some((name) => packages.test(name))).map(
    ([variables]) => variables,
  );
  return Object.keys(env)
    .filter((name) => env[name] !== undefined && [...patterns, BY_ANY].some((one) => one.test(name)))
    .sort()
    .map((name) => ({
      name: `variable ${name}`,
      digest: createHmac('sha256', key).update(`${name}\0${env[name]}`).digest('hex'),
    }));
}
