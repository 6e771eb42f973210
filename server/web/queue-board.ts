/**
 * Bull Board: the job queues as a page, where an administrator sees what waits, runs and has failed, and has it tried again.
 * Its own files are beside the bundle, or in its package.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type CachalotError, fault } from '#protocol/wire/errors.ts';

export const QUEUE_BOARD_PATH = '/admin/queues';

/** The page asks for fonts elsewhere, and whoever looks at it would be seen there. */
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'";

export interface QueueBoardParts {
  /** BullMQ's queues, for as long as the page is served. */
  queues(): Queue[];
}

/** To be registered with the prefix {@link QUEUE_BOARD_PATH}. `allow` decides each request, those for its files too. */
export function queueBoard(
  board: QueueBoardParts,
  allow: (request: FastifyRequest) => boolean,
): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.header('content-security-policy', POLICY);
      reply.header('cache-control', 'no-store');
      if (!allow(request)) {
        reply.header('www-authenticate', 'Basic realm="Cachalot", charset="UTF-8"');
        return refuse(reply, fault('ADMIN_REQUIRED'));
      }
      if (isOfAnotherPage(request)) {
        return refuse(
          reply,
          fault('REQUEST_HOST_REFUSED', { host: request.headers.origin ?? 'another page' }),
        );
      }
    });
    const adapter = new FastifyAdapter();
    adapter.setBasePath(QUEUE_BOARD_PATH);
    createBullBoard({
      queues: board.queues().map((queue) => new BullMQAdapter(queue)),
      serverAdapter: adapter,
      options: {
        uiBasePath: boardFiles(),
        uiConfig: { boardTitle: 'Cachalot', locale: { lng: 'en-US' } },
      },
    });
    await app.register(adapter.registerPlugin() as unknown as (app: FastifyInstance) => Promise<void>);
  };
}

/** A browser that was told the token sends it along for whichever page asks; only the board itself may change anything. */
function isOfAnotherPage({ method, headers }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && URL.parse(origin)?.host !== URL.parse(`http://${host}`)?.host;
}

function refuse(reply: FastifyReply, error: CachalotError): FastifyReply {
  return reply
    .code(error.status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(error.toBody()));
}

function boardFiles(): string {
  const beside = fileURLToPath(new URL('./bull-board', import.meta.url));
  if (existsSync(beside)) return beside;
  return dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'));
}
