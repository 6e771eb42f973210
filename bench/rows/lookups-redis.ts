/** How many look-ups does a server answer in a second whose index is in Redis? The workload is that of `lookups`. */
import { join } from 'node:path';
import { lookupRate } from '../load/lookup-rate.ts';
import type { Question } from '../question.ts';
import { startServer } from '../stage/cachalot.ts';
import { redisSettings, startRedis } from '../stage/redis.ts';

export const lookupsRedis: Question = {
  rows: ['lookups-redis'],
  async ask(stage) {
    const redis = await startRedis(stage);
    const data = join(stage.folder, 'data');
    const server = await startServer(stage, data, redisSettings(redis, data));
    return [
      await lookupRate(stage, 'lookups-redis', server.port, 'the asking process and Redis share the cores'),
    ];
  },
};
