import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { describeAddresses, type RedisWords, readRedisSettings } from '#server/redis/settings.ts';

const FILES: Record<string, string> = {
  '/run/secret': 'from the file\n',
  '/run/empty': '\n',
  '/run/ca.pem': '-----BEGIN CERTIFICATE-----\n',
  '/run/no-ca': 'nothing of the kind',
};

async function readFile(path: string): Promise<string> {
  const content = FILES[path];
  if (content === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
  return content;
}

const read = (words: RedisWords) => readRedisSettings(words, readFile);

/** The setting at fault, and why. */
async function refusal(words: RedisWords): Promise<string> {
  return await read(words).then(
    () => 'it was taken',
    (error: unknown) =>
      isFault(error, 'SETTING_INVALID') ? `${error.field}: ${error.message}` : String(error),
  );
}

test('one server, with what the address does not say by default', async (t) => {
  t.same(await read({ url: 'redis://cache' }), {
    mode: 'single',
    addresses: [{ host: 'cache', port: 6379 }],
    master: undefined,
    database: 0,
    username: undefined,
    password: undefined,
    sentinelPassword: undefined,
    tls: undefined,
    prefix: 'cachalot',
  });
  const whole = await read({ url: 'rediss://me:s%40crt@[::1]:7000/3', caFile: '/run/ca.pem', prefix: 'ci' });
  t.match(whole, {
    addresses: [{ host: '::1', port: 7000 }],
    database: 3,
    username: 'me',
    password: 's@crt',
    tls: { ca: FILES['/run/ca.pem'] },
    prefix: 'ci',
  });
});

test('sentinels and nodes of a cluster', async (t) => {
  const words = { url: 'redis://a, redis://b:7', mode: 'sentinel', master: 'cache', sentinelPassword: 'x' };
  const sentinels = await read(words);
  t.match(sentinels, {
    addresses: [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 7 },
    ],
    master: 'cache',
    sentinelPassword: 'x',
  });
  t.equal(describeAddresses(sentinels), 'a:26379,b:7 (sentinel cache)');
  t.equal((await read({ url: 'redis://a,redis://b', mode: 'cluster' })).addresses.length, 2);
});

test('a password from a file loses its line end, and goes before that of the address', async (t) => {
  const settings = await read({ url: 'redis://:other@cache', passwordFile: '/run/secret' });
  t.equal(settings.password, 'from the file');
  t.notMatch(describeAddresses(settings), /other|file/);
});

test('bad input: the setting is named, and no password', async (t) => {
  const url = 'redis://cache';
  const cases: [RedisWords, RegExp][] = [
    [{ url: 'cache:6379' }, /^redis\.url: .*not with redis:/],
    [{ url: 'nonsense' }, /^redis\.url: .*no URL/],
    [{ url: 'http://:secret@cache' }, /^redis\.url: /],
    [{ url: 'redis://:secret@a,redis://b' }, /^redis\.url: .*set redis\.mode/],
    [{ url: 'redis://a,rediss://b', mode: 'cluster' }, /^redis\.url: /],
    [{ url: 'redis://:secret@cache/one' }, /^redis\.url: .*number/],
    [{ url: 'redis://cache/1', mode: 'cluster' }, /^redis\.url: .*database 0/],
    [{ url: 'redis://cache?db=1' }, /^redis\.url: .*ignored/],
    [{ url, mode: 'ring' }, /^redis\.mode: /],
    [{ url, mode: 'sentinel' }, /^redis\.master: /],
    [{ url, caFile: '/run/ca.pem' }, /^redis\.caFile: .*rediss/],
    [{ url: 'rediss://cache', caFile: '/run/no-ca' }, /^redis\.caFile: .*no certificate/],
    [{ url, passwordFile: '/run/nowhere' }, /^redis\.passwordFile: .*not there/],
    [{ url, passwordFile: '/run/empty' }, /^redis\.passwordFile: .*empty/],
    [{ url, password: 'secret', passwordFile: '/run/secret' }, /^redis\.passwordFile: .*one of them/],
    [{ url, prefix: 'a{b}' }, /^redis\.prefix: /],
  ];
  for (const [words, expected] of cases) {
    const said = await refusal(words);
    t.match(said, expected);
    t.notMatch(said, /secret@|"secret"/);
  }
});
