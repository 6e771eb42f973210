/** How many bytes a second do runners get that a server sends to its bucket, its answers (307) included? */
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

const CONNECTIONS = 64;
/** Such as a large tree is cut into. */
const RAW = 4 * 1024 * 1024;
const URL_SECONDS = 3_600;

export const getS3Redirect: Question = {
  rows: ['get-s3-redirect'],
  async ask(stage) {
    const bucket = await startBucket(stage);
    const data = join(stage.folder, 'data');
    const settings = bucket.settings(join(stage.folder, 'signing.pem'));
    const segments = readySegments(stage.quick ? 64 : 256, RAW);
    const first = await startServer(stage, data, settings);
    await saveDirectly(first.port, 'cold', segments);
    await first.stop();
    const direct = await Promise.all(
      segments.map(async ({ identity }) => {
        const object = { Bucket: bucket.name, Key: segmentObject('local', identity) };
        const url = new URL(
          await getSignedUrl(bucket.client, new GetObjectCommand(object), { expiresIn: URL_SECONDS }),
        );
        return `${url.pathname}${url.search}`;
      }),
    );
    const paths = segments.map(({ identity }) => `/api/v1/segments/${identity}`);
    const figures = await interleave(
      stage,
      {
        ours: async (run) => {
          const redirect = { CACHALOT_SERVER_DELIVERY: 'redirect' };
          const server = await startServer(run, data, { ...settings, ...redirect });
          const figure = await startGets(run)({ port: server.port, paths, connections: CONNECTIONS });
          await server.stop();
          return figure;
        },
        theirs: (run) => startGets(run)({ port: bucket.port, paths: direct, connections: CONNECTIONS }),
      },
      { runs: stage.runs(5), warmUp: true },
    );
    const bytes = segments.reduce((sum, { stored }) => sum + stored.length, 0);
    return [
      {
        name: 'get-s3-redirect',
        value: median(figures.ours),
        unit: 'MB/s',
        better: 'higher',
        against: `${bucket.what}, read directly`,
        ratio: median(figures.ours) / median(figures.theirs),
        runs: figures.ours.length,
        conditions: {
          ours: list(figures.ours),
          theirs: list(figures.theirs),
          segments: `${segments.length} of ${short(bytes / segments.length / 1e3)} KB on average, each asked for once`,
          load: `${CONNECTIONS} connections kept alive, each asks as soon as it is answered, and has one more to the bucket; the asking process and the S3 server share the cores`,
        },
      },
    ];
  },
};
