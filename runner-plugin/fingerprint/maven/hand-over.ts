/**
 * How a Maven is given words of ours: in its own command where that is what runs, else by the variable that it reads. They come
 * last, and so win over what stands there.
 */
import { isMaven } from './command.ts';

export interface Handed {
  command: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  /** Of the Maven that will read them. */
  version: string;
}

/** Undefined where they would not arrive: variables are torn at white space, whatever quotes they have. */
export function handOver(
  words: readonly string[],
  { command, env, version }: Handed,
): { env?: Record<string, string>; command?: string[] } | undefined {
  if (isMaven(command)) return { command: [...command, ...words] };
  if (words.some((word) => /\s/.test(word))) return undefined;
  // MAVEN_ARGS came with 3.9; Maven 4 ignores a local repository in MAVEN_OPTS.
  const name = isFrom(version, 3, 9) ? 'MAVEN_ARGS' : 'MAVEN_OPTS';
  return { env: { [name]: [env[name], ...words].filter(Boolean).join(' ') } };
}

/** Whether a version is that one or a later one. */
export function isFrom(version: string, major: number, minor: number): boolean {
  const [ofMajor = 0, ofMinor = 0] = version.split('.').map(Number);
  return ofMajor > major || (ofMajor === major && ofMinor >= minor);
}
