/** Edits that may change what a build downloads: another key (design section 4; tried build by build). */
import {
  activation,
  command,
  core,
  dependency,
  EXTENSIONS,
  FILE_PROFILE,
  LIBRARY,
  mirrors,
  OUTSIDE,
  PROPERTY_OF_PARENT,
  plugin,
  profile,
  REFERRED,
  type Row,
  root,
  settings,
  testRows,
  VARIABLE,
  wrapper,
} from './edits.ts';
import { CORE, MODULE, ROOT } from './fixture.ts';

const ROWS: Row[] = [
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
  ['a classifier', core(LIBRARY('1')), core(LIBRARY('1', '<classifier>linux</classifier>'))],
  ['a type', core(LIBRARY('1')), core(LIBRARY('1', '<type>test-jar</type>'))],
  [
    "a parent's property that a module refers to, through another",
    PROPERTY_OF_PARENT('1'),
    PROPERTY_OF_PARENT('2'),
  ],
  ['a variable that a POM refers to', { ...VARIABLE, env: { LIB: '1' } }, { ...VARIABLE, env: { LIB: '2' } }],
  ['a property of the JVM that a POM refers to', REFERRED, { ...REFERRED, env: { MAVEN_OPTS: '-Dlib=3' } }],
  [
    'one in .mvn/jvm.config',
    REFERRED,
    { files: { ...REFERRED.files, '.mvn/jvm.config': '-Xmx1g\n-Dlib=3' } },
  ],
  ['another version of a module outside the reactor', core(LIBRARY('1')), core(LIBRARY('1.1'))],
  [
    "a plugin's dependency",
    root(plugin('')),
    root(plugin(`<dependencies>${dependency('rules')}</dependencies>`)),
  ],
  [
    "a plugin's execution",
    root(plugin('')),
    root(plugin('<executions><execution><goals><goal>testCompile</goal></goals></execution></executions>')),
  ],
  [
    'a managed plugin',
    {},
    root(
      '<build><pluginManagement><plugins><plugin><artifactId>maven-jar-plugin</artifactId><version>3.4.2</version></plugin></plugins></pluginManagement></build>',
    ),
  ],
  [
    "an extension's version",
    { files: { '.mvn/extensions.xml': EXTENSIONS('1') } },
    { files: { '.mvn/extensions.xml': EXTENSIONS('2') } },
  ],
  ['activation by another file', FILE_PROFILE, activation('<file><missing>flag.txt</missing></file>')],
  [
    'a file that a profile wants missing',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Maven's own way of referring
    activation('<file><missing>${basedir}/flag.txt</missing></file>'),
    { files: { 'flag.txt': '' } },
  ],
  [
    "a file that Maven 4's condition asks for",
    activation("<condition>exists('flag.txt')</condition>"),
    { files: { 'flag.txt': '' } },
  ],
  [
    'a property that a profile asks for',
    activation('<property><name>full</name></property>'),
    command('mvn', '-B', '-Dfull', 'verify'),
  ],
  [
    'one that a profile wants absent',
    activation('<property><name>!full</name></property>'),
    command('mvn', '-B', '-Dfull=x', 'verify'),
  ],
  [
    'a variable that a profile asks for',
    activation('<property><name>env.FULL</name></property>'),
    { env: { FULL: '1' } },
  ],
  [
    "the JDK's update where a profile asks for a JDK",
    activation('<jdk>[17.0.16,)</jdk>'),
    { jdk: '17.0.16' },
  ],
  [
    'activation by another system',
    activation('<os><family>unix</family></os>'),
    activation('<os><family>mac</family></os>'),
  ],
  ['a mirror of other repositories', mirrors(['a', '*']), mirrors(['a', 'central'])],
  ['the order of mirrors', mirrors(['a', '*'], ['b', 'central']), mirrors(['b', 'central'], ['a', '*'])],
  [
    'a repository of the settings',
    settings(''),
    settings(
      '<profiles><profile><id>p</id><repositories><repository><id>corp</id></repository></repositories></profile></profiles>',
    ),
  ],
  [
    'other settings (-s)',
    {},
    {
      ...command('mvn', '-B', '-s', 'ci.xml', 'verify'),
      files: { 'ci.xml': '<settings><pluginGroups><pluginGroup>x</pluginGroup></pluginGroups></settings>' },
    },
  ],
  [
    'global settings (-gs)',
    {},
    {
      ...command('mvn', '-B', '-gs', 'ci.xml', 'verify'),
      files: { 'ci.xml': '<settings><pluginGroups><pluginGroup>x</pluginGroup></pluginGroups></settings>' },
    },
  ],
  ['-P in .mvn/maven.config', {}, { files: { '.mvn/maven.config': '-Pfull\n' } }],
  [
    '-amd',
    command('mvn', '-B', '-pl', 'core', 'verify'),
    command('mvn', '-B', '-pl', 'core', '-amd', 'verify'),
  ],
  ['-N', {}, command('mvn', '-B', '-N', 'verify')],
  ["the goals' order", command('mvn', 'clean', 'verify'), command('mvn', 'verify', 'clean')],
  [
    'the Maven that a wrapper names',
    { command: ['./mvnw', 'verify'], files: wrapper('3.9.16') },
    { command: ['./mvnw', 'verify'], files: wrapper('3.10.0') },
  ],
  ['a parent outside the project', { files: { ...OUTSIDE('1') } }, { files: { ...OUTSIDE('2') } }],
  [
    "a property of Maven 4's .mvn/maven.properties",
    { maven: '4.0.0-rc-4' },
    { maven: '4.0.0-rc-4', files: { '.mvn/maven.properties': '# versions\njackson.version = 2\n' } },
  ],
  [
    "Maven 4's settings of a project",
    { maven: '4.0.0-rc-4' },
    {
      maven: '4.0.0-rc-4',
      files: {
        '.mvn/settings.xml': '<settings><pluginGroups><pluginGroup>x</pluginGroup></pluginGroups></settings>',
      },
    },
  ],
  [
    "Maven 4's extensions of a user",
    { maven: '4.0.0-rc-4' },
    { maven: '4.0.0-rc-4', files: { '~/.m2/extensions.xml': EXTENSIONS('1') } },
  ],
];

testRows('changes', ROWS);
