import { test } from 'tap';
import { withoutSecrets } from '#runner-plugin/fingerprint/secret.ts';

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
  ];
  for (const [command, shown] of rows) t.equal(withoutSecrets(command.split(' ')).join(' '), shown);
});
