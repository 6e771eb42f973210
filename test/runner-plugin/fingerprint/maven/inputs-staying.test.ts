/** Edits that change no download: the same key (tried build by build). */
import {
  COMPILER_PATH,
  CREDENTIALS,
  command,
  EXTENSIONS,
  FRIENDLY,
  type Row,
  root,
  SECRET_REFERRED,
  settings,
  TOKEN,
  testRows,
  wrapper,
} from './edits.ts';
import { CORE, type Files, MODULE, ROOT, WEB } from './fixture.ts';

const RELEASED: Files = {
  'pom.xml': ROOT('', '1.1.0'),
  'core/pom.xml': MODULE('core', CORE, '1.1.0'),
  'web/pom.xml': MODULE('web', WEB('1.1.0'), '1.1.0'),
};

const ROWS: Row[] = [
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
  [
    '-Drevision, -Dchangelist and -Dsha1',
    FRIENDLY('1'),
    { ...FRIENDLY('1'), command: ['mvn', '-B', '-Drevision=2', '-Dchangelist=-rc', '-Dsha1=abc', 'verify'] },
  ],
  ['revision, changelist and sha1 in the POM', FRIENDLY('1'), FRIENDLY('2', '-SNAPSHOT', '.abc')],
  ["the reactor's version in a plugin's path to a module", COMPILER_PATH('1.0.0'), COMPILER_PATH('1.1.0')],
  ['the tag that a release writes', root('<scm><tag>HEAD</tag></scm>'), root('<scm><tag>v1.0.0</tag></scm>')],
  [
    'url, inceptionYear, organization, issues and mailing lists',
    {},
    root(
      '<url>http://x.invalid</url><inceptionYear>2026</inceptionYear><organization><name>x</name></organization><issueManagement><system>x</system></issueManagement><mailingLists/>',
    ),
  ],
  [
    'the order of attributes and of plugin coordinates',
    root('<build><plugins><plugin><artifactId>a</artifactId><version>1</version></plugin></plugins></build>'),
    root('<build><plugins><plugin><version>1</version><artifactId>a</artifactId></plugin></plugins></build>'),
  ],
  ['a variable that no POM refers to', {}, { env: { LIB: '1' } }],
  [
    'the order of -D',
    command('mvn', '-DskipTests', '-Da.version=1', 'verify'),
    command('mvn', '-Da.version=1', '-DskipTests', 'verify'),
  ],
  ['-fae, -fn and -nsu', {}, command('mvn', '-B', '-fae', '-fn', '-nsu', 'verify')],
  [
    'the same -pl in another order',
    command('mvn', '-pl', 'core,web', 'verify'),
    command('mvn', '-pl', 'web', '--projects=core', 'verify'),
  ],
  [
    "the wrapper's checksum and its own version",
    { command: ['./mvnw', 'verify'], files: wrapper('3.9.16') },
    {
      command: ['./mvnw', 'verify'],
      files: wrapper('3.9.16', 'wrapperVersion=3.3.4\ndistributionSha256Sum=ab\n'),
    },
  ],
  [
    'a password in a POM',
    SECRET_REFERRED,
    { files: { 'pom.xml': (SECRET_REFERRED.files?.['pom.xml'] ?? '').replace('>one<', '>two<') } },
  ],
  ["a repository's user and password", CREDENTIALS('a:one@'), CREDENTIALS('')],
  ["a secret of the settings' profiles", settings(TOKEN('one')), settings(TOKEN('two'))],
  [
    "Maven 4's files before Maven 4",
    {},
    {
      files: {
        '.mvn/maven.properties': 'jackson.version = 2\n',
        '.mvn/settings.xml': '<settings><pluginGroups><pluginGroup>x</pluginGroup></pluginGroups></settings>',
        '~/.m2/extensions.xml': EXTENSIONS('1'),
      },
    },
  ],
];

testRows('stays', ROWS);
