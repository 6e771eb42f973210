import tap from 'tap';
import { openRedisIndex } from '#server/index/redis/redis-index.ts';
import { openBullMqQueue } from '#server/queue/bullmq/bullmq-queue.ts';
import { RedisLink } from '#server/redis/redis-link.ts';
import { need } from '../../needs.ts';
import { entryRow, segmentRow } from '../index/index-rows.ts';
import { settingsOf, startRedis, until } from './redis-server.ts';

if (need(tap, 'redis-server')) {
  tap.test('index and queue do with the user that docs/operations.md tells to make', async (t) => {
    const redis = await startRedis(t);
    const rules = ['on', '>secret', '~{cachalot*', '+@all', '-@admin', '-@dangerous', '+info'];
    await redis.command('ACL', 'SETUSER', 'cachalot', ...rules);
    await redis.command('ACL', 'SETUSER', 'default', 'off');
    const words = { url: redis.url, username: 'cachalot', password: 'secret', prefix: 'cachalot' };
    const errors: string[] = [];
    const settings = await settingsOf(words);
    const index = openRedisIndex(await RedisLink.open(settings, { name: 'index' }));
    const queue = openBullMqQueue(await RedisLink.open(settings, { name: 'queue' }), {
      onError: ({ message }) => errors.push(message),
    });
    t.teardown(async () => {
      await queue.close();
      await index.close();
    });
    await index.put(entryRow({ id: 'a' }));
    await index.putSegments('local', [segmentRow(1)]);
    await index.beginEpoch('one');
    t.ok(await index.setEpoch('one'));
    t.equal(await index.epoch(), 'one');
    t.equal((await index.find({ domain: 'local', scopes: ['main'], match: { prefix: '' } }))?.id, 'a');
    let ran = 0;
    queue.handle('reindex', async () => {
      ran += 1;
    });
    t.equal(await queue.add({ name: 'reindex', id: 'reindex', data: {} }), 'added');
    await until(() => ran === 1);
    t.same((await queue.counts()).failed, 0);
    await index.clear();
    t.equal(await index.byId('local', 'a'), undefined);
    t.same(errors, []);
  });
}
