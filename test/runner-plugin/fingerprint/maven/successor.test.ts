/** Which files of a local repository a build's entry holds. */
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { type Test, test } from 'tap';
import type { Manifest } from '#protocol/format/manifest.ts';
import { derivedMtime } from '#protocol/format/mtime.ts';
import { type Fingerprint, fingerprintOf, valueInput } from '#runner-plugin/fingerprint/fingerprint.ts';
import { watchReads } from '#runner-plugin/fingerprint/maven/reads.ts';
import { readTracking } from '#runner-plugin/fingerprint/maven/tracking.ts';
import type { Plan, Watch } from '#runner-plugin/fingerprint/plan.ts';
import { type Options, project, ROOT } from './fixture.ts';
import { inRepository, released, snapshot } from './fixture-repository.ts';

/** As far as a watch looks at it. */
function entryOf({ key, inputs }: Fingerprint, ending = ''): Manifest {
  return { key: key + ending, inputs } as unknown as Manifest;
}

type Whole = Required<Omit<Watch, 'handOver' | 'ended'>> & Watch;

async function watchOf(t: Test, plan: Plan, restored?: Manifest, saves = true): Promise<Whole> {
  const watch = await plan.watch?.(restored, { saves, take: async () => undefined });
  if (watch?.select === undefined || watch.close === undefined) throw new Error('there is no watch');
  t.teardown(() => watch.close?.());
  return watch as Whole;
}

/** What Maven writes where it is told to, by the words that it is handed. */
function record({ handOver }: Watch, paths: readonly string[]): void {
  const words = [...(handOver?.command ?? []), ...(handOver?.env?.MAVEN_ARGS?.split(' ') ?? [])];
  const folder = words.find((word) => word.includes('basedir='))?.split('=')[1];
  if (folder === undefined) throw new Error('Maven was not told where to write');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'checksums.sha1'), paths.map((path) => `${'0'.repeat(40)}  ${path}`).join('\n'));
}

const jarsOf = (files: readonly string[]) => files.filter((file) => file.endsWith('.jar'));

test('after an exact hit files that came make a generation, the same for the same files', async (t) => {
  const { plan, write } = project(t, released('org/a/1', 'central'));
  const found = await plan();
  for (const ending of ['', '/generation']) {
    const watch = await watchOf(t, found, entryOf(found.fingerprint, ending));
    t.equal(watch.handOver, undefined, 'nothing is taken away, so nothing has to be known');
    t.equal(await watch.gained(), undefined);
  }
  const watch = await watchOf(t, found, entryOf(found.fingerprint));
  write(released('org/b/1', 'central'));
  const gained = await watch.gained();
  t.equal(gained?.files, 4);
  t.same(await watch.gained(), gained);
  t.same(jarsOf(await watch.select(0)), ['org/a/1/a-1.jar', 'org/b/1/b-1.jar'], 'both are in the successor');
});

test('an exact hit is one of the key that holds, whatever has been added to it', async (t) => {
  const found = await project(t).plan();
  const { kind, name, inputs } = found.fingerprint;
  const fingerprint = fingerprintOf(kind, name, [...inputs, valueInput("the project's own", 'x')]);
  const own: Plan = { ...found, fingerprint };
  t.equal((await watchOf(t, own, entryOf(fingerprint))).handOver, undefined);
  t.not(
    (await watchOf(t, own, entryOf(found.fingerprint))).handOver,
    undefined,
    'the one without it is near',
  );
});

test('from Maven 3.9 on an entry holds what Maven says it used, and what came', async (t) => {
  const { home, plan, write } = project(t, {
    ...released('org/used/1', 'central'),
    ...released('org/old/1', 'central'),
    ...inRepository({ 'org/old/maven-metadata-central.xml': '', 'org/used/maven-metadata-central.xml': '' }),
  });
  const watch = await watchOf(t, await plan({ maven: '3.9.16' }));
  write(released('org/came/1', 'central'));
  record(watch, ['org/used/1/used-1.pom']);
  t.same(await watch.select(0), [
    ...['_remote.repositories', 'came-1.jar', 'came-1.jar.sha1', 'came-1.pom'].map(
      (name) => `org/came/1/${name}`,
    ),
    ...['_remote.repositories', 'used-1.pom'].map((name) => `org/used/1/${name}`),
    'org/used/maven-metadata-central.xml',
  ]);
  t.ok(existsSync(join(home, '.m2/repository/org/old/1/old-1.jar')), 'the repository itself is left alone');
});

