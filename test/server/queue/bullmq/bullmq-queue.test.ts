import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import tap, { type Test } from 'tap';
import { type BullMqOptions, openBullMqQueue } from '#server/queue/bullmq/bullmq-queue.ts';
import { RedisLink } from '#server/redis/redis-link.ts';
import type { RedisWords } from '#server/redis/settings.ts';
import { need } from '../../../needs.ts';
import { settingsOf, startCluster, startRedis, until } from '../../redis/redis-server.ts';
import { queueConformance } from '../conformance.ts';

const atOnce = () => 1;

async function openQueue(t: Test, words: RedisWords, options: BullMqOptions = {}) {
  const link = await RedisLink.open(await settingsOf(words), { name: 'test' });
  const queue = openBullMqQueue(link, { pause: atOnce, ...options });
  t.teardown(() => queue.close());
  return queue;
}

if (need(tap, 'redis-server')) {
  const [alone, cluster] = await Promise.all([startRedis(tap), startCluster(tap)]);
  queueConformance('BullMQ', (t, limits) => openQueue(t, { url: alone.url }, limits));
  queueConformance('BullMQ on a cluster', (t, limits) =>
    openQueue(t, { url: cluster.url, mode: 'cluster' }, limits),
  );

  tap.test('a process without the role only adds; one with it runs', async (t) => {
    const prefix = 'roles';
    const api = await openQueue(t, { url: alone.url, prefix }, { works: false });
    api.handle('reindex', async () => {
      t.fail('not here');
    });
    t.equal(await api.add(reindex), 'added');
    const worker = await openQueue(t, { url: alone.url, prefix });
    let ran = 0;
    worker.handle('reindex', async () => {
      ran += 1;
    });
    await api.idle();
    t.equal(ran, 1);
  });

  tap.test('what close stops has not failed: another process does it', async (t) => {
    const prefix = 'stopped';
    const failures: unknown[] = [];
    const onFailure = (...failure: unknown[]) => failures.push(failure);
    const first = await openQueue(t, { url: alone.url, prefix }, { attempts: 1, onFailure });
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
    first.handle('reindex', async (_, signal) => {
      enter();
      await new Promise<void>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      );
    });
    await first.add(reindex);
    await entered;
    await first.close();
    const second = await openQueue(t, { url: alone.url, prefix }, { attempts: 1, onFailure });
    t.same(await second.counts(), { waiting: 1, running: 0, failed: 0 });
    let ran = 0;
    second.handle('reindex', async () => {
      ran += 1;
    });
    await second.idle();
    t.equal(ran, 1);
    t.same(failures, []);
    t.same(await second.counts(), { waiting: 0, running: 0, failed: 0 });
  });

  tap.test(
    'fault "worker dies midway", by kill -9: the job runs elsewhere, and after its cap it has failed',
    async (t) => {
      const prefix = 'deaths';
      const queue = await openQueue(t, { url: alone.url, prefix }, { works: false, attempts: 2 });
      await queue.add({ name: 'reindex', id: 'once', data: {} });
      await dieWith(alone.url, prefix);
      t.same(await queue.counts(), { waiting: 0, running: 1, failed: 0 }, 'it is believed to run');
      const worker = await openQueue(t, { url: alone.url, prefix }, { attempts: 2, lock: SHORT_LOCK });
      let ran = 0;
      worker.handle('reindex', async () => {
        ran += 1;
      });
      await until(() => ran === 1);
      await worker.close();

      await queue.add({ name: 'reindex', id: 'always', data: {} });
      await dieWith(alone.url, prefix);
      await dieWith(alone.url, prefix);
      const last = await openQueue(t, { url: alone.url, prefix }, { attempts: 2, lock: SHORT_LOCK });
      last.handle('reindex', async () => {
        t.fail('twice is enough');
      });
      await until(async () => (await queue.counts()).failed === 1);
      t.same(await queue.counts(), { waiting: 0, running: 0, failed: 1 });
    },
  );

  tap.test(
    'fault "Redis down": add answers within two seconds, close ends, and jobs run when it is back',
    async (t) => {
      const redis = await startRedis(t);
      await redis.stop();
      const queue = await openQueue(t, { url: redis.url });
      let ran = 0;
      queue.handle('reindex', async () => {
        ran += 1;
      });
      const add = async () => {
        const since = performance.now();
        const answer = await queue.add(reindex);
        t.ok(performance.now() - since < 2_000);
        return answer;
      };
      t.equal(await add(), 'unreachable', 'at the start');
      await t.rejects(queue.counts(), { code: 'QUEUE_FAILED' });
      await redis.start();
      await until(async () => (await add()) === 'added');
      await until(() => ran === 1);
      redis.freeze();
      t.equal(await add(), 'unreachable', 'midway');
      t.equal(await add(), 'unreachable');
      redis.thaw();
      await until(async () => (await add()) !== 'unreachable');
      await until(() => ran === 2);
      await redis.command('FLUSHALL');
      await until(async () => (await add()) === 'added');
      await until(() => ran === 3);
      await redis.stop();
      const since = performance.now();
      await queue.close();
      t.ok(performance.now() - since < 5_000);
    },
  );
}

const reindex = { name: 'reindex', id: 'reindex', data: {} } as const;
/** Of workers that are to be missed soon; milliseconds. */
const SHORT_LOCK = 300;

/** A process that takes a job and is killed with it. */
async function dieWith(url: string, prefix: string): Promise<void> {
  const code = `
    import { openBullMqQueue } from '#server/queue/bullmq/bullmq-queue.ts';
    import { RedisLink } from '#server/redis/redis-link.ts';
    import { readRedisSettings } from '#server/redis/settings.ts';
    const words = { url: ${JSON.stringify(url)}, prefix: ${JSON.stringify(prefix)} };
    const link = await RedisLink.open(await readRedisSettings(words, async () => ''), { name: 'dying' });
    const queue = openBullMqQueue(link, { lock: ${SHORT_LOCK}, attempts: 2 });
    queue.handle('reindex', async () => process.kill(process.pid, 'SIGKILL'));
  `;
  const project = fileURLToPath(new URL('../../../..', import.meta.url));
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: project,
    stdio: 'inherit',
  });
  const [, signal] = await once(child, 'exit');
  if (signal !== 'SIGKILL') throw new Error(`it ended by ${signal}`);
}
