/** Details of inputs, and packed times: GET and PUT details/<digest>. */
import { LIMITS } from '#protocol/format/limits.ts';
import {
  DigestParamsSchema,
  ForEntryQuerySchema,
  ForSaveQuerySchema,
  PutAnswerSchema,
} from '#protocol/wire/routes.ts';
import { requireWriter } from '../auth/grant.ts';
import type { App, RouteParts } from './app-type.ts';
import { readBody } from './body.ts';

const BYTES_TYPE = 'application/octet-stream';

export function detailRoutes(
  app: App,
  { entries, grantOf, memory, bodyIdle: idle, traffic }: RouteParts,
): void {
  app.get(
    '/details/:digest',
    {
      schema: {
        summary: 'One detail',
        tags: ['details'],
        params: DigestParamsSchema,
        querystring: ForEntryQuerySchema,
      },
    },
    async (request, reply) => {
      const bytes = await entries.detail(grantOf(request), request.params.digest, request.query.entry);
      traffic.sent(bytes.length);
      return reply.type(BYTES_TYPE).send(bytes);
    },
  );
  app.put(
    '/details/:digest',
    {
      schema: {
        summary: 'Stores one detail under the sha256 of its bytes',
        tags: ['details'],
        consumes: [BYTES_TYPE],
        params: DigestParamsSchema,
        querystring: ForSaveQuerySchema,
        response: { 200: PutAnswerSchema, 201: PutAnswerSchema },
      },
    },
    async (request, reply) => {
      const grant = grantOf(request);
      requireWriter(grant, 'store details');
      const { bytes, release } = await readBody(request.raw, { limit: LIMITS.detailBytes, memory, idle });
      try {
        traffic.received(bytes.length);
        const status = await entries.putDetail(grant, request.params.digest, bytes, request.query.save);
        return reply.code(status === 'stored' ? 201 : 200).send({ status });
      } finally {
        release();
      }
    },
  );
}
