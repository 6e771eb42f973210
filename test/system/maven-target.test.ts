/** Build outputs of real Maven builds: taken over where Maven itself finds nothing to do, and nowhere else. */
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { type BuildOptions, ended, type Files, filesBelow, setUpBuilds } from './maven-build.ts';
import { SHOP } from './maven-lifecycle.ts';
import { centralUrl, needMaven, ONE_JUDGE } from './maven-tools.ts';

const RESTORED = /maven-target me:shop: hit/;

for (const maven of ONE_JUDGE) {
  test(`Maven ${maven}: an unchanged project is not compiled again, a changed one as if for the first time`, {
    timeout: 400_000,
  }, async (t) => {
    if (!(await needMaven(t, maven))) return;
    const { build } = await setUpBuilds(t, maven, await centralUrl());
    let classes: string[] = [];
    const inspect = (folder: string) => (classes = classesIn(folder));
    const run = async (files: Files, flags: readonly string[], more: BuildOptions = {}) => {
      const done = await build(files, { flags: ['--kind', 'maven-target', ...flags], inspect, ...more });
      return { done, classes };
    };
    const cold = await run(SHOP, []);
    ended(t, cold.done, {});
    t.equal(cold.classes.length, 4);

    const warm = await run(SHOP, []);
    ended(t, warm.done, { requests: [] });
    t.match(warm.done.output, RESTORED);
    t.equal(warm.done.output.match(/Nothing to compile/g)?.length, 3, 'core, its tests, and web');
    t.notMatch(warm.done.output, /Compiling \d|Recompiling|Building jar/);
    t.match(warm.done.output, /Tests run: 1, Failures: 0/, 'tests run all the same');
    t.same(warm.classes, cold.classes);

    const whale = 'core/src/main/java/me/core/Whale.java';
    const edited = { ...SHOP, [whale]: (SHOP[whale] ?? '').replace('TONS = 30', 'TONS = 31') };
    const { [whale]: text = '', ...others } = SHOP;
    const renamed = {
      ...others,
      'core/src/main/java/me/core/Cetacean.java': text.replace('class Whale', 'class Cetacean'),
      'core/src/main/java/me/core/Whale.java': 'package me.core; public class Whale extends Cetacean { }',
    };
    const deleted = {
      ...SHOP,
      [whale]: text.replace('new Name().text()', '"humpback"'),
    };
    delete (deleted as Files)['core/src/main/java/me/core/Name.java'];
    for (const [what, files, words] of [
      ['an edited source', edited, ['verify']],
      ['a renamed source', renamed, ['verify']],
      ['a deleted source', deleted, ['verify']],
      ['a profile', SHOP, ['verify', '-Pother']],
    ].slice(0, maven === '3.9.16' ? 4 : 1) as [string, Files, string[]][]) {
      const clean = await run(files, ['--no-restore', '--no-save'], { words });
      const next = await run(files, ['--no-save'], { words });
      ended(t, next.done, {});
      t.notMatch(next.done.output, RESTORED, `${what}: not restored`);
      t.same(next.classes, clean.classes, `${what}: the classes of a clean build`);
    }
  });
}

for (const maven of ONE_JUDGE) {
  test(`Maven ${maven}: the same on a host that keeps its home, where the repository is the project's own`, {
    timeout: 400_000,
  }, async (t) => {
    if (!(await needMaven(t, maven))) return;
    const { build, place } = await setUpBuilds(t, maven, await centralUrl());
    const home = join(place.folder, 'kept');
    mkdirSync(home);
    const env = { CACHALOT_HOST: 'persistent', JAVA_TOOL_OPTIONS: `-Duser.home=${home}` };
    const options = { flags: ['--kind', 'maven-target'], env, named: false };
    ended(t, await build(SHOP, options), { status: 0 });
    const warm = await build(SHOP, options);
    ended(t, warm, { status: 0, requests: [] });
    t.match(warm.output, RESTORED);
    t.notMatch(warm.output, /Compiling \d|Recompiling|Building jar/);
    const edited = { ...SHOP, 'core/src/main/resources/whale.txt': 'sperm' };
    const other = await build(edited, options);
    ended(t, other, { status: 0, requests: [] });
    t.notMatch(other.output, RESTORED, 'a changed resource');
  });
}

/** Name and content of each class. */
function classesIn(folder: string): string[] {
  return filesBelow(folder)
    .filter((path) => /target\/(test-)?classes\/.*\.class$/.test(path))
    .map((path) => `${path} ${hash('sha256', readFileSync(join(folder, path)), 'hex')}`);
}
