/**
 * Programs that the tests stand on and that come through the Go module proxy: each version is built once, which takes a minute or
 * two, into a folder that is kept.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { need, needThat, programPath } from './needs.ts';

export interface GoProgram {
  /** Path of its package; its last part is the program's name. */
  package: string;
  version: string;
}

/** For a machine whose own Go is too old to fetch a newer one by itself, as Debian 12's is. */
const TOOLCHAIN = 'go1.25.0';
/** From this one on Go gets the toolchain that a module wants. */
const FETCHES_ITSELF = 21;

/** Its path. Undefined where it cannot be had; then the test is skipped, or fails in CI, and must return at once. */
export function needGoProgram(t: Parameters<typeof need>[0], program: GoProgram): string | undefined {
  const path = keptPath(program);
  if (existsSync(path)) return path;
  if (!need(t, 'go')) return undefined;
  try {
    build(program, path);
    return path;
  } catch (error) {
    const why = (error as Error).message.split('\n', 1)[0];
    needThat(t, false, `${program.package} ${program.version} is not to be had: ${why}`);
    return undefined;
  }
}

function keptFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cachalot-tests');
}

function keptPath({ package: wanted, version }: GoProgram): string {
  const name = basename(wanted);
  return join(keptFolder(), name, version, name);
}

function build({ package: wanted, version }: GoProgram, path: string): void {
  const home = dirname(path);
  mkdirSync(dirname(home), { recursive: true });
  const fresh = mkdtempSync(join(dirname(home), 'fresh-'));
  try {
    const { go, env } = toolchain();
    const install = [go, 'install', `${wanted}@${version}`];
    const [first = '', ...rest] = oneByOne(`${home}.lock`, path, install);
    run(first, rest, { ...env, GOBIN: fresh, CGO_ENABLED: '0' });
    // Another test file may have been first; then its folder stands, and is as good.
    if (!existsSync(home)) renameSync(fresh, home);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Test files that start together would each build it; they wait for the first one instead, which leaves `path`. */
function oneByOne(lock: string, path: string, command: string[]): string[] {
  if (programPath('flock') === undefined) return command;
  return ['flock', lock, 'sh', '-c', '[ -e "$0" ] || exec "$@"', path, ...command];
}

/** The machine's Go, or a newer one that it is made to fetch as the module that it is. */
function toolchain(): { go: string; env: Record<string, string> } {
  const minor = /go1\.(\d+)/.exec(execFileSync('go', ['version'], { encoding: 'utf8' }))?.[1];
  if (Number(minor) >= FETCHES_ITSELF) return { go: 'go', env: { GOTOOLCHAIN: 'auto' } };
  const system = execFileSync('go', ['env', 'GOOS', 'GOARCH'], { encoding: 'utf8' })
    .trim()
    .replace('\n', '-');
  const modules = join(keptFolder(), 'go');
  const module = `golang.org/toolchain@v0.0.1-${TOOLCHAIN}.${system}`;
  run('go', ['mod', 'download', module], { GOMODCACHE: modules, GOFLAGS: '-modcacherw' });
  const root = join(modules, module);
  // A module's files are not executable.
  const tools = join(root, 'pkg/tool', system.replace('-', '_'));
  for (const folder of [join(root, 'bin'), tools])
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o755);
  return { go: join(root, 'bin/go'), env: { GOROOT: root, GOTOOLCHAIN: 'local' } };
}

function run(program: string, args: string[], env: Record<string, string>): void {
  execFileSync(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
}
