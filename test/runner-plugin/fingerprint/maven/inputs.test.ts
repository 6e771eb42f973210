/** Which edits change a reactor's key, and which do not (design section 4; tried build by build). */
import { test } from 'tap';
import { CORE, type Files, MODULE, type Options, project, ROOT, WEB } from './fixture.ts';

type Change = Options & { files?: Files };
const core = (more: string): Change => ({ files: { 'core/pom.xml': MODULE('core', more) } });
const root = (more: string): Change => ({ files: { 'pom.xml': ROOT(more) } });
const command = (...words: string[]): Change => ({ command: words });
const plugin = (inside: string) =>
  `<build><plugins><plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-compiler-plugin</artifactId>${inside}</plugin></plugins></build>`;
const dependency = (name: string, inside = '') =>
  `<dependency><groupId>g</groupId><artifactId>${name}</artifactId><version>1</version>${inside}</dependency>`;
const settings = (inside: string): Change => ({
  files: { '~/.m2/settings.xml': `<settings>${inside}</settings>` },
});
const profile = (inside: string) => `<profiles><profile><id>p</id>${inside}</profile></profiles>`;
const FILE_PROFILE = root(profile('<activation><file><exists>flag.txt</exists></file></activation>'));
const REFERRED = root(
  `<properties><lib>1</lib><other>2</other></properties><dependencies>${dependency('x').replace('<version>1', '<version>$'.concat('{lib}'))}</dependencies>`,
);

