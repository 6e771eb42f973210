/** What becomes of entries when their index in Redis is lost, stalls or forgets. Real Redis, real folder. */
import tap, { type Test } from 'tap';
import { fault } from '#protocol/wire/errors.ts';
import { localGrant } from '#server/auth/grant.ts';
import type { EntryIndex } from '#server/index/entry-index.ts';
import { openRedisIndex } from '#server/index/redis/redis-index.ts';
import { openBullMqQueue } from '#server/queue/bullmq/bullmq-queue.ts';
import { RedisLink } from '#server/redis/redis-link.ts';
import type { RedisSettings } from '#server/redis/settings.ts';
import { need } from '../../needs.ts';
import { someSegments } from '../made-segments.ts';
import { settingsOf, startRedis, until } from '../redis/redis-server.ts';
import { archiveBytes, instead, lookup, openEntries, save } from './open-entries.ts';

/** Entries on a Redis index; `given` replaces parts. Jobs run in this process unless it says otherwise. */
async function open(
  t: Test,
  settings: RedisSettings,
  { folder, works, index: changed }: { folder?: string; works?: boolean; index?: Partial<EntryIndex> } = {},
) {
  const link = await RedisLink.open(settings, { name: 'test' });
  const own = openRedisIndex(link);
  const index = changed === undefined ? own : instead(own, changed);
  t.teardown(() => index.close());
  const queue =
    works === undefined
      ? undefined
      : openBullMqQueue(await RedisLink.open(settings, { name: 'test-queue' }), { works });
  if (queue !== undefined) t.teardown(() => queue.close());
  const opened = await openEntries(t, {
    ...(folder === undefined ? {} : { folder }),
    change: (parts) => ({ ...parts, index, ...(queue === undefined ? {} : { queue }) }),
  });
  return { ...opened, link };
}

/** What a look-up finds, which it must say within two seconds. */
async function hitOf(t: Test, entries: Parameters<typeof lookup>[0], ...keys: string[]): Promise<string> {
  const since = performance.now();
  const { hit } = await lookup(entries, keys);
  t.ok(performance.now() - since < 2_000, `${keys} within two seconds`);
  return hit;
}

const keysOf = async ({ entries }: { entries: Parameters<typeof lookup>[0] }) =>
  (await entries.list(localGrant, { limit: 10 })).map(({ key }) => key).sort();

const reindexes = (told: string[]) => told.filter((line) => line.startsWith('reindexed'));

