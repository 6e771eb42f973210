/** Edits of the fixture's project, its machine or its command: what a row of the matrices has before and after. */
import { type Test, test } from 'tap';
import { CORE, type Files, MODULE, type Options, project, ROOT, WEB } from './fixture.ts';

export type Change = Options & { files?: Files };
export const core = (more: string): Change => ({ files: { 'core/pom.xml': MODULE('core', more) } });
export const root = (more: string): Change => ({ files: { 'pom.xml': ROOT(more) } });
export const command = (...words: string[]): Change => ({ command: words });
export const plugin = (inside: string) =>
  `<build><plugins><plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-compiler-plugin</artifactId>${inside}</plugin></plugins></build>`;
export const dependency = (name: string, inside = '') =>
  `<dependency><groupId>g</groupId><artifactId>${name}</artifactId><version>1</version>${inside}</dependency>`;
export const settings = (inside: string): Change => ({
  files: { '~/.m2/settings.xml': `<settings>${inside}</settings>` },
});
export const profile = (inside: string) => `<profiles><profile><id>p</id>${inside}</profile></profiles>`;
export const FILE_PROFILE = root(profile('<activation><file><exists>flag.txt</exists></file></activation>'));
export const REFERRED = root(
  `<properties><lib>1</lib><other>2</other></properties><dependencies>${dependency('x').replace('<version>1', '<version>$'.concat('{lib}'))}</dependencies>`,
);

export const COMPILER_PATH = (version: string) =>
  root(
    plugin(
      `<configuration><annotationProcessorPaths><path><groupId>org.example</groupId><artifactId>core</artifactId><version>${version}</version></path></annotationProcessorPaths></configuration>`,
    ),
  );
export const LIBRARY = (version: string, more = '') =>
  `<dependencies><dependency><groupId>g</groupId><artifactId>x</artifactId><version>${version}</version>${more}</dependency></dependencies>`;
export const EXTENSIONS = (version: string) =>
  `<extensions><extension><groupId>g</groupId><artifactId>a</artifactId><version>${version}</version></extension></extensions>`;
/** A parent beside the checkout. */
export const OUTSIDE = (version: string): Files => ({
  'pom.xml': ROOT(
    '<parent><groupId>org.corp</groupId><artifactId>corp</artifactId><version>1</version><relativePath>../corp/pom.xml</relativePath></parent>',
  ),
  '../corp/pom.xml': `<project><groupId>org.corp</groupId><artifactId>corp</artifactId><version>1</version>${LIBRARY(version)}</project>`,
});
export const CREDENTIALS = (user: string) =>
  root(
    `<repositories><repository><id>c</id><url>https://${user}corp.invalid/maven</url></repository></repositories>`,
  );
export const TOKEN = (value: string) =>
  `<profiles><profile><id>p</id><properties><deploy.token>${value}</deploy.token></properties></profile></profiles>`;
export const activation = (inside: string) => root(profile(`<activation>${inside}</activation>`));
export const mirrors = (...of: [id: string, of: string][]) =>
  settings(
    `<mirrors>${of.map(([id, what]) => `<mirror><id>${id}</id><mirrorOf>${what}</mirrorOf></mirror>`).join('')}</mirrors>`,
  );
export const wrapper = (version: string, more = ''): Files => ({
  '.mvn/wrapper/maven-wrapper.properties': `distributionUrl=https\\://example.invalid/org/apache/maven/apache-maven/${version}/apache-maven-${version}-bin.zip\n${more}`,
});
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: Maven's own way of referring
export const PROPERTY_OF_PARENT = (value: string): Change => ({
  files: {
    'pom.xml': ROOT(`<properties><outer>\${inner}</outer><inner>${value}</inner></properties>`),
    'core/pom.xml': MODULE('core', LIBRARY('${outer}')),
  },
});
export const VARIABLE = core(LIBRARY('${env.LIB}'));
export const FRIENDLY = (revision: string, changelist = '', sha1 = ''): Change => ({
  files: {
    'pom.xml': ROOT(
      `<properties><revision>${revision}</revision><changelist>${changelist}</changelist><sha1>${sha1}</sha1></properties>`,
      '${revision}${changelist}${sha1}',
    ),
    'core/pom.xml': MODULE('core', CORE, '${revision}${changelist}${sha1}'),
    'web/pom.xml': MODULE('web', WEB('${project.version}'), '${revision}${changelist}${sha1}'),
  },
});
export const SECRET_REFERRED = root(
  `<properties><registry.password>one</registry.password></properties>${plugin('<configuration><password>${registry.password}</password></configuration>')}`,
);
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above

export type Row = [what: string, before: Change, after: Change];

/** One test a row: whether the key `changes` or `stays`. */
export function testRows(verdict: 'changes' | 'stays', rows: readonly Row[]): void {
  for (const [what, { files: filesBefore, ...before }, { files: filesAfter, ...after }] of rows) {
    test(`the key ${verdict} with ${what}`, async (t: Test) => {
      const one = await project(t, filesBefore).plan(before);
      const other = await project(t, { ...filesBefore, ...filesAfter }).plan({ ...before, ...after });
      t[verdict === 'changes' ? 'not' : 'equal'](one.fingerprint.key, other.fingerprint.key);
    });
  }
}