const CHANGES: [what: string, before: Change, after: Change][] = [
  ['a dependency of another version', {}, core(CORE.replace('3.17.0', '3.18.0'))],
  ['a dependency more', {}, core(CORE.replace('</dependencies>', `${dependency('x')}</dependencies>`))],
  [
    'the order of dependencies',
    core(`<dependencies>${dependency('a')}${dependency('b')}</dependencies>`),
    core(`<dependencies>${dependency('b')}${dependency('a')}</dependencies>`),
  ],
  [
    'an exclusion',
    core(`<dependencies>${dependency('a')}</dependencies>`),
    core(
      `<dependencies>${dependency('a', '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>')}</dependencies>`,
    ),
  ],
  [
    'a scope',
    core(`<dependencies>${dependency('a')}</dependencies>`),
    core(`<dependencies>${dependency('a', '<scope>test</scope>')}</dependencies>`),
  ],
  [
    'a managed version',
    {},
    root(
      `<dependencyManagement><dependencies>${dependency('bom', '<type>pom</type><scope>import</scope>')}</dependencies></dependencyManagement>`,
    ),
  ],
  [
    'an external parent',
    {},
    {
      files: {
        'pom.xml': ROOT(
          '<parent><groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-parent</artifactId><version>3.3.5</version><relativePath/></parent>',
        ),
      },
    },
  ],
  ['the packaging', {}, core(`<packaging>war</packaging>${CORE}`)],
  [
    'a module more',
    {},
    {
      files: {
        'pom.xml': ROOT().replace('</modules>', '<module>extra</module></modules>'),
        'extra/pom.xml': MODULE('extra'),
      },
    },
  ],
  ['a plugin', {}, root(plugin('<version>3.13.0</version>'))],
  [
    "a plugin's version",
    root(plugin('<version>3.13.0</version>')),
    root(plugin('<version>3.14.0</version>')),
  ],
  [
    "a plugin's configuration (annotation processors are downloads)",
    root(plugin('')),
    root(
      plugin(
        '<configuration><annotationProcessorPaths><path><groupId>org.projectlombok</groupId></path></annotationProcessorPaths></configuration>',
      ),
    ),
  ],
  [
    'a build extension',
    {},
    root(
      '<build><extensions><extension><groupId>kr.motd.maven</groupId><artifactId>os-maven-plugin</artifactId><version>1.7.1</version></extension></extensions></build>',
    ),
  ],
  [
    'a repository',
    {},
    root('<repositories><repository><id>corp</id><url>http://corp.invalid</url></repository></repositories>'),
  ],
  [
    'a plugin repository',
    {},
    root(
      '<pluginRepositories><pluginRepository><id>corp</id><url>http://corp.invalid</url></pluginRepository></pluginRepositories>',
    ),
  ],
  [
    'reporting',
    {},
    root(
      '<reporting><plugins><plugin><artifactId>maven-javadoc-plugin</artifactId></plugin></plugins></reporting>',
    ),
  ],
  ['a profile', {}, root(profile(`<dependencies>${dependency('a')}</dependencies>`))],
  ['a file that a profile asks for', FILE_PROFILE, { files: { 'flag.txt': '' } }],
  [
    'a property that a dependency refers to',
    REFERRED,
    { files: { 'pom.xml': (REFERRED.files?.['pom.xml'] ?? '').replace('<lib>1', '<lib>9') } },
  ],
  [
    "a BOM's version override, referred to by nobody here",
    root('<properties><jackson.version>2.17.0</jackson.version></properties>'),
    root('<properties><jackson.version>2.18.0</jackson.version></properties>'),
  ],
  [
    'maven.compiler.release',
    root('<properties><maven.compiler.release>17</maven.compiler.release></properties>'),
    root('<properties><maven.compiler.release>21</maven.compiler.release></properties>'),
  ],
  [
    '.mvn/extensions.xml',
    {},
    {
      files: {
        '.mvn/extensions.xml':
          '<extensions><extension><groupId>g</groupId><artifactId>a</artifactId><version>1</version></extension></extensions>',
      },
    },
  ],
  ['another goal', {}, command('mvn', '-B', 'install')],
  ['a goal in .mvn/maven.config', {}, { files: { '.mvn/maven.config': 'package\n' } }],
  ['-P', {}, command('mvn', '-B', '-Pfull', 'verify')],
  ['-pl', {}, command('mvn', '-B', '-pl', 'web', 'verify')],
  [
    '-pl with -am',
    command('mvn', '-B', '-pl', 'web', 'verify'),
    command('mvn', '-B', '-pl', 'web', '-am', 'verify'),
  ],
  ['-DskipTests', {}, command('mvn', '-B', '-DskipTests', 'verify')],
  ['-D of a version', {}, command('mvn', '-B', '-Djackson.version=2', 'verify')],
  ['-D that a POM refers to', REFERRED, { ...REFERRED, command: ['mvn', '-B', '-Dlib=3', 'verify'] }],
  ['another Maven, same major', {}, { maven: '3.10.0' }],
  ['another JDK', {}, { jdk: '21.0.2' }],
  [
    'a mirror of another id',
    settings('<mirrors><mirror><id>a</id><mirrorOf>*</mirrorOf></mirror></mirrors>'),
    settings('<mirrors><mirror><id>b</id><mirrorOf>*</mirrorOf></mirror></mirrors>'),
  ],
  [
    'an active profile in the settings',
    settings(''),
    settings('<activeProfiles><activeProfile>p</activeProfile></activeProfiles>'),
  ],
  [
    'a plugin group',
    settings(''),
    settings('<pluginGroups><pluginGroup>org.corp</pluginGroup></pluginGroups>'),
  ],
  ['the salt', {}, { salt: 'again' }],
];

const RELEASED: Files = {
  'pom.xml': ROOT('', '1.1.0'),
  'core/pom.xml': MODULE('core', CORE, '1.1.0'),
  'web/pom.xml': MODULE('web', WEB('1.1.0'), '1.1.0'),
};

