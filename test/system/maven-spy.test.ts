/** The extension that tells what a Maven before 3.9 resolves: what it is made of, and that it misses nothing. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { spyIn } from '#runner-plugin/fingerprint/maven/spy.ts';
import { RESOLVED_SPY } from '#runner-plugin/fingerprint/maven/spy-class.ts';
import { artifactsOf, trackedFolders } from '#runner-plugin/fingerprint/maven/tracking.ts';
import { startRecording } from '#runner-plugin/fingerprint/maven/used.ts';
import { need } from '../needs.ts';
import { setUpBuilds } from './maven-build.ts';
import { FIRST_TEST, LIBRARY } from './maven-lifecycle.ts';
import { centralUrl, mavenHome, needMaven } from './maven-tools.ts';

const SOURCE = fileURLToPath(
  new URL('../../runner-plugin/fingerprint/maven/ResolvedSpy.java', import.meta.url),
);

test('the class that Maven is given is the source that stands beside it, compiled', async (t) => {
  if (!(await needMaven(t, 'system')) || !need(t, 'javap')) return;
  const folder = mkdtempSync(join(tmpdir(), 'cachalot-spy-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const lib = join(await mavenHome('system'), 'lib');
  const jars = readdirSync(lib).filter((name) => /^maven-(core|resolver-api)-?.*\.jar$/.test(name));
  const path = jars.map((name) => join(lib, name)).join(delimiter);
  const [given, compiled] = [join(folder, 'Given.class'), join(folder, 'out/cachalot/ResolvedSpy.class')];
  writeFileSync(given, Buffer.from(RESOLVED_SPY, 'base64'));
  execFileSync('javac', ['-nowarn', '-g:none', '-cp', path, '-d', join(folder, 'out'), SOURCE], {
    stdio: 'pipe',
  });
  t.equal(codeOf(given), codeOf(compiled));
});

/** Its methods' instructions, whichever compiler numbered its constants. */
function codeOf(path: string): string {
  const text = execFileSync('javap', ['-p', '-c', path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return text.replace(/#\d+/g, '#').replace(/ +/g, ' ');
}

for (const maven of ['system', '3.9.16'] as const) {
  test(`Maven ${maven}: what is told is all that was resolved`, { timeout: 300_000 }, async (t) => {
    if (!(await needMaven(t, maven))) return;
    const { place, repository } = await setUpBuilds(t, maven, await centralUrl());
    const [folder, local] = [join(place.folder, 'checkout'), join(place.folder, 'repository')];
    for (const [path, content] of Object.entries({ ...LIBRARY, ...FIRST_TEST })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    const settings = `<settings><mirrors><mirror><id>near</id><mirrorOf>*</mirrorOf><url>${repository.url('central')}</url></mirror></mirrors></settings>`;
    writeFileSync(join(place.folder, 'settings.xml'), settings);
    const told = mkdtempSync(join(place.folder, 'told-'));
    const spy = await spyIn(told, { defined: new Map(), repository: local });
    // From 3.9 on Maven has a record of its own, by which the extension is judged.
    const record =
      maven === 'system'
        ? undefined
        : await startRecording({
            command: ['mvn'],
            env: {},
            version: maven,
            defined: new Map(),
            coreExtensions: false,
            repository: local,
          });
    t.teardown(() => record?.close());
    const handed = [...spy.words, ...(record?.handOver.command?.slice(1) ?? [])];
    const PATH = `${join(await mavenHome(maven), 'bin')}${delimiter}${place.env.PATH}`;
    const words = ['-B', '-s', '../settings.xml', `-Dmaven.repo.local=${local}`, 'verify', ...handed];
    const { status, stdout } = await place.run('mvn', words, { folder, env: { PATH } });
    t.equal(status, 0, status === 0 ? 'built' : stdout.slice(-2000));
    const all = (await record?.read()) ?? artifactsOf(await trackedFolders(local));
    const resolved = await spy.read();
    t.ok(resolved !== undefined && resolved.size > 100);
    t.same([...(resolved ?? [])].sort(), [...all].filter((path) => path !== '').sort());
  });
}
