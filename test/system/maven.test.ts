/** The main job on a real multi-module Maven project: a warm build asks for nothing, and one that gains files says so. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { need } from '../needs.ts';
import { place, readReport } from './cachalot.ts';
import { startCountingProxy } from './counting-proxy.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/maven-service', import.meta.url));

test('a Maven reactor: compile first, then verify until nothing is asked for, then offline', {
  timeout: 600_000,
}, async (t) => {
  if (!need(t, 'mvn', 'java')) return;
  const here = place(t);
  await here.serve();
  const proxy = await startCountingProxy();
  t.teardown(() => proxy.close());
  const build = async (name: string, ...words: string[]) => {
    const folder = join(here.folder, name);
    cpSync(EXAMPLE, folder, { recursive: true, filter: (path) => !/\/(target|\.m2)$/.test(path) });
    const report = join(here.folder, `${name}.json`);
    const settings = [
      '-B',
      '-ntp',
      '-Dmaven.repo.local=.m2/repository',
      `-Dhttps.proxyHost=127.0.0.1`,
      `-Dhttps.proxyPort=${proxy.port}`,
      `-Dhttp.proxyHost=127.0.0.1`,
      `-Dhttp.proxyPort=${proxy.port}`,
    ];
    proxy.taken();
    const { status, stdout, stderr } = await here.cachalot(
      ['run', '--report', report, '--', 'mvn', ...settings, ...words],
      { folder },
    );
    rmSync(folder, { recursive: true, force: true });
    return {
      ...readReport(report, { stderr }),
      status,
      output: stdout + stderr,
      stderr,
      requests: proxy.taken(),
    };
  };

  const compiled = await build('compiled', '-DskipTests', 'verify');
  t.match(compiled, { status: 0, hit: 'none' }, compiled.output.slice(-2000));
  t.ok(compiled.requests > 0, 'the proxy counts what Maven asks for');

  const near = await build('near', 'verify');
  t.match(near, { status: 0, hit: 'near' });
  t.ok(near.bytes.down > 0, 'what another build of the project used is restored');

  const warm = await build('warm', 'verify');
  t.match(warm, { status: 0, hit: 'exact' });
  t.equal(warm.requests, 0, 'an exact hit asks for nothing');
  t.notMatch(warm.output, /Downloading from/);

  const offline = await build('offline', '-o', 'verify');
  t.match(offline, { status: 0, hit: 'exact' }, offline.output.slice(-2000));
});
