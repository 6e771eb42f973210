/** A local repository for each project, on a host that keeps its home. */
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import { IDLE_DAYS, markUsed, removeIdle, trim } from '#runner-plugin/fingerprint/maven/own-repository.ts';
import { trackedFolders } from '#runner-plugin/fingerprint/maven/tracking.ts';
import type { Plan } from '#runner-plugin/fingerprint/plan.ts';
import { type Files, type Options, type Project, project } from './fixture.ts';
import { released } from './fixture-repository.ts';

/** The project's plan on a host that keeps its home. */
async function kept(from: Project, { env = {}, ...options }: Options = {}): Promise<Plan> {
  return from.plan({
    ...options,
    env: { CACHALOT_HOST: 'persistent', CACHALOT_HOME: join(from.base, 'state'), ...env },
  });
}

test('each project and each checkout has its own; an entry of it fits on every host', async (t) => {
  const one = project(t);
  const [plan, elsewhere] = [await kept(one), await one.plan()];
  const place = plan.roots[0]?.place ?? '';
  t.equal(dirname(place), join(one.base, 'state/maven-repositories'));
  t.match(place, /\/shop-[0-9a-f]{16}$/, 'a person can tell whose it is');
  t.equal((await kept(one)).roots[0]?.place, place, 'the same in the next build');
  t.equal(plan.fingerprint.key, elsewhere.fingerprint.key);
  t.equal(plan.roots[0]?.root, elsewhere.roots[0]?.root);
  one.write({
    'other/pom.xml': '<project><groupId>org.example</groupId><artifactId>shop</artifactId></project>',
  });
  const other = await kept(one, { folder: join(one.folder, 'other') });
  t.not(other.roots[0]?.place, place);
});

test('Maven is told: by the command where it is Maven, else by the variable that it reads', async (t) => {
  const from = project(t);
  const rows: [Options, (place: string) => Plan['handOver']][] = [
    [
      { command: ['mvn', 'verify'] },
      (place) => ({ command: ['mvn', 'verify', `-Dmaven.repo.local=${place}`] }),
    ],
    [{ command: ['./build.sh'] }, (place) => ({ env: { MAVEN_ARGS: `-Dmaven.repo.local=${place}` } })],
    [
      { command: ['./build.sh'], env: { MAVEN_ARGS: '-ntp' }, maven: '4.0.0-rc-4' },
      (place) => ({ env: { MAVEN_ARGS: `-ntp -Dmaven.repo.local=${place}` } }),
    ],
    [
      { command: ['./build.sh'], env: { MAVEN_OPTS: '-Xmx1g' }, maven: '3.8.7' },
      (place) => ({ env: { MAVEN_OPTS: `-Xmx1g -Dmaven.repo.local=${place}` } }),
    ],
  ];
  for (const [options, expected] of rows) {
    const plan = await kept(from, options);
    t.same(plan.handOver, expected(plan.roots[0]?.place ?? ''));
  }
  const watch = await (await kept(from)).watch?.(undefined, { saves: true, take: async () => undefined });
  t.teardown(() => watch?.close?.());
  const words = watch?.handOver?.command?.join(' ');
  t.match(
    words,
    /-Dmaven\.repo\.local=.* -Daether\.artifactResolver/,
    'what is handed over later has it too',
  );
});

test('one that is named is used and not replaced', async (t) => {
  const rows: [Options & { files?: Files }, place: string][] = [
    [{ command: ['mvn', '-Dmaven.repo.local=/named', 'verify'] }, '/named'],
    [{ env: { MAVEN_ARGS: '-Dmaven.repo.local=/named' } }, '/named'],
    [{ env: { MAVEN_OPTS: '-Dmaven.repo.local=/named' } }, '/named'],
    [{ files: { '.mvn/maven.config': '-Dmaven.repo.local=/named' } }, '/named'],
    [
      { files: { '~/.m2/settings.xml': '<settings><localRepository>/named</localRepository></settings>' } },
      '/named',
    ],
  ];
  for (const [{ files = {}, ...options }, place] of rows) {
    const plan = await kept(project(t, files), options);
    t.equal(plan.roots[0]?.place, place);
    t.equal(plan.handOver, undefined);
  }
});

