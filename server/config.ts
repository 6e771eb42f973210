/**
 * The server's settings, in one table: flag over environment over file over default. Whatever is wrong is named as it was
 * given, so that the person who reads the error knows where to correct it.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { LIMITS } from '#protocol/format/limits.ts';
import { fault } from '#protocol/wire/errors.ts';
import { LOG_LEVELS, type LogLevel } from './logging.ts';

const MiB = 1024 * 1024;
const DEFAULT_FILE = '/etc/cachalot/server.json';

export interface Config {
  /** Where to listen. */
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Absolute path of the folder that holds everything. */
  data: string;
  /** Seconds that requests under way are given at the end. */
  drain: number;
  log: LogLevel;
  limits: {
    /** Raw bytes that one entry may have. */
    entryBytes: number;
  };
  memory: {
    /** Bytes of uploads and inline answers that may be held at once. */
    uploads: number;
    /** Bytes of look-ups' answers that are kept ready. */
    answers: number;
  };
}

/** What was given on the command line, as text. */
export interface Flags {
  host?: string;
  port?: string | number;
  data?: string;
  role?: string;
  /** The file. */
  config?: string;
}

export interface Surroundings {
  env: Record<string, string | undefined>;
  cwd: string;
  readFile(path: string): Promise<string>;
}

export const processSurroundings = (): Surroundings => ({
  env: process.env,
  cwd: process.cwd(),
  readFile: (path) => readFile(path, 'utf8'),
});

/** A text or JSON value to what is used, or why it is none. */
type Read<T> = (value: unknown) => T | { why: string };

interface Setting<T> {
  flag?: keyof Flags;
  env: string;
  /** Path in the file. */
  file: string;
  fallback: (surroundings: Surroundings) => T;
  read: Read<T>;
}

const SETTINGS = {
  host: setting({
    flag: 'host',
    env: 'CACHALOT_SERVER_HOST',
    file: 'host',
    fallback: () => '127.0.0.1',
    read: text,
  }),
  port: setting({
    flag: 'port',
    env: 'CACHALOT_SERVER_PORT',
    file: 'port',
    fallback: () => 3779,
    read: wholeNumber(0, 65_535),
  }),
  data: setting({
    flag: 'data',
    env: 'CACHALOT_SERVER_DATA',
    file: 'data',
    fallback: defaultData,
    read: text,
  }),
  role: setting({
    flag: 'role',
    env: 'CACHALOT_SERVER_ROLE',
    file: 'role',
    fallback: () => 'api,worker',
    read: role,
  }),
  drain: setting({
    env: 'CACHALOT_SERVER_DRAIN',
    file: 'drain',
    fallback: () => 30,
    read: wholeNumber(0, 3_600),
  }),
  log: setting<LogLevel>({
    env: 'CACHALOT_SERVER_LOG',
    file: 'log',
    fallback: () => 'info',
    read: oneOf(LOG_LEVELS),
  }),
  entryBytes: setting({
    env: 'CACHALOT_SERVER_LIMITS_ENTRY_BYTES',
    file: 'limits.entryBytes',
    fallback: () => LIMITS.entryBytes,
    read: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  }),
  uploads: setting({
    env: 'CACHALOT_SERVER_MEMORY_UPLOADS',
    file: 'memory.uploads',
    fallback: () => 32 * MiB,
    // One segment must fit, or nothing could ever be stored.
    read: wholeNumber(LIMITS.segmentStored, Number.MAX_SAFE_INTEGER),
  }),
  answers: setting({
    env: 'CACHALOT_SERVER_MEMORY_ANSWERS',
    file: 'memory.answers',
    fallback: () => 64 * MiB,
    read: wholeNumber(MiB, Number.MAX_SAFE_INTEGER),
  }),
};