test('of snapshots those are used of which Maven made a copy, and of several the newest', async (t) => {
  const { plan } = project(t, { ...snapshot('org/s', [2, 10]), ...snapshot('org/idle', [1], false) });
  const watch = await watchOf(t, await plan());
  record(watch, []);
  t.same(jarsOf(await watch.select(0)), ['org/s/1-SNAPSHOT/s-1-20260102.030405-10.jar']);
});

test('where nothing is to be saved Maven is asked nothing', async (t) => {
  t.equal((await watchOf(t, await project(t).plan(), undefined, false)).handOver, undefined);
});

test('of a build that failed nothing is known, so all is kept', async (t) => {
  const { plan } = project(t, { ...released('org/a/1', 'central'), ...released('org/b/1', 'central') });
  const watch = await watchOf(t, await plan());
  record(watch, ['org/a/1/a-1.jar']);
  t.same(jarsOf(await watch.select(1)), ['org/a/1/a-1.jar', 'org/b/1/b-1.jar']);
});

test('before Maven 3.9 an extension of ours says what was used', async (t) => {
  const { home, plan, write } = project(t, {
    ...released('org/used/1', 'central'),
    ...released('org/old/1', 'central'),
  });
  const repository = join(home, '.m2/repository');
  // Jenkins' Maven step has one of its own.
  const watch = await watchOf(
    t,
    await plan({ maven: '3.8.7', env: { MAVEN_OPTS: '-Dmaven.ext.class.path=/theirs.jar' } }),
  );
  const words = watch.handOver?.command ?? [];
  const [path = '', resolved = ''] = ['maven.ext.class.path', 'cachalot.resolved'].map(
    (name) => words.find((word) => word.startsWith(`-D${name}=`))?.split('=')[1],
  );
  t.match(path, /^\/theirs\.jar:./);
  t.ok(existsSync(join(path.split(':')[1] ?? '', 'META-INF/plexus/components.xml')));
  write(released('org/came/1', 'central'));
  writeFileSync(resolved, `${repository}/org/used/1/used-1.jar\n/elsewhere/core/target/core.jar\n`);
  t.same(jarsOf(await watch.select(0)), ['org/came/1/came-1.jar', 'org/used/1/used-1.jar']);
});

const READ: [what: string, options: Options & { files?: Record<string, string> }][] = [
  ['before Maven 3.3', { maven: '3.2.5' }],
  [
    "before Maven 3.9, where the core's own extensions come first",
    { maven: '3.8.7', files: { '.mvn/extensions.xml': '<extensions/>' } },
  ],
  [
    'where the local repository is laid out in another way',
    { command: ['mvn', '-Daether.enhancedLocalRepository.split=true'] },
  ],
  [
    'where trusted checksums are in use',
    { command: ['mvn', '-Daether.artifactResolver.postProcessor.trustedChecksums=true'] },
  ],
];
for (const [what, options] of READ) {
  test(`${what} an entry holds what was read, and what came`, async (t) => {
    const { home, plan, write } = project(t, {
      ...released('org/a/1', 'central'),
      ...released('org/b/1', 'central'),
      ...released('org/c/1', 'central'),
      ...options.files,
    });
    const at = (path: string) => join(home, '.m2/repository', path);
    // As on a machine that keeps its home, an hour after another build: a second read within a day is not noted by itself.
    readFileSync(at('org/c/1/c-1.pom'));
    const { files: _files, ...given } = options;
    const watch = await watchOf(t, await plan(given));
    t.equal(watch.handOver, undefined);
    for (const pom of ['org/b/1/b-1.pom', 'org/c/1/c-1.pom']) readFileSync(at(pom));
    write(released('org/a/2', 'central'));
    const used = ['org/a/2/a-2.jar', 'org/b/1/b-1.jar', 'org/c/1/c-1.jar'];
    // A file system that notes no reads (noatime) tells nothing, and all is kept.
    const isTold = (await watchReads(home, ['.m2'])) !== undefined;
    t.same(jarsOf(await watch.select(0)), isTold ? used : ['org/a/1/a-1.jar', ...used]);
  });
}

