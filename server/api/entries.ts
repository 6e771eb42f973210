/** Entries: list, one, remove. */
import {
  EntriesAnswerSchema,
  EntriesQuerySchema,
  EntryAnswerSchema,
  EntryParamsSchema,
  RemoveAnswerSchema,
} from '#protocol/wire/routes.ts';
import type { App, RouteParts } from './app-type.ts';

const LISTED = 100;

export function entryRoutes(app: App, { entries, grantOf }: RouteParts): void {
  app.get(
    '/entries',
    {
      schema: {
        summary: 'Entries that the grant may read, the newest first',
        tags: ['entries'],
        querystring: EntriesQuerySchema,
        response: { 200: EntriesAnswerSchema },
      },
    },
    async (request) => ({
      entries: await entries.list(grantOf(request), { limit: LISTED, ...request.query }),
    }),
  );
  app.get(
    '/entries/:entry',
    {
      schema: {
        summary: 'One entry: its signed manifest and where its bytes are',
        tags: ['entries'],
        params: EntryParamsSchema,
        response: { 200: EntryAnswerSchema },
      },
    },
    async (request, reply) => {
      const { answer } = await entries.entry(grantOf(request), request.params.entry);
      const body = Buffer.concat([Buffer.from('{'), answer, Buffer.from('}')]);
      return reply.type('application/json; charset=utf-8').send(body as never);
    },
  );
  app.delete(
    '/entries/:entry',
    {
      schema: {
        summary: 'Removes an entry of the scope that the grant writes',
        tags: ['entries'],
        params: EntryParamsSchema,
        response: { 200: RemoveAnswerSchema },
      },
    },
    async (request) => {
      await entries.remove(grantOf(request), request.params.entry);
      return { removed: request.params.entry };
    },
  );
}
