import tap, { type Test } from 'tap';
import type { EntryIndex } from '#server/index/entry-index.ts';
import { domainKeys } from '#server/index/redis/keys.ts';
import { openRedisIndex } from '#server/index/redis/redis-index.ts';
import { RedisLink } from '#server/redis/redis-link.ts';
import type { RedisWords } from '#server/redis/settings.ts';
import { need } from '../../../needs.ts';
import { settingsOf, startCluster, startRedis, until } from '../../redis/redis-server.ts';
import { indexConformance } from '../conformance.ts';
import { entryRow, segmentRow } from '../index-rows.ts';

/** An index on a part of that Redis that nobody else uses. */
async function open(t: Test, words: RedisWords) {
  const link = await RedisLink.open(await settingsOf(words), { name: 'test' });
  const index = openRedisIndex(link);
  t.teardown(() => index.close());
  return { index, link };
}

if (need(tap, 'redis-server')) {
  const [alone, cluster] = await Promise.all([startRedis(tap), startCluster(tap)]);
  indexConformance('Redis', async (t) => (await open(t, { url: alone.url })).index);
  indexConformance(
    'Redis cluster',
    async (t) => (await open(t, { url: cluster.url, mode: 'cluster' })).index,
  );

  tap.test(
    'fault "loses recent writes": after a restart the rows that were kept are there, and no epoch',
    async (t) => {
      const redis = await startRedis(t);
      const { index, link } = await open(t, { url: redis.url });
      await index.put(entryRow({ id: 'a' }));
      await index.putSegments('local', [segmentRow(1)]);
      await index.beginEpoch('one');
      t.ok(await index.setEpoch('one'));
      await index.beginEpoch('two');
      await redis.stop('SIGTERM');
      await redis.start();
      await until(() => link.isUp);
      t.equal(await index.byId('local', 'a'), undefined, 'nothing was kept here');
      t.equal(await index.setEpoch('two'), false, 'and no reindex of before ends now');

      const keeping = await startRedis(t);
      const kept = await open(t, { url: keeping.url });
      await kept.index.put(entryRow({ id: 'a' }));
      await kept.index.beginEpoch('one');
      t.ok(await kept.index.setEpoch('one'));
      await kept.index.beginEpoch('two');
      await keeping.command('SAVE');
      await keeping.stop();
      await keeping.start();
      await until(() => kept.link.isUp);
      t.equal((await kept.index.byId('local', 'a'))?.id, 'a');
      t.equal(await kept.index.epoch(), undefined);
      t.equal(await kept.index.setEpoch('two'), false);
    },
  );

  tap.test(
    'fault "Redis down": each call says so within two seconds, those after the first at once',
    async (t) => {
      const redis = await startRedis(t);
      const { index, link } = await open(t, { url: redis.url });
      await index.put(entryRow({ id: 'a' }));
      redis.freeze();
      const since = performance.now();
      for (const call of everyCall(index))
        await t.rejects(async () => void (await call()), { code: 'INDEX_FAILED' });
      t.ok(performance.now() - since < 2_000, 'all of them together');
      redis.thaw();
      await until(() => link.isUp);
      t.equal((await index.byId('local', 'a'))?.id, 'a');
    },
  );

  tap.test(
    'a Redis without memory: what it has is found, what is new is refused, and the epoch can be taken away',
    async (t) => {
      const redis = await startRedis(t);
      const { index } = await open(t, { url: redis.url });
      await index.put(entryRow({ id: 'a' }));
      await index.beginEpoch('one');
      await index.setEpoch('one');
      await redis.command('CONFIG', 'SET', 'maxmemory', '1');
      await t.rejects(index.put(entryRow({ id: 'b' })), { code: 'INDEX_FAILED', message: /no memory left/ });
      t.equal((await index.byId('local', 'a'))?.id, 'a');
      await index.doubt();
      t.equal(await index.epoch(), undefined);
    },
  );

  tap.test('clear leaves what is not the index: the queue, another prefix, and others’ keys', async (t) => {
    const { index, link } = await open(t, { url: alone.url });
    const { prefix } = link.settings;
    const others = [`{${prefix}:queue}:reindex:wait`, `{${prefix}x:local}:index:rows`, 'somebody else’s'];
    for (const key of others) await alone.command('SET', key, 'stays');
    await index.put(entryRow({ id: 'a' }));
    await index.put(entryRow({ id: 'a', domain: 'other' }));
    await index.clear();
    const left = ((await alone.command('KEYS', '*')) as string[]).filter((key) => key.includes(prefix));
    t.same(left.sort(), [...others.slice(0, 2)].sort());
    t.equal(await alone.command('GET', others[2] ?? ''), 'stays');
  });

  tap.test('nothing is left in the order of what has gone', async (t) => {
    const { index, link } = await open(t, { url: alone.url });
    const ids = Array.from({ length: 1500 }, (_, n) => `${n}`);
    await Promise.all(ids.map((id) => index.put(entryRow({ id, created: Number(id) }))));
    await Promise.all(ids.map((id) => index.put(entryRow({ id, created: 5000 - Number(id) }))));
    await Promise.all(ids.map((id) => index.remove('local', id)));
    const { rows, order, newest } = domainKeys(link.settings.prefix, 'local');
    t.equal(await alone.command('EXISTS', rows, order, newest), 0);
  });

  tap.test('a cluster whose nodes say nothing keeps nobody waiting either', async (t) => {
    const { index, link } = await open(t, { url: cluster.url, mode: 'cluster' });
    await index.put(entryRow({ id: 'a' }));
    for (const node of cluster.nodes) node.freeze();
    const since = performance.now();
    for (const call of everyCall(index))
      await t.rejects(async () => void (await call()), { code: 'INDEX_FAILED' });
    t.ok(performance.now() - since < 2_000, 'all of them together');
    for (const node of cluster.nodes) node.thaw();
    await until(() => link.isUp);
    await until(async () => (await index.byId('local', 'a').catch(() => undefined))?.id === 'a');
    t.pass('and it comes back');
  });
}

/** Every question that there is. */
function everyCall(index: EntryIndex): (() => Promise<unknown>)[] {
  return [
    () => index.find({ domain: 'local', scopes: ['main'], match: { prefix: '' } }),
    () => index.byId('local', 'a'),
    () => index.list({ domain: 'local', scopes: ['main'], limit: 1 }),
    () => index.put(entryRow({ id: 'b' })),
    () => index.remove('local', 'a'),
    () => index.putSegments('local', [segmentRow(1)]),
    () => index.segments('local', [segmentRow(1).identity]),
    () => index.removeSegment('local', segmentRow(1).identity),
    () => index.totals('local'),
    () => index.epoch(),
    () => index.beginEpoch('one'),
    () => index.setEpoch('one'),
    () => index.doubt(),
    () => index.clear(),
  ];
}
