/**
 * How many bytes a second does a server hand out that it must fetch from its bucket and verify first? And how many do runners get that it sends to
 * the bucket itself, its answers (307) included?
 */
import { join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { segmentObject } from '#protocol/format/object-name.ts';
import { interleave, list, median, short } from '../interleave.ts';
import { readySegments, saveDirectly } from '../load/direct-save.ts';
import { startGets } from '../load/gets.ts';
import type { Question } from '../question.ts';
import { startBucket } from '../stage/bucket.ts';
import { startServer } from '../stage/cachalot.ts';
import type { Stage } from '../stage/stage.ts';
import { freshFileSystem, freshPlace } from '../stage/xfs.ts';

const CONNECTIONS = 64;
/** Such as a large tree is cut into. */
const RAW = 4 * 1024 * 1024;
/** Small ones that are asked for before: servers and asker run for days, and have compiled what they do. */
const EARLIER = 1_000;
const EARLIER_RAW = 64 * 1024;
const URL_SECONDS = 3_600;

interface Way {
  row: string;
  /** Of the server, beside those for its bucket. */
  settings(run: Stage): Promise<Record<string, string>>;
  conditions: Record<string, string>;
}

const BY_PROXY: Way = {
  row: 'get-s3',
  // Everything in its index, nothing near.
  settings: async (run) => ({ CACHALOT_SERVER_HOT_FOLDER: join(await freshPlace(run), 'hot') }),
  conditions: { 'hot tier': freshFileSystem() },
};
const BY_REDIRECT: Way = {
  row: 'get-s3-redirect',
  settings: async () => ({ CACHALOT_SERVER_DELIVERY: 'redirect' }),
  conditions: { redirected: 'each connection has one more to the bucket' },
};

export const GET_S3: readonly Question[] = [BY_PROXY, BY_REDIRECT].map((way) => ({
  rows: [way.row],
  async ask(stage) {
    const bucket = await startBucket(stage);
    const data = join(stage.folder, 'data');
    const settings = bucket.settings(join(stage.folder, 'signing.pem'));
    const earlier = readySegments(EARLIER, EARLIER_RAW);
    const segments = readySegments(stage.quick ? 64 : 256, RAW);
    const first = await startServer(stage, data, settings);
    await saveDirectly(first.port, 'earlier', earlier);
    await saveDirectly(first.port, 'cold', segments);
    await first.stop();
    const direct = await Promise.all(
      [...earlier, ...segments].map(async ({ identity }) => {
        const object = { Bucket: bucket.name, Key: segmentObject('local', identity) };
        const url = new URL(
          await getSignedUrl(bucket.client, new GetObjectCommand(object), { expiresIn: URL_SECONDS }),
        );
        return `${url.pathname}${url.search}`;
      }),
    );
    const paths = [...earlier, ...segments].map(({ identity }) => `/api/v1/segments/${identity}`);
    const ask = async (run: Stage, port: number, all: readonly string[]) => {
      const get = startGets(run);
      await get({ port, paths: all.slice(0, EARLIER), connections: CONNECTIONS });
      return await get({ port, paths: all.slice(EARLIER), connections: CONNECTIONS });
    };
    const figures = await interleave(
      stage,
      {
        ours: async (run) => {
          const server = await startServer(run, data, { ...settings, ...(await way.settings(run)) });
          const figure = await ask(run, server.port, paths);
          await server.stop();
          return figure;
        },
        theirs: (run) => ask(run, bucket.port, direct),
      },
      { runs: stage.runs(5), warmUp: true },
    );
    const bytes = segments.reduce((sum, { stored }) => sum + stored.length, 0);
    return [
      {
        name: way.row,
        value: median(figures.ours),
        unit: 'MB/s',
        better: 'higher',
        against: `${bucket.what}, read directly`,
        ratio: median(figures.ours) / median(figures.theirs),
        runs: figures.ours.length,
        conditions: {
          ours: list(figures.ours),
          theirs: list(figures.theirs),
          segments: `${segments.length} of ${short(bytes / segments.length / 1e3)} KB on average, each asked for once, after ${EARLIER} small ones`,
          ...way.conditions,
          load: `${CONNECTIONS} connections kept alive, each asks as soon as it is answered; the asking process and the S3 server share the cores`,
        },
      },
    ];
  },
}));
