/** The presets, judged by the tools themselves: what a restored cache saves them, counted at a proxy or a repository of the test's own. */
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import { need } from '../needs.ts';
import { type Done, type Place, place, type Report, readReport } from './cachalot.ts';
import { startCountingProxy } from './counting-proxy.ts';
import { FIXTURE_TOOLS, fixtureProject, MAKE_WHEEL, needTool } from './preset-projects.ts';

interface Tool {
  program: string;
  command: string[];
  files: Record<string, string>;
  /** The same project with another dependency's version. */
  edit: Record<string, string>;
}

const TOOLS: Record<string, Tool> = {
  go: {
    program: 'go',
    command: ['go', 'build', './...'],
    files: {
      'go.mod':
        'module example.com/shop\n\ngo 1.19\n\nrequire rsc.io/sampler v1.3.0\n\nrequire golang.org/x/text v0.0.0-20170915032832-14c0d48ead0c\n',
      'go.sum': [
        'golang.org/x/text v0.0.0-20170915032832-14c0d48ead0c h1:qgOY6WgZOaTkIIMiVjBQcw93ERBE4m30iBm00nkL0i8=',
        'golang.org/x/text v0.0.0-20170915032832-14c0d48ead0c/go.mod h1:NqM8EUOU14njkJ3fqMW+pc6Ldnwhi/IjpwHt7yyuwOQ=',
        'rsc.io/sampler v1.3.0 h1:7uVkIFmeBqHfdjD+gZwtXXI+RODJ2Wc4O7MPEh/QiW4=',
        'rsc.io/sampler v1.3.0/go.mod h1:T1hPZKmBbMNahiBKFy5HrXp6adAjACjK9JXDnKaTXpA=',
        '',
      ].join('\n'),
      'shop.go': 'package shop\n\nimport "rsc.io/sampler"\n\nvar Hello = sampler.Hello()\n',
    },
    edit: { 'tools/go.mod': 'module example.com/tools\n' },
  },
  cargo: {
    program: 'cargo',
    command: ['cargo', 'fetch', '--locked'],
    files: {
      'Cargo.toml':
        '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2018"\n\n[dependencies]\nitoa = "=1.0.11"\n',
      'Cargo.lock': [
        'version = 3',
        '',
        '[[package]]',
        'name = "itoa"',
        'version = "1.0.11"',
        'source = "registry+https://github.com/rust-lang/crates.io-index"',
        'checksum = "49f1f14873335454500d59611f1cf4a4b0f786f9ac11f4312a78e4cf2566695b"',
        '',
        '[[package]]',
        'name = "shop"',
        'version = "0.1.0"',
        'dependencies = [',
        ' "itoa",',
        ']',
        '',
      ].join('\n'),
      'src/lib.rs': '',
    },
    edit: { '.cargo/config.toml': '[net]\nretry = 3\n' },
  },
};

for (const [kind, tool] of Object.entries(TOOLS)) {
  test(`${kind}: a job that starts empty gets what the last one downloaded`, async (t) => {
    if (!need(t, tool.program)) return;
    const set = place(t);
    await set.serve();
    const proxy = await startCountingProxy();
    t.teardown(() => proxy.close());
    const job = async (name: string, files: Record<string, string>) => ({
      ...(await runJob(t, set, name, files, tool.command, { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url })),
      asked: proxy.taken(),
    });
    const cold = await job('cold', tool.files);
    t.equal(cold.status, 0, cold.stderr);
    t.equal(cold.report.hit, 'none');
    t.ok(cold.asked > 0, `${cold.asked} connections`);
    t.match(cold.stderr, /saved/);
    const warm = await job('warm', { ...tool.files, 'README.md': 'not a key file' });
    t.equal(warm.status, 0, warm.stderr);
    t.equal(warm.report.hit, 'exact');
    t.equal(warm.asked, 0, 'nothing is asked for');
    t.notMatch(warm.stderr, /saved/, 'nor is anything saved again');
    const near = await job('near', { ...tool.files, ...tool.edit });
    t.equal(near.status, 0, near.stderr);
    t.equal(near.report.hit, 'near', near.stderr);
    for (const path of Object.keys(tool.edit)) t.match(near.report.reason, path, 'the file is named');
    t.match(near.stderr, /saved/, 'under its own key');
  });
}

