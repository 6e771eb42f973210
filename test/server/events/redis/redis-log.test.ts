import tap, { type Test } from 'tap';
import { openRedisLog, type RedisLogOptions } from '#server/events/redis/redis-log.ts';
import { createStats } from '#server/events/stats.ts';
import { RedisLink } from '#server/redis/redis-link.ts';
import type { RedisWords } from '#server/redis/settings.ts';
import { need } from '../../../needs.ts';
import { settingsOf, startCluster, startRedis } from '../../redis/redis-server.ts';
import { eventLogConformance, readAll } from '../conformance.ts';
import { logged } from '../made-events.ts';

const LINE_BYTES = JSON.stringify(logged({ at: 100 })).length;

/** A log on a part of that Redis that nobody else uses, or that `prefix` names. */
async function open(t: Test, words: RedisWords, options: RedisLogOptions = {}, prefix?: string) {
  const settings = await settingsOf(words);
  const link = await RedisLink.open({ ...settings, ...(prefix && { prefix }) }, { name: 'test' });
  const log = openRedisLog(link, options);
  t.teardown(() => log.close());
  return log;
}

const small = (pages: number) => ({ pageEvents: 10, totalBytes: pages * 10 * LINE_BYTES });
const totals = async () => ({ entries: 0, storedBytes: 0 });

if (need(tap, 'redis-server')) {
  const [alone, cluster] = await Promise.all([startRedis(tap), startCluster(tap)]);
  eventLogConformance('in Redis', (t, pages) => open(t, { url: alone.url }, small(pages)));
  eventLogConformance('in a Redis cluster', (t, pages) =>
    open(t, { url: cluster.url, mode: 'cluster' }, small(pages)),
  );

  tap.test('replicas share it: each tells the figures of all', async (t) => {
    const replicas = [
      await open(t, { url: alone.url }, {}, 'shared'),
      await open(t, { url: alone.url }, {}, 'shared'),
    ];
    for (const log of replicas) await log.append([logged({ at: 1 }), logged({ at: 2, hit: 'none' })]);
    for (const log of replicas)
      t.match(await createStats({ log, totals }).of('local', 'local'), {
        runs: 4,
        hits: { exact: 2, none: 2 },
      });
  });

  tap.test('one that was flushed is another one: who had read the old one begins anew', async (t) => {
    const redis = await startRedis(t);
    const log = await open(t, { url: redis.url });
    const stats = createStats({ log, totals });
    await log.append([1, 2, 3].map((at) => logged({ at })));
    t.match(await stats.of('local', 'local'), { runs: 3 });
    const { next } = await readAll(log);
    await redis.command('FLUSHALL');
    t.match(await stats.of('local', 'local'), { runs: 0 });
    await log.append([logged({ at: 4 })]);
    t.same(
      (await readAll(log, next)).events.map(({ at }) => at),
      [4],
    );
    t.match(await stats.of('local', 'local'), { runs: 1 });
  });

  tap.test('fault "Redis down": an error that says so, and nobody waits long', async (t) => {
    const redis = await startRedis(t);
    const log = await open(t, { url: redis.url });
    await redis.stop();
    const failed = { code: 'EVENTS_FAILED' };
    const begun = performance.now();
    await t.rejects(log.append([logged({ at: 1 })]), failed);
    await t.rejects(log.pages(), failed);
    t.ok(performance.now() - begun < 4_000);
  });
}