test('where nothing is said of the host, or that it keeps nothing, nothing changes', async (t) => {
  const from = project(t);
  for (const CACHALOT_HOST of ['', 'ephemeral']) {
    const plan = await kept(from, { env: { CACHALOT_HOST } });
    t.equal(plan.roots[0]?.place, join(from.home, '.m2/repository'));
    t.equal(plan.handOver, undefined);
  }
  await t.rejects(kept(from, { env: { CACHALOT_HOST: 'persistant' } }), { code: 'SETTING_INVALID' });
});

test('one that nobody has used for a month is removed, and no other', async (t) => {
  const { base } = project(t);
  const [beside, now] = [join(base, 'all'), Date.UTC(2026, 0, 31)];
  const day = 24 * 60 * 60 * 1000;
  const used = {
    today: 0,
    recently: IDLE_DAYS - 1,
    'long-ago': IDLE_DAYS + 1,
    '.half-removed': IDLE_DAYS + 1,
  };
  for (const [name, days] of Object.entries(used)) {
    await markUsed(join(beside, name), now);
    mkdirSync(join(beside, name, 'org/a'), { recursive: true });
    writeFileSync(join(beside, name, 'org/a/a.jar'), '');
    await markUsed(join(beside, name), now - days * day);
  }
  await removeIdle(beside, now);
  t.same(readdirSync(beside).sort(), ['recently', 'today']);
  await removeIdle(join(base, 'not-there'), now);
});

/** A repository with an artifact in use, `idle` others of the same size and one of one's own. */
async function trimmed(t: Test, idle: number): Promise<string[]> {
  const { home, write } = project(t, {
    ...released('org/used/1', 'central'),
    ...released('org/mine/1', ''),
    ...Object.assign({}, ...Array.from({ length: idle }, (_, i) => released(`org/i${i}/1`, 'central'))),
  });
  write({ '~/.m2/repository/org/used/1/used-1.jar': 'a larger jar '.repeat(10) });
  // Installed here, and in a repository besides.
  write({
    '~/.m2/repository/org/i0/1/_remote.repositories':
      'i0-1.jar>central=\ni0-1.pom>central=\ni0-1-own.jar>=\n',
  });
  const repository = join(home, '.m2/repository');
  const folders = await trackedFolders(repository);
  const used = ['_remote.repositories', 'used-1.jar', 'used-1.jar.sha1', 'used-1.pom'];
  await trim(
    repository,
    folders,
    used.map((name) => `org/used/1/${name}`),
  );
  return [
    'used/1/used-1.jar',
    'mine/1/mine-1.jar',
    'i0/1/i0-1.jar',
    'i0/1/_remote.repositories',
    'i1/1/i1-1.jar',
    'i1/1/_remote.repositories',
  ].filter((path) => existsSync(join(repository, 'org', path)));
}

test('what a build did not use is taken away once it is more than what it used; never what was installed here', async (t) => {
  const all = ['used/1/used-1.jar', 'mine/1/mine-1.jar', 'i0/1/i0-1.jar', 'i0/1/_remote.repositories'];
  t.same(await trimmed(t, 1), all);
  t.same(await trimmed(t, 5), ['used/1/used-1.jar', 'mine/1/mine-1.jar', 'i0/1/_remote.repositories']);
});

test('a repository that earlier builds left is watched after an exact hit too, so that an entry holds nothing of theirs', async (t) => {
  const from = project(t);
  const plan = await kept(from);
  const saves = { saves: true, take: async () => undefined };
  const entry = { key: plan.fingerprint.key, inputs: plan.fingerprint.inputs } as never;
  const fresh = await plan.watch?.(entry, saves);
  t.equal(fresh?.handOver, undefined, 'it holds what was restored and nothing else');
  const place = plan.roots[0]?.place ?? '';
  t.ok(existsSync(place), 'it is marked as used');
  utimesSync(place, 0, 0);
  const later = await (await kept(from)).watch?.(entry, saves);
  t.teardown(() => later?.close?.());
  t.match(later?.handOver?.command?.join(' '), 'trustedChecksums');
});
