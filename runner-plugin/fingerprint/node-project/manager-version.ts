/**
 * The versions of a package manager and of Node on PATH: read where that is possible, since asking costs more than a whole look-up.
 */
import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fault } from '#protocol/wire/errors.ts';
import { onPath } from '../program.ts';

const run = promisify(execFile);
type Env = Readonly<Record<string, string | undefined>>;

/** Undefined where no such program is on PATH. Throws INPUT_UNREADABLE where it does not say. */
export async function versionOnPath(name: string, env: Env, folder: string): Promise<string | undefined> {
  const program = await onPath(name, env);
  if (program === undefined) return undefined;
  const home = dirname(dirname(await realpath(program)));
  const text = await readFile(join(home, 'package.json'), 'utf8').catch(() => '{}');
  const fields = JSON.parse(text) as { name?: unknown; version?: unknown };
  if (/(^|\/)(pnpm|yarn|cli-dist)$/.test(String(fields.name)) && typeof fields.version === 'string')
    return fields.version;
  return (await askManager(program, ['--version'], { env, folder })).trim();
}

/** What a manager prints when asked. Throws INPUT_UNREADABLE. */
export async function askManager(
  program: string,
  args: readonly string[],
  { env, folder }: { env: Env; folder: string },
): Promise<string> {
  try {
    const options = { env: env as NodeJS.ProcessEnv, cwd: folder, timeout: 10_000 };
    return (await run(program, [...args], options)).stdout;
  } catch (error) {
    throw fault('INPUT_UNREADABLE', { path: program, why: 'it does not answer' }, { cause: error });
  }
}

/** The full version of the Node that managers and the project run on: the one on PATH. Throws INPUT_UNREADABLE. */
export async function nodeVersion(env: Env, folder: string): Promise<string> {
  const program = await onPath('node', env);
  if (program === undefined || (await realpath(program)) === (await realpath(process.execPath)))
    return process.version;
  return (await askManager(program, ['--version'], { env, folder })).trim();
}