test('the command is handed the words itself where it is Maven, else by MAVEN_ARGS; the record goes with the watch', async (t) => {
  const { plan } = project(t);
  const direct = (await watchOf(t, await plan({ command: ['mvn', 'verify'] }))).handOver;
  t.same(direct?.command?.slice(0, 2), ['mvn', 'verify']);
  const watch = await watchOf(t, await plan({ command: ['make'], env: { MAVEN_ARGS: '-ntp' } }));
  t.match(watch.handOver?.env?.MAVEN_ARGS, /^-ntp -D/);
  record(watch, []);
  const folder = /basedir=(\S+)/.exec(watch.handOver?.env?.MAVEN_ARGS ?? '')?.[1] ?? '';
  t.ok(existsSync(folder));
  await watch.close();
  t.notOk(existsSync(folder));
  const early = await watchOf(
    t,
    await plan({ command: ['make'], maven: '3.8.7', env: { MAVEN_OPTS: '-Xmx1g' } }),
  );
  t.match(early.handOver?.env?.MAVEN_OPTS, /^-Xmx1g -Dmaven\.ext\.class\.path=/, 'before 3.9 by MAVEN_OPTS');
});

const MIRROR = (id: string, of = '*') =>
  `<settings><mirrors><mirror><id>${id}</id><mirrorOf>${of}</mirrorOf></mirror></mirrors></settings>`;

/** The ids that a file of `central` and one of `corp` are tracked under when the settings have become others. */
async function idsAfter(t: Test, before: string, after: string, edit: Record<string, string> = {}) {
  const { plan, write, home } = project(t, { '~/.m2/settings.xml': before });
  const old = (await plan()).fingerprint;
  write({ '~/.m2/settings.xml': after, ...edit });
  const own = before.includes('<mirror>') ? 'old' : 'central';
  write({ ...released('org/a/1', own), ...released('org/b/1', 'corp'), ...released('org/mine/1', '') });
  for (const name of ['a', 'b', 'mine'])
    asRestored(join(home, `.m2/repository/org/${name}/1/_remote.repositories`));
  await watchOf(t, await plan(), entryOf(old));
  const ids = async (name: string) =>
    (await readTracking(join(home, `.m2/repository/org/${name}/1/_remote.repositories`)))
      .filter(({ file }) => file.endsWith('.jar'))
      .map(({ id }) => id);
  t.same(await ids('mine'), [''], "one's own stays one's own");
  return [await ids('a'), await ids('b')];
}

function asRestored(path: string): void {
  const bytes = readFileSync(path);
  utimesSync(path, derivedMtime(zlib.crc32(bytes)), derivedMtime(zlib.crc32(bytes)));
}

test("another mirror's id is written beside the one that it takes the place of", async (t) => {
  const rows: [what: string, before: string, after: string, ids: string[][]][] = [
    [
      'a mirror of all where there was none',
      '<settings/>',
      MIRROR('new'),
      [
        ['central', 'new'],
        ['corp', 'new'],
      ],
    ],
    [
      'another id for the same mirror',
      MIRROR('old'),
      MIRROR('new'),
      [
        ['old', 'new'],
        ['corp', 'new'],
      ],
    ],
    ['a mirror of one repository', '<settings/>', MIRROR('new', 'corp'), [['central'], ['corp', 'new']]],
    ['a mirror of all but one', '<settings/>', MIRROR('new', '*,!corp'), [['central', 'new'], ['corp']]],
    [
      'one of what lies outside, where it is not known which does',
      '<settings/>',
      MIRROR('new', 'external:*'),
      [['central', 'new'], ['corp']],
    ],
    ['another mirror of something else', MIRROR('old'), MIRROR('new', 'corp'), [['old'], ['corp', 'new']]],
    ['none where there was one', MIRROR('old'), '<settings/>', [['old'], ['corp']]],
  ];
  for (const [what, before, after, ids] of rows) t.same(await idsAfter(t, before, after), ids, what);
});

test('where anything else differs too, no id is written', async (t) => {
  const edit = { 'pom.xml': ROOT('<repositories/>') };
  t.same(await idsAfter(t, '<settings/>', MIRROR('new'), edit), [['central'], ['corp']]);
});
