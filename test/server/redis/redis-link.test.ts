import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { RedisLink } from '#server/redis/redis-link.ts';
import type { RedisWords } from '#server/redis/settings.ts';
import { need } from '../../needs.ts';
import { makeCertificates, settingsOf, startRedis, startSentinel, until } from './redis-server.ts';

async function open(t: Test, words: RedisWords) {
  const states: boolean[] = [];
  const link = await RedisLink.open(await settingsOf(words), {
    name: 'test',
    onState: (isUp) => states.push(isUp),
  });
  t.teardown(() => link.close());
  return { link, states, ping: () => link.call((client) => client.ping()) };
}

/** Why it was refused at the start. */
async function refusalOf(t: Test, words: RedisWords): Promise<string> {
  return await open(t, words).then(
    () => 'it was not refused',
    (error: unknown) => (isFault(error, 'REDIS_REFUSED') ? error.message : String(error)),
  );
}

/** Milliseconds that a call took to fail. */
async function failing(call: Promise<unknown>): Promise<number> {
  const since = performance.now();
  await call.then(
    () => {
      throw new Error('it was answered');
    },
    () => undefined,
  );
  return performance.now() - since;
}

if (need(tap, 'redis-server', 'openssl')) {
  tap.test('bad input: a Redis that evicts is refused, and the remedy is named', async (t) => {
    const redis = await startRedis(t, { args: ['--maxmemory', '10mb', '--maxmemory-policy', 'allkeys-lru'] });
    const why = await refusalOf(t, { url: redis.url });
    t.match(why, /redis\.url/);
    t.match(why, /maxmemory-policy is allkeys-lru.* Set maxmemory-policy noeviction/);
  });

  tap.test('bad input: a Redis that is too old is refused', async (t) => {
    const port = await oldRedis(t);
    t.match(
      await refusalOf(t, { url: `redis://127.0.0.1:${port}` }),
      /version 5\.0\.14\. Install 6\.2 or newer/,
    );
  });

  tap.test(
    'bad input: without its password, with a wrong one, or without permission it is refused, and no secret is said',
    async (t) => {
      const redis = await startRedis(t, { password: 'right' });
      t.match(await refusalOf(t, { url: redis.url }), /NOAUTH.*redis\.passwordFile/);
      const wrong = await refusalOf(t, { url: redis.url, password: 'wrong-secret' });
      t.match(wrong, /WRONGPASS.*redis\.password/);
      t.notMatch(wrong, /wrong-secret/);
      await redis.command('ACL', 'SETUSER', 'small', 'on', '>small', '+ping', '+hello', '+auth', '+client');
      const words = { url: redis.url, username: 'small', password: 'small' };
      t.match(await refusalOf(t, words), /NOPERM.*docs\/operations\.md/, 'it may not even ask');
      await redis.command('ACL', 'SETUSER', 'small', 'allkeys', '+info', '+@read');
      t.match(await refusalOf(t, words), /NOPERM.*docs\/operations\.md/, 'it may not write');
      const { ping } = await open(t, { url: redis.url.replace('//', '//:right@') });
      t.equal(await ping(), 'PONG');
    },
  );

  tap.test('rediss:// with an authority of one’s own', async (t) => {
    const tls = makeCertificates(join(t.testdir(), 'tls'));
    const redis = await startRedis(t, { tls });
    const { ping } = await open(t, { url: redis.url, caFile: tls.ca });
    t.equal(await ping(), 'PONG');
    t.match(await refusalOf(t, { url: redis.url }), /certificate.*redis\.caFile/);
  });

  tap.test('fault "Redis down at start": it opens all the same, and works when Redis is there', async (t) => {
    const redis = await startRedis(t);
    await redis.stop();
    const since = performance.now();
    const { link, states, ping } = await open(t, { url: redis.url });
    t.ok(performance.now() - since < 4_000);
    t.notOk(link.isUp);
    t.ok((await failing(ping())) < 100);
    await redis.start();
    await until(() => link.isUp);
    t.equal(await ping(), 'PONG');
    t.same(states, [false, true], 'said once each');
  });

  tap.test('fault "Redis down midway": a call fails at once, and works again afterwards', async (t) => {
    const redis = await startRedis(t);
    const { link, states, ping } = await open(t, { url: redis.url });
    await redis.stop();
    await until(() => !link.isUp);
    t.ok((await failing(ping())) < 100);
    await redis.start();
    await until(() => link.isUp && states.length === 3);
    t.equal(await ping(), 'PONG');
    t.same(states, [true, false, true]);
  });

  tap.test(
    'a Redis that says nothing: the first call waits two seconds at most, the others not at all',
    async (t) => {
      const redis = await startRedis(t);
      const { link, ping } = await open(t, { url: redis.url });
      redis.freeze();
      t.ok((await failing(ping())) < 2_000);
      for (let n = 0; n < 20; n += 1) t.ok((await failing(ping())) < 200);
      redis.thaw();
      await until(() => link.isUp);
      t.equal(await ping(), 'PONG');
    },
  );

  tap.test('what Redis replies with an error is passed on, and nobody else is kept waiting', async (t) => {
    const redis = await startRedis(t);
    const { link, ping } = await open(t, { url: redis.url });
    await t.rejects(
      link.call((client) => client.call('NONSENSE', 'secret')),
      /unknown command/,
    );
    t.equal(await ping(), 'PONG');
  });

  tap.test('by sentinel: the master is found, and the next one when it is lost', async (t) => {
    const { master, sentinel } = await startSentinel(t);
    const words = { url: sentinel.url, mode: 'sentinel', master: 'cache' };
    const { link, ping } = await open(t, words);
    t.equal(await ping(), 'PONG');
    const before = await link.servers();
    await master.stop();
    await until(async () => {
      try {
        await link.call((client) => client.set('written', 'yes'));
        return true;
      } catch {
        return false;
      }
    }, 20_000);
    t.not(await link.servers(), before, 'it is another server');
  });
}

/** Says what Redis 5 said when it was asked for INFO, and knows nothing else. */
async function oldRedis(t: Test): Promise<number> {
  const info = '# Server\r\nredis_version:5.0.14\r\nrun_id:0\r\nloading:0\r\nmaxmemory_policy:noeviction\r\n';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (const [, , name = ''] of data.toString().matchAll(/\*\d+\r\n\$(\d+)\r\n(\w+)/g)) {
        const isInfo = name.toLowerCase() === 'info';
        socket.write(isInfo ? `$${info.length}\r\n${info}\r\n` : `-ERR unknown command '${name}'\r\n`);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}
