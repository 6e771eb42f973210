/** What inputs say of themselves, what never stands in one, and what cannot be read. */
import { hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { profile } from './edits.ts';
import { MODULE, project, ROOT } from './fixture.ts';

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

test('no credential stands in an input or in what is recorded, wherever it is found', async (t) => {
  const secret = 's3cret';
  const { plan } = project(t, {
    'pom.xml': ROOT(
      `<properties><db.password>${secret}</db.password><nexus.pwd>${secret}</nexus.pwd><maven.deploy.auth>${secret}</maven.deploy.auth><repo.url>https://u:${secret}@x.invalid</repo.url></properties>
<repositories><repository><id>c</id><url>https://u:${secret}@corp.invalid/maven</url></repository><repository><id>q</id><url>https://corp.invalid/maven?access_token=${secret}</url></repository></repositories>
<build><plugins><plugin><artifactId>a</artifactId><configuration><url>\${repo.url}</url><secretKey>${secret}</secretKey><authorization>${secret}</authorization><arg>--password=${secret}</arg><p>\${db.password}</p></configuration></plugin></plugins></build>
${profile(`<properties><api.token>${secret}</api.token></properties>`)}`,
    ),
    '~/.m2/settings.xml': `<settings><servers><server><id>a</id><password>${secret}</password></server></servers><mirrors><mirror><id>m</id><mirrorOf>*</mirrorOf><url>https://u:${secret}@m.invalid</url></mirror></mirrors><profiles><profile><id>p</id><properties><token>${secret}</token></properties></profile></profiles></settings>`,
    '.mvn/maven.config': `-Dmaven.password=${secret}\n`,
  });
  const { fingerprint, recorded, notes } = await plan({
    command: [
      'mvn',
      `-Dgpg.passphrase=${secret}`,
      '-D',
      `api.token=${secret}`,
      `-Durl=https://u:${secret}@x.invalid`,
      `-Dsonar.login=${secret}`,
      `-Dmaven.url=https://x.invalid/?token=${secret}`,
      'verify',
    ],
    env: { MAVEN_OPTS: `-Duser.password=${secret}` },
  });
  t.notMatch(JSON.stringify([fingerprint, recorded, notes]), secret);
  const digests = [secret, JSON.stringify(secret)].map((text) => hash('sha256', text, 'hex'));
  t.notOk(
    fingerprint.inputs.some(({ digest }) => digests.includes(digest)),
    'nor its digest, which could be guessed',
  );
});

// A thousand million times the same, were it expanded.
const TEN_LEVELS = `<!DOCTYPE project [<!ENTITY e0 "ha">${Array.from({ length: 10 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(8)}">`).join('')}]><project><artifactId>&e10;</artifactId></project>`;

test('a POM that cannot be read is named', async (t) => {
  const { plans, write } = project(t, { 'core/pom.xml': '<project><artifactId>core</project>' });
  await t.rejects(plans(), { code: 'POM_UNREADABLE', message: /core\/pom\.xml/ });
  write({
    'core/pom.xml':
      '<!DOCTYPE project [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><project><artifactId>&b;</artifactId></project>',
  });
  await t.rejects(plans(), { code: 'POM_UNREADABLE', message: /document type/ });
  write({ 'core/pom.xml': MODULE('core', '\n<<<<<<< HEAD\n=======\n>>>>>>> other') });
  await t.rejects(plans(), {
    code: 'POM_UNREADABLE',
    message: /core\/pom\.xml cannot be read: it has the markers of a merge conflict \(line 5\)/,
  });
  write({ 'core/pom.xml': TEN_LEVELS });
  await t.rejects(plans(), { code: 'POM_UNREADABLE', message: /document type/ });
  write({ 'core/pom.xml': '<settings/>' });
  await t.rejects(plans(), { code: 'POM_UNREADABLE', message: /settings/ });
});

test('settings and extensions that cannot be read are named, without what stands in them', async (t) => {
  const secret = 's3cret';
  for (const path of ['~/.m2/settings.xml', '.mvn/extensions.xml']) {
    const { plans } = project(t, { [path]: `<a>\n<password>${secret}</a>\n` });
    const fault = await plans().then(
      () => undefined,
      (error: Error) => error,
    );
    t.match(fault, { code: 'INPUT_UNREADABLE', message: path.slice(path.indexOf('.m')) });
    t.notMatch(fault?.message, secret);
    t.notMatch(fault?.message, '\n');
  }
});

test('a parent outside the project is read where it is', async (t) => {
  const { base, folder, plan, write } = project(t);
  const parent = (version: string) => {
    writeFileSync(
      join(base, 'pom.xml'),
      `<project><groupId>up</groupId><artifactId>up</artifactId><build><plugins><plugin><artifactId>p</artifactId><version>${version}</version></plugin></plugins></build></project>`,
    );
  };
  mkdirSync(join(folder, '.git'));
  write({
    'pom.xml': ROOT('<parent><groupId>up</groupId><artifactId>up</artifactId><version>1</version></parent>'),
  });
  parent('1');
  const { fingerprint } = await plan();
  t.ok(fingerprint.inputs.some(({ name }) => name === 'pom ../pom.xml'));
  parent('2');
  t.not((await plan()).fingerprint.key, fingerprint.key);
});
