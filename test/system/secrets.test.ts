/**
 * No credential leaves the place where it stands: not in a key's inputs and details, nor in what is stored, logged, reported or
 * printed. Every file that the cache has written, and every line that it has said, is looked through.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'tap';
import { need } from '../needs.ts';
import { type Place, place } from './cachalot.ts';
import { contentsBelow } from './stored-contents.ts';

/** One for each place where people have them, so that a find says which. */
const SECRETS = {
  'a token in .npmrc': 'npm-token-4f1d',
  'a password in .npmrc': 'bnBtLXBhc3N3b3JkLTRmMWQ=',
  "a registry's address": 'npm-user-4f1d:npm-url-4f1d',
  'an npm setting of the environment': 'npm-env-4f1d',
  'an npm flag': 'npm-flag-4f1d',
  "a password in Maven's settings": 'mvn-password-4f1d',
  "a mirror's address": 'mvn-user-4f1d:mvn-url-4f1d',
  "a repository's address": 'mvn-repo-user-4f1d:mvn-repo-4f1d',
  "a repository's address, behind its ?": 'mvn-query-4f1d',
  'a property of a POM': 'mvn-pom-4f1d',
  "a plugin's configuration": 'mvn-plugin-4f1d',
  "a plugin's argument": 'mvn-argument-4f1d',
  "a property of Maven's settings": 'mvn-profile-4f1d',
  'a login in a property of the command': 'mvn-login-4f1d',
  "an address in the command's properties": 'mvn-address-user-4f1d:mvn-address-4f1d',
  'a property of the command': 'mvn-property-4f1d',
  'a property in MAVEN_ARGS': 'mvn-args-4f1d',
  "a proxy's address": 'proxy-user-4f1d:proxy-pass-4f1d',
  'a variable that cachalot.json names': 'variable-4f1d',
};

const DOWNLOAD = `cd ../repository/g && cp -r a b && mv b/1/a-1.jar b/1/b-1.jar && echo 'b-1.jar>corp=' > b/1/_remote.repositories`;

function write(set: Place, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(set.folder, path)), { recursive: true });
    writeFileSync(join(set.folder, path), text);
  }
}

