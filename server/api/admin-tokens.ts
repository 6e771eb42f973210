/** POST, GET admin/tokens and DELETE admin/tokens/<id>: an administrator makes, lists and revokes static tokens. */
import { fault } from '#protocol/wire/errors.ts';
import {
  AdminTokenAnswerSchema,
  AdminTokenParamsSchema,
  AdminTokenRequestSchema,
  AdminTokensAnswerSchema,
  RevokeAnswerSchema,
} from '#protocol/wire/routes.ts';
import type { Tokens } from '../auth/tokens.ts';
import { type AdminParts, administratorsOnly } from './admin.ts';
import type { App } from './app-type.ts';

export function adminTokenRoutes(
  app: App,
  { isAdmin }: Pick<AdminParts, 'isAdmin'>,
  tokens: Pick<Tokens, 'create' | 'list' | 'revoke'>,
): void {
  const onRequest = administratorsOnly(isAdmin);
  app.post(
    '/admin/tokens',
    {
      onRequest,
      schema: {
        summary: 'Makes a static token; this answer alone has its text',
        tags: ['admin'],
        body: AdminTokenRequestSchema,
        response: { 200: AdminTokenAnswerSchema },
      },
    },
    async ({ body }, reply) => {
      reply.header('cache-control', 'no-store');
      return await tokens.create(body);
    },
  );
  app.get(
    '/admin/tokens',
    {
      onRequest,
      schema: {
        summary: 'The static tokens, without their secrets',
        tags: ['admin'],
        response: { 200: AdminTokensAnswerSchema },
      },
    },
    async () => ({ tokens: await tokens.list() }),
  );
  app.delete(
    '/admin/tokens/:token',
    {
      onRequest,
      schema: {
        summary: 'Revokes a static token; every replica refuses it some seconds later',
        tags: ['admin'],
        params: AdminTokenParamsSchema,
        response: { 200: RevokeAnswerSchema },
      },
    },
    async ({ params: { token } }) => {
      if (!(await tokens.revoke(token))) throw fault('TOKEN_MISSING', { token });
      return { revoked: token };
    },
  );
}