for (const tool of FIXTURE_TOOLS) {
  test(`${tool.kind}: downloaded once, by ${tool.program}'s own word`, { timeout: 300_000 }, async (t) => {
    if (!needTool(t, tool)) return;
    const set = place(t);
    await set.serve();
    const { files, requests, close, env } = await fixtureProject(t, set, tool);
    const job = async (name: string, more: Record<string, string> = {}) => {
      const done = await runJob(t, set, name, { ...files, ...more }, tool.command, env);
      return { ...done, output: done.stdout + done.stderr, asked: requests() };
    };
    const cold = await job('cold');
    t.match(cold, { status: 0, report: { hit: 'none' }, output: /: saved / }, cold.output);
    t.match(cold.output, tool.fresh, 'as it says itself');
    t.ok(cold.asked.length > 0, 'the repository counts');

    await close();
    const warm = await job('warm', { 'README.md': 'not a key file' });
    t.match(warm, { status: 0, report: { hit: 'exact', warnings: [] } }, warm.output);
    t.match(warm.output, tool.cached, 'as it says itself');
    t.notMatch(warm.output, tool.fresh);
    const near = await job('near', { [tool.keyFile]: `${files[tool.keyFile]}\n` });
    t.match(near, { status: 0, report: { hit: 'near', reason: tool.keyFile } }, near.output);
    t.notMatch(near.output, tool.fresh);
  });
}

test('pip: a wheel is downloaded once', async (t) => {
  if (!need(t, 'pip3', 'python3', 'openssl')) return;
  const set = place(t);
  await set.serve();
  const wheel = 'cached-1.0-py3-none-any.whl';
  const made = await set.run('python3', ['-c', MAKE_WHEEL, wheel]);
  t.equal(made.status, 0, made.stderr);
  // pip keeps nothing that came without TLS.
  const request =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out certificate.pem -days 1 -subj /CN=index -addext subjectAltName=IP:127.0.0.1';
  const certified = await set.run('openssl', request.split(' '));
  t.equal(certified.status, 0, certified.stderr);
  const certificate = join(set.folder, 'certificate.pem');
  const [key, cert] = ['key.pem', 'certificate.pem'].map((file) => readFileSync(join(set.folder, file)));
  const asked: string[] = [];
  const index = createServer({ key, cert }, ({ url = '' }, response) => {
    asked.push(url);
    if (url === `/${wheel}`) {
      response.setHeader('cache-control', 'max-age=3600');
      response.end(readFileSync(join(set.folder, wheel)));
    } else {
      response.setHeader('content-type', 'text/html');
      response.end(`<!doctype html><a href="/${wheel}">${wheel}</a>`);
    }
  }).listen(0, '127.0.0.1');
  await once(index, 'listening');
  t.teardown(() => index.close());
  const job = async (name: string, requirements: string) => {
    const command = ['pip3', 'download', '--dest', 'wheels', '-r', 'requirements.txt'];
    const { port } = index.address() as AddressInfo;
    const files = { 'requirements.txt': requirements, 'README.md': name };
    const done = await runJob(t, set, name, files, command, {
      PIP_CERT: certificate,
      REQUESTS_CA_BUNDLE: certificate,
      SSL_CERT_FILE: certificate,
      PIP_INDEX_URL: `https://127.0.0.1:${port}/simple/`,
    });
    t.equal(done.status, 0, done.stderr);
    return { hit: done.report.hit, downloaded: asked.splice(0).includes(`/${wheel}`) };
  };
  t.same(await job('cold', 'cached==1.0\n'), { hit: 'none', downloaded: true });
  t.same(await job('warm', 'cached==1.0\n'), { hit: 'exact', downloaded: false });
  t.same(await job('near', 'cached>=1.0\n'), { hit: 'near', downloaded: false });
});

/** A pipeline's job: a checkout and a home of its own. */
async function runJob(
  t: Test,
  set: Place,
  name: string,
  files: Record<string, string>,
  command: readonly string[],
  env: Record<string, string>,
): Promise<Done & { report: Report }> {
  const folder = join(set.folder, name);
  const home = join(folder, 'home');
  for (const [path, text] of Object.entries({ '.git/HEAD': '', ...files })) {
    mkdirSync(dirname(join(folder, 'work', path)), { recursive: true });
    writeFileSync(join(folder, 'work', path), text);
  }
  mkdirSync(home);
  // Go makes its modules read-only, their folders too.
  t.teardown(() => makeWritable(home));
  const report = join(folder, 'report.json');
  const done = await set.cachalot(['run', '--report', report, '--', ...command], {
    folder: join(folder, 'work'),
    env: {
      HOME: home,
      XDG_CACHE_HOME: '',
      GRADLE_USER_HOME: join(home, 'gradle'),
      GOFLAGS: '-mod=mod',
      PIP_FIND_LINKS: '',
      // Compilers stay where they are; the home is another.
      RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(process.env.HOME ?? '', '.rustup'),
      ...env,
    },
  });
  return { ...done, report: readReport(report, done) };
}

function makeWritable(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
}
