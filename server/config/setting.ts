/**
 * One setting: where it may be given, and how what was given is read. Flag over environment over file over default; whatever is
 * wrong is named as it was given, so that the person who reads the error knows where to correct it.
 */
import { fault } from '#protocol/wire/errors.ts';

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

/** A text or JSON value to what is used, or why it is none. */
export type Read<T> = (value: unknown) => T | Refusal;

export interface Refusal {
  why: string;
}

export interface Setting<T> {
  /** Path in the file: `limits.entryBytes`, in the environment CACHALOT_SERVER_LIMITS_ENTRY_BYTES. */
  path: string;
  flag?: keyof Flags;
  read: Read<T>;
  fallback: (surroundings: Surroundings) => T;
  /** What was given is in no message. */
  secret?: boolean;
}

export interface Given {
  flags: Flags;
  surroundings: Surroundings;
  /** The file's values by path. */
  file: ReadonlyMap<string, unknown>;
}

/** The table's rows keep their types by it. */
export function setting<T>(one: Setting<T>): Setting<T> {
  return one;
}

/** One that may be left out. */
export function optional<T>(path: string, read: Read<T>): Setting<T | undefined> {
  return { path, read, fallback: () => undefined };
}

/** A text that may be left out and that no message may hold. */
export function secret(path: string): Setting<string | undefined> {
  return { ...optional(path, text), secret: true };
}

/** Throws `SETTING_INVALID`. */
export function readSetting<T>({ path, flag, read, fallback, ...one }: Setting<T>, given: Given): T {
  const inEnvironment = given.surroundings.env[variableOf(path)];
  const places: [string, unknown][] = [
    [`--${flag}`, flag === undefined ? undefined : given.flags[flag]],
    [variableOf(path), inEnvironment === '' ? undefined : inEnvironment],
    [`${path} in the configuration file`, given.file.get(path)],
  ];
  for (const [name, value] of places) {
    if (value === undefined) continue;
    const found = read(value);
    if (isRefusal(found)) {
      const shown = one.secret === true ? '…' : JSON.stringify(value);
      throw fault('SETTING_INVALID', { setting: name, value: shown, why: found.why });
    }
    return found;
  }
  return fallback(given.surroundings);
}

function variableOf(path: string): string {
  const words = path.replaceAll('.', '_').replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  return `CACHALOT_SERVER_${words.toUpperCase()}`;
}

function isRefusal(found: unknown): found is Refusal {
  return typeof found === 'object' && found !== null && 'why' in found;
}

export function text(value: unknown): string | Refusal {
  return typeof value === 'string' && value !== '' ? value : { why: 'it is no text' };
}

/** In the environment `true` or `false`. */
export function yesOrNo(value: unknown): boolean | Refusal {
  if (typeof value === 'boolean') return value;
  return value === 'true' || value === 'false' ? value === 'true' : { why: 'it is neither true nor false' };
}

export function wholeNumber(least: number, most: number): Read<number> {
  return (value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most)
      return number;
    return { why: `it is no whole number from ${least} to ${most}` };
  };
}

export function oneOf<T extends string>(words: readonly T[]): Read<T> {
  return (value) => words.find((word) => word === value) ?? { why: `it is none of ${words.join(', ')}` };
}
