/** Two projects that are built on one host which keeps its home, and what each of them has of the other: nothing. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { type BuildOptions, ended, type Files, filesBelow, project, setUpTiny } from './maven-build.ts';
import { coordinates } from './maven-repository.ts';
import { centralUrl, needMaven, ONE_JUDGE } from './maven-tools.ts';

const INSTALL = `<plugin>${coordinates('org.apache.maven.plugins:maven-install-plugin:3.1.4')}</plugin>`;

/** The fixture's project under another name, with what `install` needs. */
function named(name: string, dependencies: readonly string[]): Files {
  const [pom = ''] = Object.values(project(dependencies));
  return { 'pom.xml': pom.replace('>shop<', `>${name}<`).replace('<plugins>', `<plugins>${INSTALL}`) };
}

/** Of what the project `one` installs, which is in no repository. */
const usesOne = (files: Files): Files => ({
  'pom.xml': (files['pom.xml'] ?? '').replace(
    '<dependencies>',
    `<dependencies><dependency>${coordinates('me:one:1.0')}<type>pom</type></dependency>`,
  ),
});

for (const maven of ONE_JUDGE) {
  test(`Maven ${maven}: on a host that keeps its home no project has anything of another`, {
    timeout: 400_000,
  }, async (t) => {
    if (!(await needMaven(t, maven))) return;
    const { place, repository, build } = await setUpTiny(t, maven, await centralUrl());
    for (const gav of ['org.lib:shared:1', 'org.lib:of-one:1', 'org.lib:of-other:1'])
      repository.publish('central', { gav, jar: gav });
    const one = named('one', ['org.lib:shared:1', 'org.lib:of-one:1']);
    const other = named('other', ['org.lib:shared:1', 'org.lib:of-other:1']);
    const host = (name: string, checkout: string, more: Record<string, string> = {}): BuildOptions => {
      mkdirSync(join(place.folder, name), { recursive: true });
      const env = { JAVA_TOOL_OPTIONS: `-Duser.home=${join(place.folder, name)}`, ...more };
      return { checkout, env, named: false };
    };
    const persistent = { CACHALOT_HOST: 'persistent' };
    const [ofOne, ofOther] = [host('kept', 'one', persistent), host('kept', 'other', persistent)];

    ended(t, await build(one, { ...ofOne, words: ['install'] }), { hit: 'none' });
    const failed = await build(usesOne(other), ofOther);
    ended(t, failed, { status: 1 });
    t.match(failed.output, /me:one/, 'what another project installed is not there');
    ended(t, await build(other, ofOther), { status: 0 });
    t.notOk(existsSync(join(place.folder, 'kept/.m2/repository')), "Maven's own is not touched");
    const own = join(place.env.CACHALOT_HOME ?? '', 'maven-repositories');
    t.match(readdirSync(own).sort(), [/^one-/, /^other-/]);

    ended(t, await build(one, { ...ofOne, words: ['install'] }), { hit: 'exact', requests: [] });
    ended(t, await build(other, ofOther), { hit: 'exact', requests: [] });
    ended(t, await build(other, { ...ofOther, words: ['-o', 'verify'] }), { hit: 'exact', requests: [] });
    ended(t, await build(other, { ...ofOther, words: ['-o', 'verify'], scripted: true }), { requests: [] });

    const fresh = host('fresh', 'other');
    ended(t, await build(other, fresh), { hit: 'exact', requests: [] });
    const restored = filesBelow(join(place.folder, 'fresh/.m2/repository')).join('\n');
    t.match(restored, 'org/lib/of-other/1/of-other-1.jar', 'the entry fits on a host that keeps nothing');
    t.notMatch(restored, /of-one|me\/one/, 'and holds nothing of the other project');

    // What all of this keeps apart.
    const shared = [host('shared', 'one'), host('shared', 'other')] as const;
    ended(t, await build(one, { ...shared[0], words: ['install'] }), { hit: 'exact' });
    ended(t, await build(usesOne(other), shared[1]), { status: 0 });
  });
}
