import { test } from 'tap';
import { withoutCredentials, withoutSecrets } from '#runner-plugin/fingerprint/secret.ts';

test('of a command nothing is shown that may be a credential', async (t) => {
  const rows: [string, string][] = [
    ['npm ci --omit=dev', 'npm ci --omit=dev'],
    ['npm ci --//host/:_authToken=x --otp 123456', 'npm ci --//host/:_authToken=*** --otp ***'],
    ['npm ci --//host/:_authToken x', 'npm ci --//host/:_authToken ***'],
    ['npm ci --//host/:_password=x --ignore-scripts', 'npm ci --//host/:_password=*** --ignore-scripts'],
    ['pnpm install --registry=http://me:x@host/', 'pnpm install --registry=http://host/'],
    ['mvn -Dgpg.passphrase=x -DskipTests verify', 'mvn -Dgpg.passphrase=*** -DskipTests verify'],
    ['mvn -D api.key=x --define=my.token=y verify', 'mvn -D api.key=*** --define=my.token=*** verify'],
    ['mvn -Durl=https://me:x@host/a verify', 'mvn -Durl=https://host/a verify'],
    [
      'mvn -Dsonar.login=x -Ddb.pwd=x -Dnexus.auth=x verify',
      'mvn -Dsonar.login=*** -Ddb.pwd=*** -Dnexus.auth=*** verify',
    ],
    [
      'mvn -Durl=https://host/a?access_token=x&b=c verify',
      'mvn -Durl=https://host/a?access_token=***&b=c verify',
    ],
    ['mvn -ep x', 'mvn -ep ***'],
  ];
  for (const [command, shown] of rows) t.equal(withoutSecrets(command.split(' ')).join(' '), shown);
});

test('of a text neither users in addresses nor what is called like a secret is left', async (t) => {
  const rows: [string, string][] = [
    ['<url>https://me:x@host/maven</url>', '<url>https://host/maven</url>'],
    ['https://host/maven?private_token=x&page=1', 'https://host/maven?private_token=***&page=1'],
    ['-Xmx1g -Dapi.token=x -Dskip=true', '-Xmx1g -Dapi.token=*** -Dskip=true'],
    ['<arg>--password=x</arg><arg>a=b</arg>', '<arg>--password=***</arg><arg>a=b</arg>'],
  ];
  for (const [text, left] of rows) t.equal(withoutCredentials(text), left);
});