if (need(tap, 'redis-server')) {
  tap.test(
    'fault "Redis down midway", and restarted empty: hits are hits, misses are misses, saves go on, one reindex',
    async (t) => {
      const redis = await startRedis(t);
      const opened = await open(t, await settingsOf({ url: redis.url }));
      const { entries, told, link, pass } = opened;
      const { entry } = await save(entries, 'npm/shop/a', someSegments(3, 'a'));
      for (const lose of ['stop', 'freeze'] as const) {
        await redis[lose]();
        pass(60_000);
        t.equal(await hitOf(t, entries, 'npm/shop/a'), 'exact');
        t.equal(await hitOf(t, entries, 'npm/shop/x', 'npm/shop/'), 'near');
        t.equal(await hitOf(t, entries, 'npm/shop/x', 'npm/other/'), 'none');
        t.ok((await archiveBytes(entries, entry)).length > 0, 'and it can be read');
        t.notOk(await entries.trustsIndex());
        told.length = 0;
        await save(entries, 'npm/shop/meanwhile', someSegments(1, 'b'));
        await redis.stop();
        await redis.start();
        await until(() => link.isUp);
        await until(() => entries.trustsIndex());
        t.equal(reindexes(told).length, 1, 'one reindex');
        t.same(await keysOf(opened), ['npm/shop/a', 'npm/shop/meanwhile']);
      }
    },
  );

  tap.test('fault "Redis down at start": the server starts, and an entry of before is a hit', async (t) => {
    const redis = await startRedis(t);
    const settings = await settingsOf({ url: redis.url });
    const before = await open(t, settings);
    await save(before.entries, 'npm/shop/a', someSegments(3, 'a'));
    await redis.stop();
    const { entries, link } = await open(t, settings, { folder: before.folder });
    t.equal(await hitOf(t, entries, 'npm/shop/a'), 'exact');
    t.equal(await hitOf(t, entries, 'npm/shop/b'), 'none');
    await redis.start();
    await until(() => link.isUp);
    await until(() => entries.trustsIndex());
    t.equal(await hitOf(t, entries, 'npm/shop/a'), 'exact');
  });

  tap.test('fault "Redis flushed": rebuilt from the manifests, once, and hits meanwhile', async (t) => {
    const redis = await startRedis(t);
    const opened = await open(t, await settingsOf({ url: redis.url }));
    const { entries, told } = opened;
    await save(entries, 'npm/shop/a', someSegments(3, 'a'));
    await save(entries, 'npm/shop/b', someSegments(3, 'b'));
    told.length = 0;
    await redis.command('FLUSHALL');
    t.equal(await hitOf(t, entries, 'npm/shop/a'), 'exact');
    await until(() => entries.trustsIndex());
    t.same(reindexes(told), ['reindexed: 2']);
    t.same(await keysOf(opened), ['npm/shop/a', 'npm/shop/b']);
    t.equal(await hitOf(t, entries, 'npm/shop/x', 'npm/shop/'), 'near');
  });

  tap.test(
    'fault "loses recent writes": what came and went since is known after a restart, by the store',
    async (t) => {
      const redis = await startRedis(t);
      const opened = await open(t, await settingsOf({ url: redis.url }));
      const { entries, told, link, pass } = opened;
      const gone = await save(entries, 'npm/shop/gone', someSegments(2, 'gone'));
      await save(entries, 'npm/shop/kept', someSegments(2, 'kept'));
      await redis.command('SAVE');
      await entries.remove(localGrant, gone.entry);
      await save(entries, 'npm/shop/new', someSegments(2, 'new'));
      await redis.stop();
      await redis.start();
      await until(() => link.isUp);
      pass(60_000);
      t.ok(await opened.parts.index.byId('local', gone.entry), 'the row that leads nowhere is there again');
      t.equal(await hitOf(t, entries, 'npm/shop/gone'), 'none', 'and is no hit');
      t.equal(await hitOf(t, entries, 'npm/shop/new'), 'exact', 'the one that was lost is one');
      await until(() => entries.trustsIndex());
      t.equal(reindexes(told).length, 2, 'one at the start, one now');
      t.same(await keysOf(opened), ['npm/shop/kept', 'npm/shop/new']);
    },
  );

  tap.test(
    'several replicas: what one could not tell the index is found by the others, and one reindex ends it',
    async (t) => {
      const redis = await startRedis(t);
      const settings = await settingsOf({ url: redis.url });
      const worker = await open(t, settings, { works: true });
      await until(() => worker.entries.trustsIndex());
      let isCut = false;
      const cut = async (): Promise<void> => {
        if (isCut) throw fault('INDEX_FAILED', { why: 'cut off' });
      };
      // Of the two only this one loses Redis; it has no worker.
      const uncut = openRedisIndex(await RedisLink.open(settings, { name: 'uncut' }));
      t.teardown(() => uncut.close());
      const replica = await open(t, settings, {
        folder: worker.folder,
        works: false,
        index: {
          put: (row) => cut().then(() => uncut.put(row)),
          doubt: () => cut().then(() => uncut.doubt()),
          epoch: () => cut().then(() => uncut.epoch()),
        },
      });
      t.ok(await replica.entries.trustsIndex());
      worker.told.length = 0;
      isCut = true;
      await save(replica.entries, 'npm/shop/a', someSegments(2, 'a'));
      t.equal(await hitOf(t, replica.entries, 'npm/shop/a'), 'exact', 'by the store');
      t.notOk(await replica.entries.trustsIndex());
      isCut = false;
      await replica.entries.trustsIndex();
      await until(() => reindexes(worker.told).length > 0);
      await until(() => worker.entries.trustsIndex());
      t.equal(await hitOf(t, worker.entries, 'npm/shop/x', 'npm/shop/'), 'near', 'the other knows it');
      await until(() => replica.entries.trustsIndex());
      t.equal(reindexes(worker.told).length, 1);
      t.same(reindexes(replica.told), []);
    },
  );

  tap.test('what is missed while a reindex is under way is not hidden by its end', async (t) => {
    const redis = await startRedis(t);
    const settings = await settingsOf({ url: redis.url });
    const first = await open(t, settings);
    const { entries, parts } = first;
    let isCut = false;
    const other = await open(t, settings, {
      folder: first.folder,
      index: {
        put: async (row) => {
          if (isCut) throw fault('INDEX_FAILED', { why: 'cut off' });
          await parts.index.put(row);
        },
      },
    });
    await save(entries, 'npm/shop/a', someSegments(2, 'a'));
    // In the middle of a reindex, when the store has been listed, another replica commits what the index is not told.
    const slow = await open(t, settings, {
      folder: first.folder,
      index: {
        setEpoch: async (epoch) => {
          isCut = true;
          await save(other.entries, 'npm/shop/b', someSegments(2, 'b'));
          isCut = false;
          return await parts.index.setEpoch(epoch);
        },
        epoch: () => parts.index.epoch(),
      },
    });
    await parts.index.doubt();
    slow.told.length = 0;
    await slow.entries.rebuildIndex();
    await slow.parts.queue.idle();
    t.same(reindexes(slow.told), [], 'it was spoilt');
    await until(() => entries.trustsIndex());
    t.equal((await lookup(entries, ['npm/shop/b'])).hit, 'exact');
    t.same(await keysOf(first), ['npm/shop/a', 'npm/shop/b']);
  });

  tap.test('a search that fails is no miss, though the index has its epoch', async (t) => {
    const redis = await startRedis(t);
    let isBroken = false;
    const settings = await settingsOf({ url: redis.url });
    const first = await open(t, settings);
    const { entries } = await open(t, settings, {
      folder: first.folder,
      index: {
        find: async (query) => {
          if (isBroken) throw fault('INDEX_FAILED', { why: 'the script failed' });
          return await first.parts.index.find(query);
        },
      },
    });
    await save(entries, 'npm/shop/a', someSegments(1));
    isBroken = true;
    t.ok(await entries.trustsIndex());
    t.equal(await hitOf(t, entries, 'npm/shop/a'), 'exact');
    t.equal(await hitOf(t, entries, 'npm/shop/x', 'npm/'), 'near');
  });

  tap.test(
    'a reindex that Redis fails under has failed: it writes no epoch, and is tried again',
    async (t) => {
      const redis = await startRedis(t);
      const settings = await settingsOf({ url: redis.url });
      const first = await open(t, settings);
      for (const name of ['a', 'b', 'c'])
        await save(first.entries, `npm/shop/${name}`, someSegments(1, name));
      let failures = 1;
      const { entries, parts, told } = await open(t, settings, {
        folder: first.folder,
        index: {
          put: async (row) => {
            if (failures-- > 0) throw fault('INDEX_FAILED', { why: 'for a moment' });
            await first.parts.index.put(row);
          },
        },
      });
      await entries.rebuildIndex();
      await parts.queue.idle();
      await until(() => entries.trustsIndex());
      t.same(reindexes(told), ['reindexed: 3'], 'all three, by the second attempt');
    },
  );
}
