/** How many bytes a second does a server hand out of what it has near, when 64 connections ask for segments? */
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { list, median, short } from '../interleave.ts';
import { readySegments, saveDirectly } from '../load/direct-save.ts';
import { startGets } from '../load/gets.ts';
import type { Question } from '../question.ts';
import { startBucket } from '../stage/bucket.ts';
import { startServer } from '../stage/cachalot.ts';
import { startNginx } from '../stage/nginx.ts';

const CONNECTIONS = 64;
const SEGMENTS = 96;
const RAW = 1024 * 1024;

export const getHot: Question = {
  rows: ['get-hot'],
  async ask(stage) {
    const seconds = stage.quick ? 1 : 5;
    const bucket = await startBucket(stage);
    const data = join(stage.folder, 'data');
    const settings = bucket.settings(join(stage.folder, 'signing.pem'));
    const server = await startServer(stage, data, settings);
    const segments = readySegments(SEGMENTS, RAW);
    await saveDirectly(server.port, 'hot', segments);
    const hot = join(data, 'hot');
    const nginx = await startNginx(stage, hot);
    const onDisk = await startServer(stage, join(stage.folder, 'without-memory'), {
      ...settings,
      CACHALOT_SERVER_HOT_MEMORY: '0',
    });
    const get = startGets(stage);
    const ask = (port: number, paths: readonly string[]) =>
      get({ port, paths, connections: CONNECTIONS, seconds });
    const ours = segments.map(({ identity }) => `/api/v1/segments/${identity}`);
    const theirs = await filesOf(hot);
    const sides = {
      ours: () => ask(server.port, ours),
      disk: () => ask(onDisk.port, ours),
      nginx: () => ask(nginx.port, theirs),
    };
    const figures = { ours: [] as number[], disk: [] as number[], nginx: [] as number[] };
    // The first turn warms what each keeps near, and compiled code.
    for (let turn = -1; turn < stage.runs(5); turn++) {
      for (const side of ['ours', 'disk', 'nginx'] as const) {
        const figure = await sides[side]();
        if (turn >= 0) figures[side].push(figure);
      }
    }
    const bytes = segments.reduce((sum, { stored }) => sum + stored.length, 0);
    return [
      {
        name: 'get-hot',
        value: median(figures.ours),
        unit: 'MB/s',
        better: 'higher',
        against: 'nginx serving the same files',
        ratio: median(figures.ours) / median(figures.nginx),
        runs: figures.ours.length,
        conditions: {
          ours: list(figures.ours),
          theirs: list(figures.nginx),
          'ours with hot.memory 0': list(figures.disk),
          segments: `${SEGMENTS} of ${short(bytes / SEGMENTS / 1e3)} KB on average, asked for in turn`,
          load: `${CONNECTIONS} connections kept alive, each asks as soon as it is answered, ${seconds} s; the asking process shares the cores`,
        },
      },
    ];
  },
};

/** Paths as a client of nginx asks for them. */
async function filesOf(hot: string): Promise<string[]> {
  const entries = await readdir(join(hot, 'segments'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => encodeURI(`/${relative(hot, join(parentPath, name))}`));
}
