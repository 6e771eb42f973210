/** Projects that the plugins of Maven's own life cycle build: each with a version, so that nothing is looked up. */
import type { Files } from './maven-build.ts';
import { coordinates } from './maven-repository.ts';

const PLUGINS = [
  ['resources', '3.4.0'],
  ['compiler', '3.15.0'],
  ['surefire', '3.5.6'],
  ['jar', '3.5.0'],
]
  .map(
    ([name, version]) =>
      `<plugin><artifactId>maven-${name}-plugin</artifactId><version>${version}</version></plugin>`,
  )
  .join('');
const PROPERTIES =
  '<properties><maven.compiler.release>17</maven.compiler.release><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>';
const JUNIT = `<dependency>${coordinates('org.junit.jupiter:junit-jupiter:6.0.1')}<scope>test</scope></dependency>`;

/** One module with a class, and without a test. */
export const LIBRARY: Files = {
  'pom.xml': `<project><modelVersion>4.0.0</modelVersion>${coordinates('me:library:1.0')}${PROPERTIES}<dependencies>${JUNIT}</dependencies><build><plugins>${PLUGINS}</plugins></build></project>`,
  'src/main/java/me/Library.java': 'package me; public class Library { public int size() { return 3; } }',
};

export const FIRST_TEST: Files = {
  'src/test/java/me/LibraryTest.java':
    'package me; class LibraryTest { @org.junit.jupiter.api.Test void isThere() { new Library().size(); } }',
};

const PARENT =
  '<parent><groupId>me</groupId><artifactId>shop</artifactId><version>1.0-SNAPSHOT</version></parent>';
const module = (name: string, dependencies: string) =>
  `<project><modelVersion>4.0.0</modelVersion>${PARENT}<artifactId>${name}</artifactId><dependencies>${dependencies}</dependencies></project>`;

/** A module with classes, a resource and a test, and one that uses it. */
export const SHOP: Files = {
  'pom.xml': `<project><modelVersion>4.0.0</modelVersion>${coordinates('me:shop:1.0-SNAPSHOT')}<packaging>pom</packaging><modules><module>core</module><module>web</module></modules>${PROPERTIES}<build><plugins>${PLUGINS}</plugins></build></project>`,
  'core/pom.xml': module('core', JUNIT),
  'core/src/main/java/me/core/Whale.java':
    'package me.core; public class Whale { public static final int TONS = 30; public String name() { return new Name().text(); } }',
  'core/src/main/java/me/core/Name.java':
    'package me.core; class Name { String text() { return "humpback"; } }',
  'core/src/main/resources/whale.txt': 'humpback',
  'core/src/test/java/me/core/WhaleTest.java':
    'package me.core; class WhaleTest { @org.junit.jupiter.api.Test void hasAName() { new Whale().name(); } }',
  'web/pom.xml': module('web', `<dependency>${coordinates('me:core:1.0-SNAPSHOT')}</dependency>`),
  'web/src/main/java/me/web/Page.java':
    'package me.web; public class Page { public String text() { return new me.core.Whale().name() + me.core.Whale.TONS; } }',
};
