/** What GNU tar makes of an archive: the judge of our own codec. */
import { spawnSync } from 'node:child_process';

export interface Listed {
  /** As `ls -l` shows it: `-`, `d`, `l`, `h` and others. */
  type: string;
  /** Permission bits as `ls -l` shows them. */
  mode: string;
  size: number;
  /** Seconds since 1970. */
  mtime: number;
  path: string;
  link?: string;
}

/** Undefined where tar does not end well. */
export function listWithGnuTar(archive: Buffer): Listed[] | undefined {
  const args = ['-tv', '--full-time', '--numeric-owner', '--quoting-style=c'];
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC0' };
  const { status, stdout } = spawnSync('tar', args, { input: archive, env, maxBuffer: 1 << 28 });
  if (status !== 0) return undefined;
  return stdout.toString('latin1').split('\n').slice(0, -1).map(parseLine);
}

const LINE =
  /^(.)(\S{9}) +\S+ +(\d+) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ("(?:[^"\\]|\\.)*")(?: (?:->|link to) ("(?:[^"\\]|\\.)*"))?$/;

function parseLine(line: string): Listed {
  const [whole, type = '', mode = '', size, date, path = '', link] = LINE.exec(line) ?? [];
  if (whole === undefined) throw new Error(`tar says: ${line}`);
  const listed = {
    type,
    mode,
    size: Number(size),
    mtime: Date.parse(`${date}Z`) / 1000,
    path: unquoted(path),
  };
  return link === undefined ? listed : { ...listed, link: unquoted(link) };
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

// C's quoting: octal escapes stand for bytes.
function unquoted(text: string): string {
  const bytes = text
    .slice(1, -1)
    .replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
      code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
    );
  return Buffer.from(bytes, 'latin1').toString();
}
