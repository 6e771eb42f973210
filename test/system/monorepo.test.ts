/** A monorepo: npm, pnpm and Maven in sub-folders, built by a script at its root, with one look-up for all of it. */

import { once } from 'node:events';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { readReport } from './cachalot.ts';
import { FIXTURES, type Files, managedProject, needManager } from './managers.ts';
import { project, setUpTiny } from './maven-build.ts';
import { needMaven } from './maven-tools.ts';
import { writeFiles } from './npm-tools.ts';

const PNPM = { name: 'pnpm', version: '11.28.11' } as const;

/** As such scripts are: what is there is not installed again. */
const BUILD = `set -e
[ -d apps/web/node_modules ] || (cd apps/web && npm ci --no-audit --no-fund)
(cd apps/admin && pnpm install)
(cd services/shop && mvn -B -q verify)
`;

test('three lockfiles below, one look-up from the root', { timeout: 300_000 }, async (t) => {
  if (!needManager(t, PNPM) || !(await needMaven(t, 'system'))) return;
  const { place: here, repository } = await setUpTiny(t, 'system');
  repository.publish('central', { gav: 'org.lib:there:1', jar: 'x' });
  const { machine, registry } = await managedProject(t, PNPM, FIXTURES);
  const settings = join(here.folder, 'settings.xml');
  const shop: Files = {
    ...project(['org.lib:there:1']),
    '.mvn/maven.config': `-Dmaven.repo.local=.m2/repository\n-s\n${settings}\n`,
  };
  const files: Files = {
    'build.sh': BUILD,
    'apps/web/package.json': { name: 'web', version: '1.0.0', dependencies: { left: '1.0.0' } },
    'apps/admin/package.json': { name: 'admin', version: '1.0.0', dependencies: { right: '1.0.0' } },
    'apps/admin/pnpm-workspace.yaml': 'packages: []\n',
    ...Object.fromEntries(Object.entries(shop).map(([path, text]) => [`services/shop/${path}`, text])),
    // Lockfiles of what was installed, and of tests' fixtures, are no projects.
    'apps/web/test/fixture/package-lock.json': '{}',
    'tools/node_modules/x/package-lock.json': '{}',
  };
  const locking = machine('locking', files);
  const locked = await locking.alone(
    'sh',
    '-c',
    'cd apps/web && npm install --package-lock-only && cd ../admin && pnpm install --lockfile-only',
  );
  t.equal(locked.status, 0, locked.stdout + locked.stderr);

  const asked = await recording(t, here.env.CACHALOT_URL ?? '');
  let count = 0;
  const job = async (...more: string[]) => {
    const one = machine(`job-${count++}`);
    const folder = one.folder;
    rmSync(folder, { recursive: true });
    cpSync(locking.folder, folder, { recursive: true });
    registry.taken();
    repository.taken();
    asked.taken();
    const report = `${folder}.json`;
    const done = await here.cachalot(['run', ...more, '--report', report, '--', 'sh', 'build.sh'], {
      folder,
      env: { ...one.env, CACHALOT_URL: asked.url },
    });
    const { entries } = readReport(report, done) as { entries?: { kind: string; hit: string }[] };
    return {
      ...done,
      hits: Object.fromEntries((entries ?? []).map(({ kind, hit }) => [kind, hit])),
      lookups: asked.taken().filter((path) => path.endsWith('/lookup')).length,
      downloads: [...registry.taken(), ...repository.taken()],
    };
  };

  const cold = await job();
  t.match(cold, { status: 0, hits: { maven: 'none', npm: 'none', pnpm: 'none' } }, cold.stdout + cold.stderr);
  t.ok(cold.downloads.length > 3);
  const warm = await job();
  t.match(
    warm,
    { status: 0, hits: { maven: 'exact', npm: 'exact', pnpm: 'exact' }, lookups: 1 },
    warm.stdout + warm.stderr,
  );
  t.same(warm.downloads, [], 'nothing is downloaded by any of the three');
  t.match(warm.stdout, /Already up to date/, "pnpm's own verdict");

  mkdirSync(join(locking.folder, 'node_modules'));
  writeFiles(locking.folder, {
    'package-lock.json': { name: 'root', lockfileVersion: 3, packages: { '': { name: 'root' } } },
    'package.json': { name: 'root' },
  });
  const own = await job();
  t.equal(own.hits.maven, undefined, 'a root with a lockfile of its own is the project');
});

/** A server before the server, that writes down what it is asked for. */
async function recording(t: Test, upstream: string): Promise<{ url: string; taken(): string[] }> {
  const paths: string[] = [];
  const server = createServer((incoming, answer) => {
    paths.push(incoming.url ?? '');
    const { method, headers } = incoming;
    const outgoing = request(new URL(incoming.url ?? '/', upstream), { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => paths.splice(0),
  };
}
