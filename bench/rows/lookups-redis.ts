/** How many look-ups does a server answer in a second whose index is in Redis? The workload is that of `lookups`. */
import { join } from 'node:path';
import { list, median, short } from '../interleave.ts';
import { startLookups } from '../load/lookups.ts';
import { populate, SEGMENTS_PER_ENTRY } from '../load/population.ts';
import type { Question } from '../question.ts';
import { startServer } from '../stage/cachalot.ts';
import { redisSettings, startRedis } from '../stage/redis.ts';

const CONNECTIONS = 64;

export const lookupsRedis: Question = {
  rows: ['lookups-redis'],
  async ask(stage) {
    const entries = stage.quick ? 50 : 1000;
    const seconds = stage.quick ? 1 : 5;
    const redis = await startRedis(stage);
    const data = join(stage.folder, 'data');
    const server = await startServer(stage, data, redisSettings(redis, data));
    await populate(server.port, entries);
    const asking = startLookups(stage);
    const order = { port: server.port, entries, connections: CONNECTIONS, seconds };
    // The first one warms the server's own memory and its compiled code.
    await asking.measure(order);
    const reports = [];
    for (let turn = 0; turn < stage.runs(5); turn++) reports.push(await asking.measure(order));
    const rates = reports.map(({ answers, seconds: passed }) => answers / passed);
    const last = reports.at(-1);
    return [
      {
        name: 'lookups-redis',
        value: median(rates),
        unit: 'per second',
        better: 'higher',
        against: null,
        ratio: null,
        runs: rates.length,
        conditions: {
          'per second of each run': list(rates),
          'ms, last run': last
            ? `p50 ${short(last.p50)}, p99 ${short(last.p99)}, at most ${short(last.max)}`
            : '',
          entries: `${entries} keys asked for as Zipf says, ${SEGMENTS_PER_ENTRY} segments each`,
          load: `${CONNECTIONS} connections kept alive, each asks as soon as it is answered, ${seconds} s; the asking process and Redis share the cores`,
        },
      },
    ];
  },
};
