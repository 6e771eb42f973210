/** Projects for the tools that the presets are judged by: their one dependency lies in a repository of the test's own. */
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Test } from 'tap';
import { pack } from 'tar-stream';
import { needThat, programPath } from '../needs.ts';
import type { Place } from './cachalot.ts';
import { coordinates } from './maven-repository.ts';
import { writeFiles } from './npm-tools.ts';

export interface FixtureTool {
  kind: string;
  program: string;
  /** Debian's packages of it; none: it is had in another way. */
  debian: string[];
  command: string[];
  env?: Record<string, string>;
  files(url: string): Record<string, string>;
  /** Writes the file that decides what is installed, where it is not one of the files. */
  lock?: string[];
  keyFile: string;
  /** Says that something came from the network, or that nothing did. */
  fresh: RegExp;
  cached: RegExp;
  /** What the repository has, by path. */
  repository(set: Place, url: string): Promise<Record<string, Buffer | string>>;
}

const ALL: FixtureTool[] = [
  {
    kind: 'composer',
    program: 'composer',
    debian: ['composer'],
    command: ['composer', 'install', '--no-interaction', '-v'],
    env: { COMPOSER_ALLOW_SUPERUSER: '1' },
    files: (url) => ({
      'composer.json': JSON.stringify({
        name: 'me/shop',
        require: { 'me/there': '1.0.0' },
        repositories: [{ type: 'composer', url }, { packagist: false }],
        config: { 'secure-http': false },
      }),
    }),
    lock: ['composer', 'update', '--no-install', '--no-interaction'],
    keyFile: 'composer.lock',
    fresh: /Downloading me\/there/,
    cached: /Loading .*from cache|Extracting archive/,
    async repository(_set, url) {
      const archive = await tarOf({
        'there-1.0.0/composer.json': '{ "name": "me/there" }',
        'there-1.0.0/there.php': '<?php',
      });
      const dist = { type: 'tar', url: `${url}/there-1.0.0.tar`, shasum: hash('sha1', archive) };
      const known = { 'me/there': { '1.0.0': { name: 'me/there', version: '1.0.0', dist } } };
      return { '/packages.json': JSON.stringify({ packages: known }), '/there-1.0.0.tar': archive };
    },
  },
  {
    kind: 'bundler',
    program: 'bundle',
    debian: ['ruby-bundler'],
    command: ['bundle', 'install'],
    files: (url) => ({
      Gemfile: `source "${url}"\ngem "there"\n`,
      '.bundle/config': '---\nBUNDLE_PATH: "gems"\n',
    }),
    lock: ['bundle', 'lock'],
    keyFile: 'Gemfile.lock',
    fresh: /Fetching there|Installing there/,
    cached: /Using there 1\.0\.0/,
    async repository(set) {
      const folder = join(set.folder, 'gem');
      writeFiles(folder, {
        'there.gemspec':
          "Gem::Specification.new { |s| s.name = 'there'; s.version = '1.0.0'; s.summary = 'x'; s.authors = ['me']; s.files = ['lib/there.rb'] }\n",
        'lib/there.rb': 'THERE = 1\n',
      });
      const built = await set.run('gem', ['build', 'there.gemspec'], { folder });
      if (built.status !== 0) throw new Error(built.stderr);
      const gem = readFileSync(join(folder, 'there-1.0.0.gem'));
      const info = `---\n1.0.0 |checksum:${hash('sha256', gem)}\n`;
      return {
        '/versions': `created_at: 2020-01-01T00:00:00Z\n---\nthere 1.0.0 ${hash('md5', info)}\n`,
        '/info/there': info,
        '/gems/there-1.0.0.gem': gem,
      };
    },
  },
  {
    kind: 'uv',
    program: 'uv',
    debian: [],
    command: ['uv', 'sync'],
    env: { UV_PYTHON_DOWNLOADS: 'never', UV_NO_PROGRESS: '1' },
    files: (url) => ({
      'pyproject.toml': `[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["cached"]\n[[tool.uv.index]]\nurl = "${url}/simple"\ndefault = true\n`,
    }),
    lock: ['uv', 'lock'],
    keyFile: 'uv.lock',
    fresh: /Prepared 1 package/,
    cached: /Installed 1 package/,
    async repository(set, url) {
      const made = await set.run('python3', ['-c', MAKE_WHEEL, WHEEL]);
      if (made.status !== 0) throw new Error(made.stderr);
      const wheel = readFileSync(join(set.folder, WHEEL));
      return {
        '/simple/cached/': `<!doctype html><a href="${url}/${WHEEL}#sha256=${hash('sha256', wheel)}">${WHEEL}</a>`,
        [`/${WHEEL}`]: wheel,
      };
    },
  },
  {
    kind: 'gradle',
    program: 'gradle',
    debian: ['gradle'],
    command: ['gradle', '--no-daemon', '--info', 'fill'],
    files: (url) => ({
      'settings.gradle': "rootProject.name = 'shop'\n",
      'build.gradle': `repositories { maven { url '${url}' } }
configurations { filled }
dependencies { filled 'org.lib:there:1' }
task fill { doLast { println "files: " + configurations.filled.files.size() } }
`,
    }),
    keyFile: 'build.gradle',
    fresh: /Download http/,
    cached: /files: 1/,
    async repository() {
      return {
        '/org/lib/there/1/there-1.pom': `<project><modelVersion>4.0.0</modelVersion>${coordinates('org.lib:there:1')}</project>`,
        '/org/lib/there/1/there-1.jar': 'a jar',
      };
    },
  },
];

