/**
 * Which npm and which Node will run: from the command, else package.json's `packageManager`, else PATH. Read from their own
 * files where that is possible, since asking a program costs more than a whole look-up.
 */
import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fault } from '#protocol/wire/errors.ts';
import { onPath } from '../program.ts';

const run = promisify(execFile);
type Env = Readonly<Record<string, string | undefined>>;

/** npm's own folder (the one with its package.json), found from its program. */
export async function npmFolder(program: string): Promise<string | undefined> {
  const real = await realpath(program);
  const folder = dirname(dirname(real));
  try {
    const fields: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    return (fields as { name?: unknown }).name === 'npm' ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** The version of the npm at that path. Throws INPUT_UNREADABLE where it does not say. */
export async function npmVersion(program: string, env: Env): Promise<string> {
  const folder = await npmFolder(program);
  if (folder !== undefined) {
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      version?: unknown;
    };
    if (typeof version === 'string') return version;
  }
  return (await ask(program, ['--version'], env)).trim();
}

/** The Node on PATH, else the one that runs this, where it really lies. */
export async function nodeProgram(env: Env): Promise<string> {
  return realpath((await onPath('node', env)) ?? process.execPath);
}

export interface NodeFacts {
  /** NODE_MODULE_VERSION: what compiled addons bind to. */
  abi: string;
  platform: string;
  arch: string;
}

/** The Node that npm and the project will run on: the one on PATH, asked only if it is not the one that runs this. */
export async function nodeFacts(env: Env): Promise<NodeFacts> {
  const program = await onPath('node', env);
  if (program === undefined || (await realpath(program)) === (await realpath(process.execPath))) {
    return { abi: process.versions.modules, platform: process.platform, arch: process.arch };
  }
  const answer = await ask(
    program,
    ['-p', '[process.versions.modules, process.platform, process.arch].join()'],
    env,
  );
  const [abi = '', platform = '', arch = ''] = answer.trim().split(',');
  return { abi, platform, arch };
}

async function ask(program: string, args: string[], env: Env): Promise<string> {
  try {
    return (await run(program, args, { env: env as NodeJS.ProcessEnv, timeout: 10_000 })).stdout;
  } catch (error) {
    throw fault('INPUT_UNREADABLE', { path: program, why: 'it does not say its version' }, { cause: error });
  }
}
