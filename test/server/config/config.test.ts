import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { readConfig } from '#server/config/config.ts';
import type { Flags, Surroundings } from '#server/config/setting.ts';

/** `files` by path. */
function surroundings(env: Record<string, string> = {}, files: Record<string, string> = {}): Surroundings {
  return {
    env: { HOME: '/home/ci', ...env },
    cwd: '/checkout',
    readFile: async (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
      return text;
    },
  };
}

async function refusal(flags: Flags, around: Surroundings): Promise<string> {
  return readConfig(flags, around).then(
    () => 'accepted',
    (error: unknown) => (isFault(error, 'SETTING_INVALID') ? error.message : String(error)),
  );
}

test('with nothing said it listens on the loopback, with a folder of its own', async (t) => {
  const config = await readConfig({}, surroundings());
  t.match(config, {
    host: '127.0.0.1',
    port: 3779,
    data: '/home/ci/.local/share/cachalot',
    drain: 30,
    log: 'info',
  });
  t.equal((await readConfig({}, surroundings({ XDG_DATA_HOME: '/data' }))).data, '/data/cachalot');
  t.equal(
    (await readConfig({}, surroundings({ XDG_DATA_HOME: 'relative' }))).data,
    '/home/ci/.local/share/cachalot',
    'a relative one is to be ignored',
  );
});

test('a flag wins over the environment, that over the file, that over the default', async (t) => {
  const files = { '/etc/cachalot/server.json': '{"port": 1, "drain": 5, "limits": {"entryBytes": 1000}}' };
  t.match(await readConfig({}, surroundings({}, files)), { port: 1, drain: 5, limits: { entryBytes: 1000 } });
  const env = { CACHALOT_SERVER_PORT: '2', CACHALOT_SERVER_DRAIN: '6' };
  t.match(await readConfig({}, surroundings(env, files)), { port: 2, drain: 6 });
  t.match(await readConfig({ port: '3' }, surroundings(env, files)), { port: 3, drain: 6 });
  t.equal(
    (await readConfig({}, surroundings({ CACHALOT_SERVER_PORT: '' }))).port,
    3779,
    'an empty variable is none',
  );
});

test('another file is named by flag or environment, relative to where one stands', async (t) => {
  const files = { '/checkout/mine.json': '{"port": 7}', '/other.json': '{"port": 8}' };
  t.equal((await readConfig({ config: 'mine.json' }, surroundings({}, files))).port, 7);
  t.equal((await readConfig({}, surroundings({ CACHALOT_SERVER_CONFIG: '/other.json' }, files))).port, 8);
  t.match(
    await refusal({ config: 'none.json' }, surroundings()),
    /configuration file has the value \/checkout\/none.json.*it is not there/,
  );
});

test('paths are relative to where the server is started', async (t) => {
  t.equal((await readConfig({ data: 'cache' }, surroundings())).data, '/checkout/cache');
});

test('what is wrong is named as it was given', async (t) => {
  const file = (text: string) => surroundings({}, { '/etc/cachalot/server.json': text });
  const cases: [string, Flags, Surroundings][] = [
    ['--port', { port: '70000' }, surroundings()],
    ['--port', { port: 'http' }, surroundings()],
    ['--port', { port: '-1' }, surroundings()],
    ['--role', { role: 'cook' }, surroundings()],
    ['role', { role: 'api' }, surroundings()],
    ['--host', { host: '' }, surroundings()],
    ['CACHALOT_SERVER_DRAIN', {}, surroundings({ CACHALOT_SERVER_DRAIN: 'long' })],
    ['CACHALOT_SERVER_LOG', {}, surroundings({ CACHALOT_SERVER_LOG: 'loud' })],
    ['CACHALOT_SERVER_MEMORY_UPLOADS', {}, surroundings({ CACHALOT_SERVER_MEMORY_UPLOADS: '1000' })],
    ['limits.entryBytes in the configuration file', {}, file('{"limits": {"entryBytes": "much"}}')],
    ['the configuration file', {}, file('{')],
    ['prot in /etc/cachalot/server.json', {}, file('{"prot": 1}')],
  ];
  for (const [setting, flags, around] of cases) {
    const message = await refusal(flags, around);
    t.ok(message.startsWith(`The setting ${setting} has the value`), message);
  }
  t.equal((await readConfig({ role: 'worker, api' }, surroundings())).port, 3779, 'both roles in any order');
});

test('a bucket and a Redis are set as any other setting', async (t) => {
  const env = {
    CACHALOT_SERVER_S3_BUCKET: 'builds',
    CACHALOT_SERVER_S3_PATH_STYLE: 'true',
    CACHALOT_SERVER_S3_ENDPOINT: 'http://127.0.0.1:7070',
    CACHALOT_SERVER_REDIS_URL: 'redis://127.0.0.1:7000',
    CACHALOT_SERVER_SIGNING_KEY: 'shared.pem',
  };
  const config = await readConfig({ role: 'api' }, surroundings(env));
  t.match(config.s3, { bucket: 'builds', pathStyle: true, endpoint: 'http://127.0.0.1:7070', attempts: 4 });
  t.match(config.redis, { mode: 'single', addresses: [{ host: '127.0.0.1', port: 7000 }] });
  t.strictSame(
    config.roles,
    { api: true, worker: false },
    'a queue that processes share lets them share roles',
  );
  t.equal(config.signing.key, '/checkout/shared.pem');
  const alone = { ...env, CACHALOT_SERVER_SIGNING_KEY: '' };
  t.match(await refusal({}, surroundings(alone)), /signing\.key.*all replicas sign with one key/);
  const embedded = await readConfig({}, surroundings());
  t.equal(embedded.s3, undefined);
  t.equal(embedded.redis, undefined);
});

test('settings of a bucket or a Redis that is not named are refused, and no secret is in a message', async (t) => {
  t.match(
    await refusal({}, surroundings({ CACHALOT_SERVER_S3_REGION: 'eu-north-1' })),
    /s3\.bucket is not set/,
  );
  const password = { CACHALOT_SERVER_REDIS_PASSWORD: 'hunter2' };
  const message = await refusal({}, surroundings(password));
  t.match(message, /redis\.url is not set/);
  t.notMatch(message, /hunter2/);
  const file = { '/etc/cachalot/server.json': '{"redis": {"url": "redis://a", "password": 12345}}' };
  t.notMatch(await refusal({}, surroundings({}, file)), /12345/);
});
