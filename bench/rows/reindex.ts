/** How long does the index take to be rebuilt from the manifests, when Redis has been flushed? */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { list, median, short } from '../interleave.ts';
import { writeEntries } from '../load/direct-entries.ts';
import type { Question } from '../question.ts';
import { startServer } from '../stage/cachalot.ts';
import { redisSettings, startRedis } from '../stage/redis.ts';
import type { Stage } from '../stage/stage.ts';

const POLL_MS = 50;

export const reindex: Question = {
  rows: ['reindex'],
  async ask(stage) {
    const entries = stage.quick ? 2_000 : 100_000;
    const data = join(stage.folder, 'data');
    await mkdir(data);
    stage.say(`  writing ${entries} manifests`);
    await writeEntries(data, entries);
    const times: number[] = [];
    for (let turn = 0; turn < stage.runs(3); turn++)
      times.push(await stage.within((inner) => rebuilt(inner, data, entries)));
    return [
      {
        name: 'reindex',
        value: median(times),
        unit: 's',
        better: 'lower',
        against: null,
        ratio: null,
        runs: times.length,
        conditions: {
          'seconds of each run': list(times),
          'manifests a second': short(entries / median(times)),
          entries: `${entries} manifests in a folder, each with one segment of its own; an empty Redis, from the start of the server on`,
        },
      },
    ];
  },
};

/** Seconds from a server's start until every entry is in the index. */
async function rebuilt(stage: Stage, data: string, entries: number): Promise<number> {
  const redis = await startRedis(stage);
  const since = performance.now();
  const server = await startServer(stage, data, redisSettings(redis, data));
  for (;;) {
    stage.signal.throwIfAborted();
    const answer = await fetch(`http://127.0.0.1:${server.port}/api/v1/stats`);
    const { entries: known } = (await answer.json()) as { entries?: number };
    if (known === entries) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const seconds = (performance.now() - since) / 1000;
  await server.stop();
  return seconds;
}
