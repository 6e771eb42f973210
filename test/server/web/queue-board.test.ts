import { join } from 'node:path';
import fastify, { type InjectOptions } from 'fastify';
import tap, { type Test } from 'tap';
import { openAdminToken } from '#server/auth/admin-token.ts';
import { openBullMqQueue } from '#server/queue/bullmq/bullmq-queue.ts';
import { JOB_NAMES } from '#server/queue/job-queue.ts';
import { RedisLink } from '#server/redis/redis-link.ts';
import { QUEUE_BOARD_PATH, queueBoard } from '#server/web/queue-board.ts';
import { need } from '../../needs.ts';
import { settingsOf, startRedis } from '../redis/redis-server.ts';

const TOKEN = 'a token that is long enough';
const BEARER = { authorization: `Bearer ${TOKEN.replaceAll(' ', '-')}` };

async function openBoard(t: Test, url: string) {
  const queue = openBullMqQueue(await RedisLink.open(await settingsOf({ url }), { name: 'test' }), {
    works: false,
  });
  const allow = await openAdminToken(join(t.testdir(), 'unused'), TOKEN.replaceAll(' ', '-'));
  const app = fastify();
  await app.register(
    queueBoard(queue, ({ headers }) => allow(headers)),
    { prefix: QUEUE_BOARD_PATH },
  );
  t.teardown(async () => {
    await app.close();
    await queue.close();
  });
  const ask = (path: string, more: InjectOptions = {}) =>
    app.inject({ url: QUEUE_BOARD_PATH + path, ...more });
  return { queue, ask };
}

if (need(tap, 'redis-server')) {
  const redis = await startRedis(tap);

  tap.test('nothing of it is shown without the administrator’s token', async (t) => {
    const { ask } = await openBoard(t, redis.url);
    const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
    for (const path of ['', '/', '/api/queues', '/static/favicon.ico', '/queue/reindex']) {
      for (const headers of [{}, { authorization: 'Bearer wrong' }, basic(`${TOKEN}:`), basic('x:wrong')]) {
        const answer = await ask(path, { headers });
        t.equal(answer.statusCode, 401, path);
        t.match(answer.headers['www-authenticate'], /^Basic /);
        t.equal(answer.json().code, 'ADMIN_REQUIRED');
      }
    }
    t.equal((await ask('', { headers: basic(`anybody:${TOKEN.replaceAll(' ', '-')}`) })).statusCode, 200);
  });

  tap.test('with it: the page, its files, and every queue with what has happened to its jobs', async (t) => {
    const { ask, queue } = await openBoard(t, redis.url);
    await queue.add({ name: 'reindex', id: 'reindex', data: {} });
    const page = await ask('', { headers: BEARER });
    t.equal(page.statusCode, 200);
    t.match(page.headers['content-security-policy'], /default-src 'self'/);
    const files = [...page.body.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(([, file]) => String(file));
    t.ok(files.length > 4);
    for (const file of files) t.equal((await ask(`/${file}`, { headers: BEARER })).statusCode, 200, file);
    const { queues } = (await ask('/api/queues', { headers: BEARER })).json();
    t.same(queues.map(({ name }: { name: string }) => name).sort(), [...JOB_NAMES].sort());
    const reindex = queues.find(({ name }: { name: string }) => name === 'reindex');
    t.equal(reindex.counts.waiting, 1);
  });

  tap.test('another page cannot have a browser that knows the token change anything', async (t) => {
    const { ask } = await openBoard(t, redis.url);
    const pause = (headers: Record<string, string>) =>
      ask('/api/queues/reindex/pause', {
        method: 'PUT',
        headers: { ...BEARER, host: 'cache:80', ...headers },
      });
    t.equal((await pause({ origin: 'http://evil.example' })).statusCode, 403);
    t.equal((await pause({ 'sec-fetch-site': 'cross-site' })).statusCode, 403);
    t.equal((await pause({ origin: 'http://cache:80', 'sec-fetch-site': 'same-origin' })).statusCode, 200);
  });
}