test('credentials of npm, Maven, proxies and the cache itself are found nowhere', async (t) => {
  if (!need(t, 'mvn', 'java')) return;
  const set = place(t);
  await set.serve();
  const made = await set.cachalot(
    [
      'admin',
      'token',
      'create',
      '--project',
      'shop',
      '--tier',
      'trusted',
      '--write-ref',
      'refs/heads/main',
    ].concat(['--token-file', join(set.folder, 'data/admin-token')]),
  );
  const token = made.stdout.trim();
  write(set, {
    'npm/package.json': '{ "name": "shop", "version": "1.0.0", "dependencies": { "dep": "file:dep" } }',
    'npm/dep/package.json': '{ "name": "dep", "version": "1.0.0" }',
    'npm/package-lock.json': JSON.stringify({
      name: 'shop',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: {
        '': { name: 'shop', version: '1.0.0', dependencies: { dep: 'file:dep' } },
        dep: { version: '1.0.0' },
        'node_modules/dep': { resolved: 'dep', link: true },
      },
    }),
    'npm/.npmrc': [
      `//127.0.0.1:9/:_authToken=${SECRETS['a token in .npmrc']}`,
      `//127.0.0.1:9/:_password=${SECRETS['a password in .npmrc']}`,
      `@shop:registry=http://${SECRETS["a registry's address"]}@127.0.0.1:9/`,
    ].join('\n'),
    'npm/cachalot.json': '{ "inputs": ["env:SIGNING_KEY"] }',
    'maven/pom.xml': `<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>shop</artifactId><version>1</version><packaging>pom</packaging>
      <properties><maven.deploy.password>${SECRETS['a property of a POM']}</maven.deploy.password></properties>
      <repositories>
        <repository><id>a</id><url>http://${SECRETS["a repository's address"]}@127.0.0.1:9/</url></repository>
        <repository><id>b</id><url>http://127.0.0.1:9/?access_token=${SECRETS["a repository's address, behind its ?"]}</url></repository>
      </repositories>
      <build><pluginManagement><plugins><plugin><artifactId>maven-deploy-plugin</artifactId><version>3.1.4</version><configuration>
        <password>${SECRETS["a plugin's configuration"]}</password><argument>--token=${SECRETS["a plugin's argument"]}</argument>
      </configuration></plugin></plugins></pluginManagement></build></project>`,
    'maven/settings.xml': `<settings>
      <servers><server><id>corp</id><username>u</username><password>${SECRETS["a password in Maven's settings"]}</password></server></servers>
      <mirrors><mirror><id>corp</id><mirrorOf>*</mirrorOf><url>http://${SECRETS["a mirror's address"]}@127.0.0.1:9/</url></mirror></mirrors>
      <profiles><profile><id>p</id><properties><nexus.token>${SECRETS["a property of Maven's settings"]}</nexus.token></properties></profile></profiles>
    </settings>`,
    'repository/g/a/1/a-1.jar': 'jar',
    'repository/g/a/1/_remote.repositories': 'a-1.jar>corp=\n',
  });
  const env = {
    HOME: join(set.folder, 'home'),
    npm_config__auth: SECRETS['an npm setting of the environment'],
    MAVEN_OPTS: `-Dmaven.repo.local=${join(set.folder, 'repository')}`,
    MAVEN_ARGS: `-Dsecret=${SECRETS['a property in MAVEN_ARGS']}`,
    HTTPS_PROXY: `http://${SECRETS["a proxy's address"]}@127.0.0.1:9/`,
    CACHALOT_TOKEN: token,
    SIGNING_KEY: SECRETS['a variable that cachalot.json names'],
    CACHALOT_LOG: 'debug',
  };
  const commands = {
    npm: ['npm', 'ci', '--no-audit', `--//127.0.0.1:9/:_authToken=${SECRETS['an npm flag']}`],
    maven: [
      'mvn',
      '-o',
      '-q',
      `-Dmaven.repo.local=${join(set.folder, 'repository')}`,
      '-s',
      'settings.xml',
      `-Dpassword=${SECRETS['a property of the command']}`,
      `-Dsonar.login=${SECRETS['a login in a property of the command']}`,
      `-Dmaven.deploy.url=http://${SECRETS["an address in the command's properties"]}@127.0.0.1:9/`,
      'validate',
    ],
  };
  const said: string[] = [];
  for (const [kind, command] of Object.entries(commands)) {
    const options = { folder: join(set.folder, kind), env };
    const report = join(set.folder, `${kind}-report.json`);
    for (const args of [
      ['run', '--report', report, '--', ...command],
      ['run', '--', ...command],
      // A build that uses nothing saves nothing; in this one something comes.
      ['run', '--kind', kind, '--', 'sh', '-c', DOWNLOAD],
      ['fingerprint', '--json', '--', ...command],
      ['why', '--json', '--', ...command],
      ['why'],
      ['doctor'],
    ]) {
      const { stdout, stderr } = await set.cachalot(args, options);
      said.push(stdout, stderr);
    }
    said.push(readFileSync(report, 'utf8'));
  }
  const listed = await set.cachalot(['ls', '--json'], { env });
  const keys: string[] = JSON.parse(listed.stdout).map(({ key }: { key: string }) => key);
  t.same(new Set(keys.map((key) => key.split('/')[0])), new Set(['npm', 'maven']), 'both were saved');
  for (const key of keys) {
    const { stdout, stderr } = await set.cachalot(['inspect', key, '--json'], { env });
    said.push(stdout, stderr);
  }
  const stored = [...contentsBelow(join(set.folder, 'data')), ...contentsBelow(join(set.folder, 'state'))];
  t.ok(token.length > 60);
  for (const [what, secret] of [
    ...Object.entries(SECRETS),
    ['the token of the cache itself', token.slice(-43)] as const,
  ]) {
    // Also one half of a user:password, and what is behind base64.
    const forms = [...secret.split(':'), Buffer.from(secret).toString('base64')];
    t.notOk(
      said.some((text) => forms.some((form) => text.includes(form))),
      `${what} is not printed`,
    );
    t.notOk(
      stored.some((text) => forms.some((form) => text.includes(form))),
      `${what} is not stored`,
    );
  }
});
