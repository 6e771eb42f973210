/** Which edits change what a build output stands for, and which projects' outputs are not kept at all. */
import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { KINDS } from '#runner-plugin/fingerprint/kinds.ts';
import { mavenTargetKind } from '#runner-plugin/fingerprint/maven-target/detect.ts';
import type { Plan } from '#runner-plugin/fingerprint/plan.ts';
import { detectPlans } from '#runner-plugin/step/detect.ts';
import { CORE, type Files, MODULE, type Options, type Project, project, ROOT } from '../maven/fixture.ts';

const SOURCES: Files = {
  'core/src/main/java/A.java': 'class A {}',
  'core/src/main/java/B.java': 'class B {}',
  'core/src/main/resources/a.txt': 'a',
};

async function targetPlan({ detect }: Project, options?: Options): Promise<Plan> {
  const plan = (await detect(mavenTargetKind, options)).find(
    ({ fingerprint }) => fingerprint.kind === 'maven-target',
  );
  if (plan === undefined) throw new Error('the project has no plan');
  return plan;
}

const ROWS: [
  what: string,
  before: Options & { files?: Files },
  after: Options & { files?: Files; gone?: string },
][] = [
  ['an edited source', {}, { files: { 'core/src/main/java/A.java': 'class A { }' } }],
  ['a source more', {}, { files: { 'core/src/main/java/C.java': 'class C {}' } }],
  ['a deleted source', {}, { gone: 'core/src/main/java/B.java' }],
  [
    'a renamed source',
    {},
    { gone: 'core/src/main/java/B.java', files: { 'core/src/main/java/b/B.java': 'class B {}' } },
  ],
  ['a resource', {}, { files: { 'core/src/main/resources/a.txt': 'b' } }],
  ['a test', {}, { files: { 'core/src/test/java/T.java': 'class T {}' } }],
  ['a file that nobody is known to read', {}, { files: { 'core/checkstyle.xml': '' } }],
  ["the project's own version", {}, { files: { 'pom.xml': ROOT('', '2.0.0') } }],
  ['a comment in a POM', {}, { files: { 'core/pom.xml': MODULE('core', `${CORE}<!-- -->`) } }],
  ['.mvn/jvm.config', {}, { files: { '.mvn/jvm.config': '-Dfile.encoding=ISO-8859-1' } }],
  ['another JDK', {}, { jdk: '21.0.2' }],
  ["another JDK's update", {}, { jdk: '17.0.16' }],
  ['another Maven', {}, { maven: '3.9.15' }],
  ['a profile', {}, { command: ['mvn', '-Pfull', 'verify'] }],
  ['a goal', {}, { command: ['mvn', 'package'] }],
  ['any -D', {}, { command: ['mvn', '-B', '-Dnobody=knows', 'verify'] }],
  ['a -D of the JVM', {}, { env: { MAVEN_OPTS: '-Dx=1' } }],
  ['a language', { env: { LANG: 'C.UTF-8' } }, { env: { LANG: 'C' } }],
  [
    'the settings',
    {},
    {
      files: {
        '~/.m2/settings.xml':
          '<settings><activeProfiles><activeProfile>p</activeProfile></activeProfiles></settings>',
      },
    },
  ],
  ['toolchains', {}, { files: { '~/.m2/toolchains.xml': '<toolchains/>' } }],
  [
    'toolchains that the command names',
    { command: ['mvn', '-t', '../toolchains.xml', 'verify'] },
    {
      command: ['mvn', '-t', '../toolchains.xml', 'verify'],
      files: { '../toolchains.xml': '<toolchains/>' },
    },
  ],
  ["what Maven's script reads first", {}, { files: { '~/.mavenrc': 'JAVA_HOME=/opt/jdk-21\n' } }],
];

for (const [what, { files: before, ...one }, { files: after, gone, ...other }] of ROWS) {
  test(`what was built is another's with ${what}`, async (t) => {
    const here = project(t, { ...SOURCES, ...before });
    const first = (await targetPlan(here, one)).fingerprint;
    if (gone !== undefined) here.remove(gone);
    here.write({ ...after });
    t.not((await targetPlan(here, { ...one, ...other })).fingerprint.key, first.key);
  });
}

for (const [what, files] of [
  ['what a build left', { 'core/target/classes/A.class': 'x', 'target/x': 'x' }],
  ["an editor's own files", { 'core/.idea/workspace.xml': 'x', '.vscode/settings.json': 'x' }],
  ['history', { '.git/HEAD': 'x' }],
] satisfies [string, Files][]) {
  test(`what was built is the same with ${what}`, async (t) => {
    const here = project(t, SOURCES);
    const first = (await targetPlan(here)).fingerprint;
    here.write(files);
    t.equal((await targetPlan(here)).fingerprint.key, first.key);
  });
}

test("what was built is another's with an executable file", async (t) => {
  const here = project(t, SOURCES);
  const first = (await targetPlan(here)).fingerprint;
  chmodSync(join(here.folder, 'core/src/main/resources/a.txt'), 0o755);
  t.not((await targetPlan(here)).fingerprint.key, first.key);
});

test('what was built in another folder is not used: the compiler writes down whole paths', async (t) => {
  const [one, other] = [project(t, SOURCES), project(t, SOURCES)];
  t.not((await targetPlan(one)).fingerprint.key, (await targetPlan(other)).fingerprint.key);
});

const RESOURCES = (inside: string) =>
  `<build><resources><resource><directory>src/main/resources</directory>${inside}</resource></resources></build>`;

