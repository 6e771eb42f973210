/** What each Maven really does, on which the kind's rules stand: where its local repository is, and what it asks for again. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'tap';
import { mavenKind } from '#runner-plugin/fingerprint/maven/detect.ts';
import { ended, type Files, project, setUpTiny } from './maven-build.ts';
import { JUDGES, MAVENS, mavenHome, needMaven } from './maven-tools.ts';

interface Place {
  what: string;
  /** Below the checkout. */
  files?: Files;
  words?: string[];
  env?: Record<string, string>;
  /** `<localRepository>`, below the test's folder. */
  settings?: string;
}

const at = (name: string) => `-Dmaven.repo.local=/PLACE/${name}`;
// Every row says two places or more, so that it shows which one wins.
const PLACES: Place[] = [
  {
    what: 'the last of two -D, which wins over all',
    words: [at('a'), at('b')],
    env: { MAVEN_ARGS: at('c') },
    files: { '.mvn/maven.config': at('d') },
  },
  {
    what: 'maven.config against MAVEN_ARGS',
    env: { MAVEN_ARGS: at('a') },
    files: { '.mvn/maven.config': at('b') },
  },
  {
    what: 'maven.config against MAVEN_OPTS',
    env: { MAVEN_OPTS: at('a') },
    files: { '.mvn/maven.config': at('b') },
  },
  { what: 'MAVEN_OPTS against the settings', env: { MAVEN_OPTS: at('a') }, settings: 'b' },
  {
    what: 'jvm.config against MAVEN_OPTS',
    env: { MAVEN_OPTS: at('a') },
    files: { '.mvn/jvm.config': at('b') },
  },
  { what: 'jvm.config against the settings', files: { '.mvn/jvm.config': at('a') }, settings: 'b' },
  {
    what: "Maven 4's maven.properties against the settings",
    files: { '.mvn/maven.properties': 'maven.repo.local = /PLACE/a\n' },
    settings: 'b',
  },
  { what: 'a relative one, from the folder of the command', words: ['-Dmaven.repo.local=here'] },
];

for (const maven of JUDGES) {
  test(`Maven ${maven}: the local repository is where the plan has it`, { timeout: 300_000 }, async (t) => {
    if (!(await needMaven(t, maven))) return;
    const { place, repository } = await setUpTiny(t, maven);
    const path = `${join(await mavenHome(maven), 'bin')}${delimiter}${place.env.PATH}`;
    for (const [i, { what, files = {}, words = [], env = {}, settings }] of PLACES.entries()) {
      const base = join(place.folder, `place-${i}`);
      const here = (text: string) => text.replaceAll('/PLACE/', `${base}/`);
      const url = repository.url('central');
      const written: Files = {
        'checkout/pom.xml': project([])['pom.xml'] ?? '',
        'settings.xml': `<settings>${settings === undefined ? '' : `<localRepository>${join(base, settings)}</localRepository>`}<mirrors><mirror><id>central</id><mirrorOf>*</mirrorOf><url>${url}</url></mirror></mirrors></settings>`,
        ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`checkout/${name}`, here(text)])),
      };
      for (const [name, text] of Object.entries(written)) {
        mkdirSync(dirname(join(base, name)), { recursive: true });
        writeFileSync(join(base, name), text);
      }
      const folder = join(base, 'checkout');
      const command = ['mvn', '-B', '-s', join(base, 'settings.xml'), ...words.map(here), 'verify'];
      const variables = {
        PATH: path,
        ...Object.fromEntries(Object.entries(env).map(([name, text]) => [name, here(text)])),
      };
      const done = await place.run(command[0] ?? '', command.slice(1), { folder, env: variables });
      t.equal(done.status, 0, `${what}: ${done.status === 0 ? 'built' : done.stdout.slice(-1000)}`);
      const [plan] = await mavenKind.detect({
        folder,
        command,
        env: { ...process.env, ...variables },
        home: join(base, 'home'),
        skipInstall: 'understood',
      });
      t.ok(existsSync(join(plan?.roots[0]?.place ?? '', 'tiny/tiny-maven-plugin')), what);
    }
  });
}

for (const maven of MAVENS) {
  test(`Maven ${maven}: asks for nothing where all is pinned, and for metadata alone where it is not`, {
    timeout: 300_000,
  }, async (t) => {
    if (!(await needMaven(t, maven))) return;
    const { build, repository, settings } = await setUpTiny(t, maven);
    repository.publish('central', { gav: 'org.lib:lib:1', jar: 'x' });
    settings(
      `<mirrors><mirror><id>nexus</id><mirrorOf>*</mirrorOf><url>${repository.url('central')}</url></mirror></mirrors>`,
    );
    const pinned = project(['org.lib:lib:1']);
    const cold = await build(pinned);
    ended(t, cold, { hit: 'none' });
    t.ok(cold.requests.length > 0);
    const again = await build(pinned);
    ended(t, again, { hit: 'exact' });
    t.same(again.asked, []);
    ended(t, await build(pinned, { words: ['-o', 'verify'] }), { hit: 'exact', requests: [] });

    const open = {
      'pom.xml': (pinned['pom.xml'] ?? '').replace(
        '</artifactId><version>1</version>\n<executions>',
        '</artifactId>\n<executions>',
      ),
    };
    t.not(open['pom.xml'], pinned['pom.xml']);
    ended(t, await build(open), { hit: 'near' });
    const warm = await build(open);
    ended(t, warm, { hit: 'exact' });
    const metadata = warm.requests.filter((path) => path.includes('/tiny-maven-plugin/maven-metadata.xml'));
    t.same(warm.requests, metadata);
    // 3.8 keeps to what it has until it is told to look (-U).
    if (maven !== 'system') t.ok(metadata.length > 0, 'an open version is looked up');
    ended(t, await build(open, { words: ['-o', 'verify'] }), { hit: 'exact', requests: [] });
  });
}