const NO_CHANGES: [what: string, before: Change, after: Change][] = [
  ['comments and white space', {}, { files: { 'pom.xml': ROOT('<!-- hello -->\n\n') } }],
  ['the version in all POMs, as the release plugin writes it', {}, { files: RELEASED }],
  [
    'name, description, scm, licences and developers',
    {},
    root(
      '<name>Shop</name><description>x</description><scm><tag>v1</tag></scm><licenses><license/></licenses><developers><developer/></developers>',
    ),
  ],
  [
    'a property that nobody refers to',
    root('<properties><build.number>1</build.number></properties>'),
    root('<properties><build.number>2</build.number></properties>'),
  ],
  ['-D that nobody refers to', {}, command('mvn', '-B', '-DbuildNumber=99', 'verify')],
  ['-ntp -T -q -U -B', {}, command('mvn', '-ntp', '-T', '4', '-q', '-U', 'verify')],
  ['.mvn/jvm.config', {}, { files: { '.mvn/jvm.config': '-Xmx4g' } }],
  ['-ntp in .mvn/maven.config', {}, { files: { '.mvn/maven.config': '-ntp\n' } }],
  ['another update of the JDK', {}, { jdk: '17.0.16' }],
  [
    "a server's credentials",
    settings('<servers><server><id>a</id><password>x</password></server></servers>'),
    settings('<servers><server><id>a</id><password>y</password></server></servers>'),
  ],
  [
    "a mirror's URL",
    settings(
      '<mirrors><mirror><id>a</id><mirrorOf>*</mirrorOf><url>http://one.invalid</url></mirror></mirrors>',
    ),
    settings(
      '<mirrors><mirror><id>a</id><mirrorOf>*</mirrorOf><url>http://two.invalid</url></mirror></mirrors>',
    ),
  ],
  [
    'another place of the local repository',
    {},
    command('mvn', '-B', '-Dmaven.repo.local=/tmp/elsewhere', 'verify'),
  ],
  [
    'outputTimestamp',
    root('<properties><project.build.outputTimestamp>1</project.build.outputTimestamp></properties>'),
    root('<properties><project.build.outputTimestamp>2</project.build.outputTimestamp></properties>'),
  ],
  ['a file that no profile asks for', {}, { files: { 'flag.txt': '' } }],
  ['a source file', {}, { files: { 'core/src/main/java/A.java': 'class A {}' } }],
  [
    'MAVEN_ARGS before 3.9, which ignores them',
    { maven: '3.8.7' },
    { maven: '3.8.7', env: { MAVEN_ARGS: '-Pfull' } },
  ],
  ['another folder', {}, {}],
];

for (const [list, verdict] of [
  [CHANGES, 'changes'],
  [NO_CHANGES, 'stays'],
] as const) {
  for (const [what, { files: filesBefore, ...before }, { files: filesAfter, ...after }] of list) {
    test(`the key ${verdict} with ${what}`, async (t) => {
      const one = await project(t, filesBefore).plan(before);
      const other = await project(t, { ...filesBefore, ...filesAfter }).plan({ ...before, ...after });
      t[verdict === 'changes' ? 'not' : 'equal'](one.fingerprint.key, other.fingerprint.key);
    });
  }
}

test('MAVEN_ARGS count from 3.9', async (t) => {
  const { plan } = project(t);
  t.not((await plan({ env: { MAVEN_ARGS: '-Pfull' } })).fingerprint.key, (await plan()).fingerprint.key);
});

test('a difference is named dependency by dependency', async (t) => {
  const { plan } = project(t);
  const input = (await plan()).fingerprint.inputs.find(({ name }) => name === 'pom core/pom.xml');
  t.same(input?.detail, [
    ['dependency org.apache.commons:commons-lang3', '3.17.0'],
    ['parent', 'org.example:shop:(reactor)'],
    ['project', 'org.example:core'],
  ]);
});

test('no credential of the settings stands in an input', async (t) => {
  const { plan } = project(t, {
    '~/.m2/settings.xml':
      '<settings><servers><server><id>a</id><password>s3cret</password></server></servers><profiles><profile><id>p</id><properties><token>s3cret</token></properties></profile></profiles></settings>',
  });
  const { fingerprint, recorded } = await plan({ command: ['mvn', '-Dgpg.passphrase=s3cret', 'verify'] });
  t.notMatch(JSON.stringify([fingerprint, recorded]), 's3cret');
});

test('a POM that cannot be read is named', async (t) => {
  const { plans, write } = project(t, { 'core/pom.xml': '<project><artifactId>core</project>' });
  await t.rejects(plans(), { code: 'POM_UNREADABLE', message: /core\/pom\.xml/ });
  write({
    'core/pom.xml':
      '<!DOCTYPE project [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><project><artifactId>&b;</artifactId></project>',
  });
  await t.rejects(plans(), { code: 'POM_UNREADABLE', message: /document type/ });
  write({ 'core/pom.xml': '<settings/>' });
  await t.rejects(plans(), { code: 'POM_UNREADABLE', message: /settings/ });
});
