import { statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { readClientSettings } from '#runner-plugin/client/settings.ts';
import { stateFolder } from '#runner-plugin/client/state-folder.ts';

test('without an address it is the server on this machine', async (t) => {
  const home = t.testdir();
  const settings = readClientSettings({ CACHALOT_HOME: home }, '1');
  t.equal(settings.url.href, 'http://127.0.0.1:3779/');
  t.equal(settings.named, false);
  t.equal(
    readClientSettings({ CACHALOT_HOME: home, CACHALOT_URL: 'https://c.example/x' }, '1').url.href,
    'https://c.example/x/',
  );
});

test('an address that cannot be one is refused, and a password in it is not repeated', async (t) => {
  const CACHALOT_HOME = t.testdir();
  for (const CACHALOT_URL of [
    'c.example',
    'ftp://c.example',
    'https://c.example/?a=b',
    'http://',
    'https://me:hunter2@c.example/',
  ]) {
    try {
      readClientSettings({ CACHALOT_HOME, CACHALOT_URL }, '1');
      t.fail(CACHALOT_URL);
    } catch (error) {
      t.match(error, { code: 'SETTING_INVALID', message: /CACHALOT_URL/ });
      t.notMatch(String(error), /hunter2/);
    }
  }
});

test('a token file goes before a token and is read again each time', async (t) => {
  const home = t.testdir({ token: 'first\n' });
  const file = join(home, 'token');
  const { token } = readClientSettings(
    { CACHALOT_HOME: home, CACHALOT_TOKEN: 'other', CACHALOT_TOKEN_FILE: file },
    '1',
  );
  t.equal(await token(), 'first');
  writeFileSync(file, 'second');
  t.equal(await token(), 'second');
});

test('a token that is none is refused before it is sent, and is not shown', async (t) => {
  const home = t.testdir();
  const missing = join(home, 'missing');
  await t.rejects(readClientSettings({ CACHALOT_HOME: home, CACHALOT_TOKEN_FILE: missing }, '1').token(), {
    code: 'SETTING_INVALID',
    message: /CACHALOT_TOKEN_FILE.*ENOENT/,
  });
  const split = readClientSettings({ CACHALOT_HOME: home, CACHALOT_TOKEN: 'sec\r\nret: 1' }, '1').token();
  const error: unknown = await split.catch((thrown: unknown) => thrown);
  t.match(error, { code: 'SETTING_INVALID' });
  t.notMatch(String(error), /sec/);
  t.equal(await readClientSettings({ CACHALOT_HOME: home }, '1').token(), undefined);
});

test('proxies are read in both cases, lower case first, with or without a scheme', async (t) => {
  const CACHALOT_HOME = t.testdir();
  t.same(
    readClientSettings({ CACHALOT_HOME, HTTPS_PROXY: 'p.example:3128', no_proxy: 'a', NO_PROXY: 'b' }, '1')
      .proxies,
    {
      http: '',
      https: 'http://p.example:3128/',
      none: 'a',
    },
  );
  t.equal(
    readClientSettings({ CACHALOT_HOME, http_proxy: 'http://a/', HTTP_PROXY: 'http://b/' }, '1').proxies.http,
    'http://a/',
  );
  t.throws(() => readClientSettings({ CACHALOT_HOME, HTTPS_PROXY: 'socks5://u:hunter2@p' }, '1'), {
    code: 'SETTING_INVALID',
    message: /^(?!.*hunter2).*HTTPS_PROXY/,
  });
});

test('a client certificate without its key is refused', async (t) => {
  const CACHALOT_HOME = t.testdir();
  t.throws(() => readClientSettings({ CACHALOT_HOME, CACHALOT_CLIENT_CERT: 'c.pem' }, '1'), {
    code: 'SETTING_INVALID',
    message: /CACHALOT_CLIENT_KEY/,
  });
});

test('state goes to CACHALOT_HOME, else XDG_STATE_HOME, else the home folder', async (t) => {
  const home = t.testdir();
  t.equal(
    stateFolder({ CACHALOT_HOME: join(home, 'a'), XDG_STATE_HOME: join(home, 'b'), HOME: home }),
    join(home, 'a'),
  );
  t.equal(stateFolder({ XDG_STATE_HOME: join(home, 'b'), HOME: home }), join(home, 'b', 'cachalot'));
  t.equal(stateFolder({ HOME: home }), join(home, '.local', 'state', 'cachalot'));
});

test('a user whose home cannot be written gets a folder among the temporary files', async (t) => {
  const home = join(t.testdir({ file: '' }), 'file');
  const folder = stateFolder({ HOME: home });
  const uid = process.getuid?.() ?? 0;
  t.equal(folder, join(tmpdir(), `cachalot-${uid}`));
  t.equal(statSync(folder).mode & 0o077, 0);
});
