/**
 * What does a look-up among a million entries take, a tenth of which begin with the prefix that is asked for, over one among a
 * thousand? Two servers on one Redis, asked in turn.
 */
import { join } from 'node:path';
import { list, median } from '../interleave.ts';
import { readySegments, saveDirectly } from '../load/direct-save.ts';
import { fillIndex, WIDE_PREFIX } from '../load/index-rows.ts';
import { type Lookups, startLookups } from '../load/lookups.ts';
import { populate } from '../load/population.ts';
import type { Question } from '../question.ts';
import { startServer } from '../stage/cachalot.ts';
import { type RedisServer, redisSettings, startRedis } from '../stage/redis.ts';
import type { Stage } from '../stage/stage.ts';

const CONNECTIONS = 64;
/** Entries that are asked for by name, in both. */
const REAL = 100;
const FEW = 1_000;

export const lookupsMillion: Question = {
  rows: ['lookups-million'],
  async ask(stage) {
    const many = stage.quick ? 20_000 : 1_000_000;
    const seconds = stage.quick ? 1 : 5;
    const redis = await startRedis(stage);
    const few = await serverAmong(stage, redis, 'few', FEW);
    const lot = await serverAmong(stage, redis, 'many', many);
    const asking = startLookups(stage);
    const measure = (port: number) => secondsForThousand(asking, port, seconds);
    await measure(few);
    await measure(lot);
    const times: { few: number[]; many: number[] } = { few: [], many: [] };
    for (let turn = 0; turn < stage.runs(5); turn++) {
      times.few.push(await measure(few));
      times.many.push(await measure(lot));
    }
    const value = median(times.many);
    return [
      {
        name: 'lookups-million',
        value,
        unit: 's',
        better: 'lower',
        against: `a server with ${FEW} entries`,
        ratio: value / median(times.few),
        runs: times.many.length,
        conditions: {
          'seconds for a thousand look-ups, each run': list(times.many),
          'theirs, each run': list(times.few),
          entries: `${many}, a tenth of them under one prefix, which each near look-up asks for; ${REAL} of them are asked for by name`,
          load: `${CONNECTIONS} connections kept alive, ${seconds} s; 70 of 100 look-ups exact, 20 by that prefix, 10 for nothing; the asking process and Redis share the cores`,
        },
      },
    ];
  },
};

/** A server whose index has `entries` rows; its port. */
async function serverAmong(
  stage: Stage,
  redis: RedisServer,
  prefix: string,
  entries: number,
): Promise<number> {
  const data = join(stage.folder, prefix);
  const server = await startServer(stage, data, {
    ...redisSettings(redis, data),
    CACHALOT_SERVER_REDIS_PREFIX: prefix,
  });
  stage.say(`  filling an index with ${entries} rows`);
  await fillIndex(redis.url, prefix, entries - REAL - 1);
  await populate(server.port, REAL);
  await saveDirectly(server.port, `${WIDE_PREFIX}newest`, readySegments(1, 512));
  return server.port;
}

async function secondsForThousand(asking: Lookups, port: number, seconds: number): Promise<number> {
  const report = await asking.measure({
    port,
    entries: REAL,
    connections: CONNECTIONS,
    seconds,
    near: WIDE_PREFIX,
  });
  return (report.seconds / report.answers) * 1_000;
}