/** Throws `SETTING_INVALID` that names the setting as it was given. */
export async function readConfig(flags: Flags, surroundings: Surroundings): Promise<Config> {
  const file = await readSettingsFile(flags, surroundings);
  const value = <T>(one: Setting<T>): T => pick(one, flags, surroundings, file);
  value(SETTINGS.role);
  const config = {
    host: value(SETTINGS.host),
    port: value(SETTINGS.port),
    data: resolve(surroundings.cwd, value(SETTINGS.data)),
    drain: value(SETTINGS.drain),
    log: value(SETTINGS.log),
    limits: { entryBytes: value(SETTINGS.entryBytes) },
    memory: { uploads: value(SETTINGS.uploads), answers: value(SETTINGS.answers) },
  };
  return config;
}

function pick<T>(one: Setting<T>, flags: Flags, surroundings: Surroundings, file: Map<string, unknown>): T {
  const flag = one.flag === undefined ? undefined : flags[one.flag];
  const env = surroundings.env[one.env];
  const given: [string, unknown][] = [
    [`--${one.flag}`, flag],
    [one.env, env === '' ? undefined : env],
    [`${one.file} in the configuration file`, file.get(one.file)],
  ];
  for (const [name, value] of given) {
    if (value === undefined) continue;
    const read = one.read(value);
    if (isRefusal(read))
      throw fault('SETTING_INVALID', { setting: name, value: JSON.stringify(value), why: read.why });
    return read;
  }
  return one.fallback(surroundings);
}

/** The file's values by path. A name that no setting has is an error: it would otherwise be a wish that nobody hears. */
async function readSettingsFile(
  flags: Flags,
  { env, cwd, readFile: read }: Surroundings,
): Promise<Map<string, unknown>> {
  const named = flags.config ?? env.CACHALOT_SERVER_CONFIG;
  const path = named === undefined || named === '' ? DEFAULT_FILE : resolve(cwd, named);
  let content: unknown;
  try {
    content = JSON.parse(await read(path));
  } catch (cause) {
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    if (absent && path === DEFAULT_FILE) return new Map();
    const why = absent ? 'it is not there' : (cause as Error).message;
    throw fault('SETTING_INVALID', { setting: 'the configuration file', value: path, why }, { cause });
  }
  const values = new Map(flatten(content, ''));
  const known = new Set<string>(Object.values(SETTINGS).map((one) => one.file));
  for (const [name, value] of values) {
    if (known.has(name)) continue;
    const why = `there is no such setting; there are ${[...known].join(', ')}`;
    throw fault('SETTING_INVALID', {
      setting: `${name} in ${path}`,
      value: JSON.stringify(value) ?? '',
      why,
    });
  }
  return values;
}

function flatten(value: unknown, path: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) =>
    flatten(inner, path === '' ? name : `${path}.${name}`),
  );
}

function setting<T>(one: Setting<T>): Setting<T> {
  return one;
}

function isRefusal(read: unknown): read is { why: string } {
  return typeof read === 'object' && read !== null && 'why' in read;
}

function text(value: unknown): string | { why: string } {
  return typeof value === 'string' && value !== '' ? value : { why: 'it is no text' };
}

function wholeNumber(least: number, most: number): Read<number> {
  return (value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most)
      return number;
    return { why: `it is no whole number from ${least} to ${most}` };
  };
}

function oneOf<T extends string>(words: readonly T[]): Read<T> {
  return (value) => words.find((word) => word === value) ?? { why: `it is none of ${words.join(', ')}` };
}

// Without a queue of its own outside the process, one that serves is the one that works.
function role(value: unknown): string | { why: string } {
  const roles =
    typeof value === 'string'
      ? value
          .split(',')
          .map((one) => one.trim())
          .sort()
      : [];
  if (roles.join() === 'api,worker') return 'api,worker';
  return { why: 'with the embedded queue one process has both roles, api,worker' };
}

function defaultData({ env }: Surroundings): string {
  const { XDG_DATA_HOME: xdg } = env;
  // A relative one is to be ignored, says the base directory specification.
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME ?? homedir(), '.local/share');
  return join(base, 'cachalot');
}
