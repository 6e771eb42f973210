/** What a warm Maven build must not be: one that succeeds, fails or is stale where a cold one would not be. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { type Builds, ended, filesBelow, project, REPOSITORY, setUpTiny } from './maven-build.ts';
import { coordinates } from './maven-repository.ts';
import { centralUrl, needMaven, ONE_JUDGE } from './maven-tools.ts';

for (const maven of ONE_JUDGE) {
  const on = (what: string, body: (t: Test, builds: Builds) => Promise<void>): void => {
    test(`Maven ${maven}: ${what}`, { timeout: 300_000 }, async (t) => {
      if (!(await needMaven(t, maven))) return;
      await body(t, await setUpTiny(t, maven, await centralUrl()));
    });
  };
  on('what was missing and has been published since is found', async (t, { build, repository }) => {
    repository.publish('central', { gav: 'org.lib:there:1', jar: 'x' });
    const files = project(['org.lib:there:1', 'org.lib:late:1']);
    const failed = await build(files, {
      inspect: (folder) => t.match(filesBelow(join(folder, REPOSITORY)).join(), /late.*lastUpdated/),
    });
    ended(t, failed, { status: 1, hit: 'none' });
    t.match(failed.output, /org\.lib:late/);
    repository.publish('central', { gav: 'org.lib:late:1', jar: 'x' });
    const done = await build(files);
    ended(t, done, { hit: 'exact' });
    t.match(done.output, /files were missing and are added/);
    ended(t, await build(files), { hit: 'exact', requests: [] });
  });

  on(
    'a newer snapshot and a newer release in a range are found, and no jar is asked for twice',
    async (t, { build, repository }) => {
      const publish = (gav: string) => repository.publish('central', { gav, jar: gav });
      for (const gav of ['org.lib:snap:1-SNAPSHOT', 'org.lib:still:1-SNAPSHOT', 'org.lib:ranged:1.0'])
        publish(gav);
      const files = project([
        'org.lib:snap:1-SNAPSHOT',
        'org.lib:still:1-SNAPSHOT',
        'org.lib:ranged:[1.0,2.0)',
      ]);
      ended(t, await build(files), { hit: 'none' });
      const warm = await build(files);
      ended(t, warm, { hit: 'exact' });
      t.same(jarsIn(warm.requests), []);
      t.ok(warm.requests.length > 0, 'what may have changed is asked for');
      t.ok(
        warm.requests.every((path) => path.includes('maven-metadata.xml')),
        'by its metadata alone',
      );
      publish('org.lib:snap:1-SNAPSHOT');
      publish('org.lib:ranged:1.5');
      const newer = await build(files, {
        inspect: (folder) => {
          const there = filesBelow(join(folder, REPOSITORY));
          t.ok(there.includes('org/lib/ranged/1.5/ranged-1.5.jar'));
        },
      });
      ended(t, newer, { hit: 'exact' });
      t.match(jarsIn(newer.requests), [/ranged-1\.5\.jar$/, /snap-1-.*-2\.jar$/]);
      t.same(jarsIn((await build(files)).requests), []);
    },
  );

  on("one's own artifacts are in no entry, however they came", async (t, { build, repository }) => {
    repository.publish('central', { gav: 'org.lib:lib:1', jar: 'x' });
    const pinned = `<build><pluginManagement><plugins><plugin>${coordinates('org.apache.maven.plugins:maven-install-plugin:3.1.4')}</plugin></plugins></pluginManagement></build>`;
    const module = (name: string, ...dependencies: string[]) =>
      (project(dependencies)['pom.xml'] ?? '')
        .replace('<artifactId>shop<', `<artifactId>${name}<`)
        .replaceAll('</version></dependency>', '</version><type>pom</type></dependency>')
        .replace(
          '<build>',
          '<parent><groupId>me</groupId><artifactId>all</artifactId><version>1.0</version></parent><build>',
        );
    const files = {
      'pom.xml': `<project><modelVersion>4.0.0</modelVersion>${coordinates('me:all:1.0')}<packaging>pom</packaging><modules><module>core</module><module>web</module></modules>${pinned}</project>`,
      'core/pom.xml': module('core', 'org.lib:lib:1'),
      'web/pom.xml': module('web', 'me:core:1.0'),
    };
    const whole = await build(files, {
      words: ['install'],
      inspect: (folder) => t.ok(filesBelow(join(folder, REPOSITORY)).includes('me/core/1.0/core-1.0.pom')),
    });
    ended(t, whole, { hit: 'none' });
    let left: string[] = [];
    const part = await build(files, {
      words: ['verify', '-pl', 'web'],
      inspect: (folder) => (left = filesBelow(join(folder, REPOSITORY, 'me'))),
    });
    ended(t, part, { status: 1, hit: 'near' });
    t.notMatch(left.join(), /core-1\.0\.pom(,|$)/, 'it is as missing as in a cold build');
  });

  on(
    'a repository that is no longer named fails a warm build as it does a cold one',
    async (t, { build, repository }) => {
      repository.publish('corp', { gav: 'org.corp:lib:1', jar: 'x' });
      const url = repository.url('corp');
      const corp = `<repositories><repository><id>corp</id><url>${url}</url></repository></repositories>`;
      ended(t, await build(project(['org.corp:lib:1'], corp)), { hit: 'none' });
      const without = await build(project(['org.corp:lib:1']));
      ended(t, without, { status: 1, hit: 'near' });
    },
  );

  on('no secret leaves the machine, nor is it told', async (t, { build, repository, place, settings }) => {
    const secret = 's3cret-of-nobody';
    repository.publish('corp', { gav: 'org.corp:lib:1', jar: 'x' });
    const url = repository.url('corp').replace('://', `://user:${secret}@`);
    settings(
      `<servers><server><id>corp</id><username>u</username><password>${secret}</password></server></servers>`,
    );
    const done = await build(
      project(
        ['org.corp:lib:1'],
        `<properties><corp.password>${secret}</corp.password></properties><repositories><repository><id>corp</id><url>${url}</url></repository></repositories>`,
      ),
      { words: [`-Dcorp.token=${secret}`, 'verify'], env: { CORP_TOKEN: secret } },
    );
    ended(t, done, { hit: 'none' });
    t.notMatch(done.stderr, secret);
    const told = filesBelow(place.folder).filter((path) => /^(data|state|report)/.test(path));
    t.ok(told.some((path) => path.startsWith('data/')));
    const telling = told.filter((path) => readFileSync(join(place.folder, path)).includes(secret));
    t.same(telling, []);
  });

  on("under another mirror's id what was restored is taken for that mirror's", async (t, builds) => {
    const { build, repository, settings } = builds;
    const libraries = Array.from({ length: 10 }, (_, i) => `org.lib:lib${i}:1`);
    for (const gav of libraries) repository.publish('central', { gav, jar: gav });
    const mirror = (id: string) =>
      `<mirrors><mirror><id>${id}</id><mirrorOf>*</mirrorOf><url>${repository.url('central')}</url></mirror></mirrors>`;
    const cold = await build(project(libraries));
    ended(t, cold, { hit: 'none' });
    for (const id of ['nexus', 'artifacts']) {
      settings(mirror(id));
      const near = await build(project(libraries));
      ended(t, near, { hit: 'near' });
      t.ok(near.requests.length < 10, `${near.requests.length} requests, ${cold.requests.length} when cold`);
      ended(t, await build(project(libraries)), { hit: 'exact', requests: [] });
    }
  });
}

function jarsIn(requests: readonly string[]): string[] {
  return requests.filter((path) => path.endsWith('.jar')).sort();
}
