/**
 * The environment that npm gives to a script. What depends on settings, npm is asked for (`npm run env`); what depends on the
 * package is made here as npm makes it. On a cold run the latter is held against what npm really gave, so that a hit never
 * runs a script in an environment that is only thought to be npm's.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join, posix } from 'node:path';
import { promisify } from 'node:util';
import { fault } from '#protocol/wire/errors.ts';
import { PLACE_VARIABLES } from './record.ts';
import { dumpingShell } from './wrapper.ts';

type Env = Readonly<Record<string, string | undefined>>;
const run = promisify(execFile);

/** What npm gives to any script of that project: its settings, NODE, INIT_CWD, PATH. Throws COMMAND_FAILED. */
export async function askNpm(
  command: readonly string[],
  options: { folder: string; env: Env; signal: AbortSignal },
): Promise<Record<string, string>> {
  const shell = await dumpingShell(options.folder);
  const [program = '', ...args] = command;
  try {
    await run(program, args, {
      cwd: options.folder,
      env: { ...options.env, npm_config_script_shell: shell.shell } as NodeJS.ProcessEnv,
      signal: options.signal,
    });
    return JSON.parse(await readFile(shell.dump, 'utf8')) as Record<string, string>;
  } catch (error) {
    options.signal.throwIfAborted();
    const why = 'npm does not say which environment it gives to scripts';
    throw fault('COMMAND_FAILED', { command: command.join(' '), why }, { cause: error });
  } finally {
    await shell.remove();
  }
}

export interface ScriptPackage {
  /** Absolute. */
  folder: string;
  fields: Record<string, unknown>;
}

/** From what npm said, for one script. `given` is npm's answer without our own shell in it. */
export function scriptEnvironment(
  given: Readonly<Record<string, string | undefined>>,
  of: ScriptPackage,
  script: { event: string; text: string; command: string; place: Readonly<Record<string, string>> },
): Record<string, string | undefined> {
  const own = Object.entries(given).filter(([name]) => !/^npm_(package|lifecycle)_/.test(name));
  return {
    ...Object.fromEntries(own),
    ...packageVariables(of),
    ...script.place,
    PATH: [...binFolders(of.folder), ...withoutBinFolders(given.PATH ?? '')].join(delimiter),
    npm_command: script.command,
    npm_lifecycle_event: script.event,
    npm_lifecycle_script: script.text,
  };
}

/** Why what npm gave is not what {@link scriptEnvironment} would give; undefined where it is. */
export function unlike(
  env: Readonly<Record<string, string>>,
  of: ScriptPackage,
  text: string,
): string | undefined {
  const expected: Record<string, string> = { ...packageVariables(of), npm_lifecycle_script: text };
  for (const name of Object.keys(env)) {
    if (!name.startsWith('npm_package_') || (PLACE_VARIABLES as readonly string[]).includes(name)) continue;
    if (!(name in expected)) return name;
  }
  for (const [name, value] of Object.entries(expected)) {
    // A shell drops variables whose names it could not have set itself.
    if (env[name] !== value && (env[name] !== undefined || /^\w+$/.test(name))) return name;
  }
  const bins = binFolders(of.folder).join(delimiter);
  return env.PATH?.startsWith(`${bins}${delimiter}`) ? undefined : 'PATH';
}

/** node_modules/.bin of the folder and of all above it. */
function binFolders(folder: string): string[] {
  const folders: string[] = [];
  for (let above = folder; ; above = dirname(above)) {
    folders.push(join(above, 'node_modules', '.bin'));
    if (above === dirname(above)) return folders;
  }
}

/** What follows them: npm's own folder with a node-gyp in it, then the user's PATH. */
function withoutBinFolders(path: string): string[] {
  const folders = path.split(delimiter);
  const first = folders.findIndex((folder) => !folder.endsWith(join('node_modules', '.bin')));
  return folders.slice(Math.max(0, first));
}

/** Fields of package.json that npm makes variables of (npm's RFC 21). */
export function packageVariables({ folder, fields }: ScriptPackage): Record<string, string> {
  const { name, version, config, engines } = fields;
  const variables: Record<string, string> = { npm_package_json: join(folder, 'package.json') };
  flatten({ name, version, config, engines, bin: binOf(fields) }, 'npm_package_', variables);
  return variables;
}

function binOf({ name, bin }: Record<string, unknown>): unknown {
  if (typeof bin === 'string')
    return typeof name === 'string' ? { [basename(name)]: normalPath(bin) } : undefined;
  if (typeof bin !== 'object' || bin === null) return undefined;
  return Object.fromEntries(
    Object.entries(bin).map(([key, file]) => [basename(key), normalPath(String(file))]),
  );
}

function normalPath(file: string): string {
  return posix.join('/', file).slice(1);
}

function flatten(value: object, prefix: string, into: Record<string, string>): void {
  for (const [key, one] of Object.entries(value)) {
    if (one === undefined) continue;
    if (one === null || one === false) into[`${prefix}${key}`] = '';
    else if (Array.isArray(one)) {
      for (const [i, item] of one.entries()) flatten({ [`${key}_${i}`]: item }, prefix, into);
    } else if (typeof one === 'object') flatten(one, `${prefix}${key}_`, into);
    else into[`${prefix}${key}`] = String(one);
  }
}