for (const [what, change, why] of [
  ['the command cleans', { command: ['mvn', 'clean', 'verify'] }, /cleans/],
  [
    'a plugin is told to',
    { command: ['mvn', 'org.apache.maven.plugins:maven-clean-plugin:3.5.0:clean', 'verify'] },
    /cleans/,
  ],
  ['a part of the reactor is built', { command: ['mvn', '-pl', 'web', 'verify'] }, /part of the reactor/],
  [
    'a build directory is named',
    { files: { 'core/pom.xml': MODULE('core', '<build><directory>out</directory></build>') } },
    /build directory/,
  ],
  [
    'a build is made of what is called like a secret',
    {
      files: {
        'core/pom.xml': MODULE(
          'core',
          `<build><plugins><plugin><groupId>g</groupId><artifactId>a</artifactId><version>1</version><configuration><arg>\${env.API_TOKEN}</arg></configuration></plugin></plugins></build>`,
        ),
      },
    },
    /API_TOKEN, which is called like a secret/,
  ],
  [
    'resources are filtered',
    { files: { 'core/pom.xml': MODULE('core', RESOURCES('<filtering>true</filtering>')) } },
    /filters/,
  ],
  [
    'a dependency is a snapshot',
    { files: { 'core/pom.xml': MODULE('core', CORE.replace('3.17.0', '3-SNAPSHOT')) } },
    /commons-lang3 is a snapshot/,
  ],
  [
    'a dependency has a range',
    { files: { 'core/pom.xml': MODULE('core', CORE.replace('3.17.0', '[3,4)')) } },
    /range/,
  ],
  [
    'a plugin has no version',
    {
      files: {
        'core/pom.xml': MODULE(
          'core',
          '<build><plugins><plugin><artifactId>a</artifactId></plugin></plugins></build>',
        ),
      },
    },
    /no version/,
  ],
] satisfies [string, Options & { files?: Files }, RegExp][]) {
  test(`nothing is kept where ${what}`, async (t) => {
    const { files, ...options } = change as Options & { files?: Files };
    t.match((await targetPlan(project(t, { ...SOURCES, ...files }), options)).refused, why);
  });
}

test('nothing is kept where a link leads out of the project', async (t) => {
  const here = project(t, SOURCES);
  symlinkSync('A.java', join(here.folder, 'core/src/main/java/L.java'));
  t.equal((await targetPlan(here)).refused, undefined);
  symlinkSync(here.home, join(here.folder, 'core/src/main/elsewhere'));
  t.match((await targetPlan(here)).refused, /elsewhere is a link/);
});

test("modules that are snapshots of the reactor's own are no reason", async (t) => {
  const version = '1.1.0-SNAPSHOT';
  const here = project(t, {
    'pom.xml': ROOT('', version),
    'core/pom.xml': MODULE('core', CORE, version),
    'web/pom.xml': MODULE('web', '', version),
  });
  t.equal((await targetPlan(here)).refused, undefined);
});

test('of target folders only what builds look for again is kept, and nothing of tests', async (t) => {
  const here = project(t, {
    ...SOURCES,
    'core/target/classes/A.class': '',
    'core/target/generated-sources/annotations/G.java': '',
    'core/target/maven-status/x/inputFiles.lst': '',
    'core/target/core-1.jar': '',
    'core/target/core-1.jar.original': '',
    'core/target/surefire-reports/T.xml': '',
    'core/target/jacoco.exec': '',
    'core/target/database/x': '',
  });
  const plan = await targetPlan(here);
  t.same(
    plan.roots.map(({ root }) => root),
    ['workspace:target', 'workspace:core/target', 'workspace:web/target'],
  );
  t.same(await plan.roots[1]?.select?.(() => undefined), [
    'classes/A.class',
    'core-1.jar',
    'core-1.jar.original',
    'generated-sources/annotations/G.java',
    'maven-status/x/inputFiles.lst',
  ]);
});

test('nothing is kept of a build that failed, or that changed its own sources', async (t) => {
  const here = project(t, SOURCES);
  const plan = await targetPlan(here);
  t.match(await plan.refuseSave?.(1), /failed/);
  t.equal(await plan.refuseSave?.(0), undefined);
  here.write({ 'core/src/main/java/Generated.java': '' });
  t.match(await plan.refuseSave?.(0), /Generated\.java/);
});

test('it comes with the kind maven, and only where it is asked for', async (t) => {
  const here = project(t, SOURCES);
  const kinds = async (kind?: string) => {
    const plans = await here.within((env) =>
      detectPlans(
        { env, folder: here.folder, kinds: KINDS },
        { command: ['mvn', 'verify'], ...(kind === undefined ? {} : { kind }) },
      ),
    );
    return plans.map(({ fingerprint }) => fingerprint.kind);
  };
  t.same(await kinds(), ['maven']);
  t.same(await kinds('maven-target'), ['maven-target', 'maven']);
});

test('a hit is judged by a second build only where that leaves nothing outside the project', async (t) => {
  const here = project(t, SOURCES);
  const sample = async (...words: string[]) =>
    (await targetPlan(here, { command: ['mvn', ...words] })).sample;
  t.ok(await sample('-B', 'test-compile'));
  const verify = await sample('verify');
  t.equal(verify?.counts?.('classes/A.class'), true);
  t.equal(verify?.counts?.('core-1.jar'), false, 'an archive holds times');
  for (const words of [['install'], ['verify', 'deploy'], ['compile', 'exec:java']])
    t.equal(await sample(...words), undefined, words.join(' '));
});
