/** Where the local repository is, and what of it is anyone's but the build's own. */
import { join } from 'node:path';
import { test } from 'tap';
import { namedRepository } from '#runner-plugin/fingerprint/maven/repository.ts';
import { trackedFiles } from '#runner-plugin/fingerprint/maven/tracking.ts';
import { MODULE, project, ROOT } from './fixture.ts';

const NONE: ReadonlyMap<string, string> = new Map();
const local = (place: string) => new Map([['maven.repo.local', place]]);
const SOURCES = {
  properties: NONE,
  systemProperties: NONE,
  env: {},
  version: '3.9.16',
  folder: '/work',
  home: '/home/u',
};

test('the local repository is where Maven has it', (t) => {
  const rows: [Partial<Parameters<typeof namedRepository>[0]>, string | undefined][] = [
    [{}, undefined],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Maven's own way of writing it
    [{ settings: '${user.home}/repo' }, '/home/u/repo'],
    [{ settings: '/s', systemProperties: local('/o') }, '/o'],
    [{ settings: '/s', systemProperties: local('/o'), version: '4.0.0-rc-4' }, '/s'],
    [{ properties: local('/p'), systemProperties: local('/o') }, '/p'],
    [{ properties: local('.m2/repository') }, '/work/.m2/repository'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Maven's own way of writing it
    [{ settings: '${env.REPO}/r', env: { REPO: '/e' } }, '/e/r'],
  ];
  for (const [more, place] of rows) t.equal(namedRepository({ ...SOURCES, ...more }), place);
  t.end();
});

test("where nobody names one it is in Java's home folder", async (t) => {
  const { plan, home } = project(t);
  t.equal((await plan()).roots[0]?.place, join(home, '.m2/repository'));
});

test('the last -D wins, and the command wins over maven.config', async (t) => {
  const { plan } = project(t, { '.mvn/maven.config': '-Dmaven.repo.local=/config\n' });
  t.equal((await plan()).roots[0]?.place, '/config');
  t.equal(
    (await plan({ command: ['mvn', '-Dmaven.repo.local=/a', '-Dmaven.repo.local=/b', 'verify'] })).roots[0]
      ?.place,
    '/b',
  );
});

test('only what came from a remote repository is saved', async (t) => {
  const { home, write } = project(t);
  const at = (path: string) => `~/.m2/repository/${path}`;
  write({
    [at('org/a/1/a-1.jar')]: 'jar',
    [at('org/a/1/a-1.jar.sha1')]: 'sum',
    [at('org/a/1/a-1.pom')]: 'pom',
    [at('org/a/1/a-1-sources.jar')]: 'not tracked',
    [at('org/a/1/_remote.repositories')]: '#NOTE\na-1.jar>central=\na-1.pom>central=\n',
    [at('org/own/1/own-1.jar')]: 'installed here',
    [at('org/own/1/_remote.repositories')]: 'own-1.jar>=\n',
    [at('org/own/maven-metadata-local.xml')]: 'mine',
    [at('org/s/1-SNAPSHOT/s-1-20261120.160834-2.jar')]: 'timestamped',
    [at('org/s/1-SNAPSHOT/s-1-SNAPSHOT.jar')]: 'its copy',
    [at('org/s/1-SNAPSHOT/_remote.repositories')]: 's-1-20261120.160834-2.jar>snaps=\ns-1-SNAPSHOT.jar>=\n',
    [at('org/s/1-SNAPSHOT/maven-metadata-snaps.xml')]: 'metadata',
    [at('org/s/1-SNAPSHOT/maven-metadata-snaps.xml.sha1')]: 'sum',
    [at('org/s/1-SNAPSHOT/resolver-status.properties')]: 'maven-metadata-snaps.xml.error=\n',
    [at('org/gone/1/gone-1.jar.lastUpdated')]: 'negative',
    [at('.cache/tycho/x')]: 'cache',
    [at('.locks/x')]: '',
    [at('archetype-catalog.xml')]: 'catalogue',
  });
  t.same(await trackedFiles(join(home, '.m2/repository')), [
    'org/a/1/_remote.repositories',
    'org/a/1/a-1.jar',
    'org/a/1/a-1.jar.sha1',
    'org/a/1/a-1.pom',
    'org/s/1-SNAPSHOT/_remote.repositories',
    'org/s/1-SNAPSHOT/maven-metadata-snaps.xml',
    'org/s/1-SNAPSHOT/maven-metadata-snaps.xml.sha1',
    'org/s/1-SNAPSHOT/s-1-20261120.160834-2.jar',
  ]);
});

test('an empty repository is not worth an entry; one that a failed build filled is', async (t) => {
  const { plan, write } = project(t);
  t.match(await (await plan()).refuseSave?.(0), /nothing/);
  write({
    '~/.m2/repository/org/a/1/a-1.jar': 'jar',
    '~/.m2/repository/org/a/1/_remote.repositories': 'a-1.jar>central=\n',
  });
  t.equal(await (await plan()).refuseSave?.(1), undefined);
});

test('what is asked for in every build is named', async (t) => {
  const { plan } = project(t, {
    'core/pom.xml':
      '<project><groupId>g</groupId><artifactId>core</artifactId><dependencies><dependency><groupId>a</groupId><artifactId>b</artifactId><version>[1,2)</version></dependency><dependency><groupId>a</groupId><artifactId>c</artifactId><version>1-SNAPSHOT</version></dependency></dependencies><build><plugins><plugin><artifactId>maven-jar-plugin</artifactId></plugin></plugins></build></project>',
  });
  t.match(
    (await plan()).notes.join('\n'),
    /a:b has a range.*\n.*a:c is a snapshot.*\n.*maven-jar-plugin has no version/,
  );
});

test("what is open is found through properties and in parents; the reactor's own snapshots are not open", async (t) => {
  const own = '1.0-SNAPSHOT';
  const dependency = (gav: string) => {
    const [group, artifact, version] = gav.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  };
  const { plan } = project(t, {
    'pom.xml': ROOT(
      '<parent><groupId>corp</groupId><artifactId>parent</artifactId><version>3-SNAPSHOT</version><relativePath/></parent><properties><lib>2-SNAPSHOT</lib></properties>',
      own,
    ),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Maven's own way of referring
    'core/pom.xml': MODULE('core', `<dependencies>${dependency('a:lib:${lib}')}</dependencies>`, own),
    'web/pom.xml': MODULE(
      'web',
      `<dependencies>${dependency(`org.example:core:${own}`)}</dependencies>`,
      own,
    ),
  });
  t.match((await plan()).notes, [/^a:lib is a snapshot/, /^corp:parent is a snapshot/]);
  t.equal((await plan()).notes.length, 2);
});