/** Gradle takes as long as all others together. */
export const FIXTURE_TOOLS =
  process.env.CACHALOT_TEST_JUDGES === 'all' ? ALL : ALL.filter(({ kind }) => kind !== 'gradle');

/** Version of uv that is judged. */
const UV = '0.13.8';
const WHEEL = 'cached-1.0-py3-none-any.whl';

export const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('cached.py', 'x = 1')
    wheel.writestr('cached-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: cached\\nVersion: 1.0\\n')
    wheel.writestr('cached-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('cached-1.0.dist-info/RECORD', '')
`;

/** Whether the tool is there, or can be had by root of a Debian or from the package index; else the test is skipped, or fails in CI. */
export function needTool(t: Test, { kind, program, debian }: FixtureTool): boolean {
  try {
    if (kind === 'uv') uvFolder();
    else if (programPath(program) === undefined) installFromDebian(debian);
  } catch (error) {
    const why = (error as Error).message.split('\n', 1)[0];
    return needThat(t, false, `${program} is not to be had: ${why}`);
  }
  return needThat(t, kind === 'uv' || programPath(program) !== undefined, `${program} not installed`);
}

function installFromDebian(packages: readonly string[]): void {
  const apt = programPath('apt-get');
  if (apt === undefined || process.getuid?.() !== 0) throw new Error('only root of a Debian can install it');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  try {
    execFileSync(apt, install, { env, stdio: 'ignore' });
  } catch {
    // An image without lists of what there is.
    execFileSync(apt, ['update'], { env, stdio: 'ignore' });
    execFileSync(apt, install, { env, stdio: 'ignore' });
  }
}

/** Where that version is kept once it was installed. */
function uvFolder(): string {
  const kept = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cachalot-tests', 'uv');
  const home = join(kept, UV);
  if (existsSync(home)) return join(home, 'bin');
  mkdirSync(kept, { recursive: true });
  const fresh = mkdtempSync(join(kept, 'fresh-'));
  try {
    const args = ['-m', 'pip', 'install', '--quiet', '--no-input', '--target', fresh, `uv==${UV}`];
    execFileSync('python3', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    // Another test file may have been first; then its folder stands, and is as good.
    if (!existsSync(home)) renameSync(fresh, home);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return join(home, 'bin');
}

export interface FixtureProject {
  files: Record<string, string>;
  /** What every job is given. */
  env: Record<string, string>;
  /** Asked for since the last call. */
  requests(): string[];
  close(): Promise<void>;
}

/** The project with its lockfile, and its repository. */
export async function fixtureProject(t: Test, set: Place, tool: FixtureTool): Promise<FixtureProject> {
  let served: Record<string, Buffer | string> = {};
  let asked: string[] = [];
  const server = createServer(({ url = '/' }, answer) => {
    const path = url.replace(/\?.*/, '');
    asked.push(path);
    const found = served[path];
    // What never changes may be kept without asking again.
    answer.writeHead(found === undefined ? 404 : 200, {
      'cache-control': 'max-age=31536000',
      'content-type': path.startsWith('/simple/') ? 'text/html' : 'application/octet-stream',
    });
    answer.end(found);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  t.teardown(close);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  served = await tool.repository(set, url);
  const path = tool.kind === 'uv' ? [uvFolder(), set.env.PATH].join(delimiter) : set.env.PATH;
  const env = { ...tool.env, PATH: path ?? '' };
  const files = tool.files(url);
  if (tool.lock !== undefined) {
    const folder = join(set.folder, 'locking');
    writeFiles(folder, files);
    const [program = '', ...args] = tool.lock;
    const home = join(set.folder, 'locking-home');
    const done = await set.run(program, args, { folder, env: { ...env, HOME: home, XDG_CACHE_HOME: '' } });
    if (done.status !== 0) throw new Error(`there is no lockfile: ${done.stdout}${done.stderr}`);
    files[tool.keyFile] = readFileSync(join(folder, tool.keyFile), 'utf8');
  }
  asked = [];
  return {
    files,
    env,
    requests() {
      const taken = asked;
      asked = [];
      return taken;
    },
    close,
  };
}

async function tarOf(files: Record<string, string>): Promise<Buffer> {
  const stream = pack();
  for (const [name, content] of Object.entries(files)) stream.entry({ name }, content);
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
