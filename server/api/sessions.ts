/** POST sessions: exchanges a token of a CI system, which lives minutes, for a session. */
import type { FastifyRequest } from 'fastify';
import { SessionAnswerSchema } from '#protocol/wire/routes.ts';
import type { Allowance } from '../auth/allowance.ts';
import type { Sessions } from '../auth/sessions.ts';
import type { App } from './app-type.ts';

export function sessionRoutes(
  app: App,
  sessions: Pick<Sessions, 'open'>,
  allowanceOf: (request: FastifyRequest) => Allowance | undefined,
): void {
  app.post(
    '/sessions',
    {
      schema: {
        summary: 'Exchanges a token of a CI system for a session that allows the same, longer',
        tags: ['service'],
        response: { 200: SessionAnswerSchema },
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      return await sessions.open(allowanceOf(request));
    },
  );
}
