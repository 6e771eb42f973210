/** What Maven entries become from build to build: whole in the end, and no larger than what is used. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { permits } from '../needs.ts';
import { mount } from '../runner-plugin/archive/unpack/mounts.ts';
import { ended, filesBelow, project, REPOSITORY, setUpBuilds, setUpTiny } from './maven-build.ts';
import { FIRST_TEST, LIBRARY } from './maven-lifecycle.ts';
import { centralUrl, JUDGES, needMaven, ONE_JUDGE } from './maven-tools.ts';

/** Twenty with all judges; each build takes seconds. */
const BUMPS = process.env.CACHALOT_TEST_JUDGES === 'all' ? 20 : 3;

// The two ways in which an entry is kept small: what 3.9 writes down itself, 3.8 is asked by an extension.
for (const maven of JUDGES) {
  test(`Maven ${maven}: a dependency bumped ${BUMPS} times leaves an entry as large as a fresh one`, {
    timeout: 600_000,
  }, async (t) => {
    if (!(await needMaven(t, maven))) return;
    const { build, repository, place } = await setUpTiny(t, maven);
    if (!withoutAccessTimes(t, place.folder)) return;
    const library = (version: number) => {
      repository.publish('central', { gav: `org.lib:inner:${version}`, jar: noise(20_000, version) });
      repository.publish('central', {
        gav: `org.lib:lib:${version}`,
        jar: noise(50_000, version),
        dependencies: [`org.lib:inner:${version}`],
      });
      return project([`org.lib:lib:${version}`, 'org.lib:steady:1']);
    };
    repository.publish('central', { gav: 'org.lib:steady:1', jar: noise(50_000, 99) });
    const sizes: number[] = [];
    let files: string[] = [];
    for (let version = 1; version <= BUMPS; version++) {
      const done = await build(library(version));
      ended(t, done, { hit: version === 1 ? 'none' : 'near' });
      if (version > 1)
        t.notOk(
          done.requests.some((path) => path.includes('steady')),
          'what stays is not asked for',
        );
      if (version !== 1 && version !== BUMPS) continue;
      const again = await build(library(version), {
        inspect: (folder) => (files = filesBelow(join(folder, REPOSITORY))),
      });
      ended(t, again, { hit: 'exact', requests: [] });
      sizes.push(again.bytes.down);
    }
    const [fresh = 0, last = 0] = sizes;
    t.ok(last <= 1.1 * fresh, `${last} bytes, ${fresh} when it was fresh`);
    t.same(
      [...new Set(files.filter((file) => /org\/lib\/(lib|inner)\/.*jar$/.test(file)))],
      [`org/lib/inner/${BUMPS}/inner-${BUMPS}.jar`, `org/lib/lib/${BUMPS}/lib-${BUMPS}.jar`],
    );
  });
}

for (const maven of ONE_JUDGE) {
  test(`Maven ${maven}: compile first, then verify until nothing is asked for, then a first test class`, {
    timeout: 400_000,
  }, async (t) => {
    if (!(await needMaven(t, maven))) return;
    const { build } = await setUpBuilds(t, maven, await centralUrl());
    ended(t, await build(LIBRARY, { words: ['compile'] }), { hit: 'none' });
    const near = await build(LIBRARY);
    ended(t, near, { hit: 'near' });
    t.ok(near.requests.length > 0, 'verify needs more than compile');
    ended(t, await build(LIBRARY), { hit: 'exact', requests: [] });
    ended(t, await build(LIBRARY), { hit: 'exact', requests: [] });

    const tested = { ...LIBRARY, ...FIRST_TEST };
    const gaining = await build(tested);
    ended(t, gaining, { hit: 'exact' });
    t.ok(gaining.requests.length > 0, "surefire's provider is downloaded, which no input tells");
    t.match(gaining.output, /hit, \d+ files were missing and are added/);
    ended(t, await build(tested), { hit: 'exact', requests: [] });
    ended(t, await build(tested, { words: ['-o', 'verify'] }), { hit: 'exact', requests: [] });
  });
}

/** From now on nothing notes there what is read. False where the test must be skipped: return at once. */
function withoutAccessTimes(t: Test, folder: string): boolean {
  const done = mount(t, '--bind', folder, folder) && remount(folder);
  return permits(t, done, 'only root may mount a folder without access times');
}

function remount(folder: string): boolean {
  return spawnSync('mount', ['-o', 'remount,bind,noatime', folder]).status === 0;
}

/** Bytes that do not compress, the same for the same seed. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, state = seed * 7919 + 1; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
