/** POST admin/jobs: an administrator has a job done now. */
import type { FastifyRequest } from 'fastify';
import { fault } from '#protocol/wire/errors.ts';
import { type AdminJob, AdminJobAnswerSchema, AdminJobRequestSchema } from '#protocol/wire/routes.ts';
import type { AdminCheck } from '../auth/admin-token.ts';
import type { Added } from '../queue/job-queue.ts';
import type { App } from './app-type.ts';

export interface AdminParts {
  isAdmin: AdminCheck;
  /** Asks the queue. */
  begin(job: AdminJob): Promise<Added>;
}

/** Before the body is looked at: who may not ask learns nothing of what could be asked. */
export function administratorsOnly(isAdmin: AdminCheck): (request: FastifyRequest) => Promise<void> {
  return async ({ headers }) => {
    if (!isAdmin(headers)) throw fault('ADMIN_REQUIRED');
  };
}

export function adminRoutes(app: App, { isAdmin, begin }: AdminParts): void {
  app.post(
    '/admin/jobs',
    {
      onRequest: administratorsOnly(isAdmin),
      schema: {
        summary: 'Has a job done now: reindex, sweep, evict, scrub',
        tags: ['admin'],
        body: AdminJobRequestSchema,
        response: { 200: AdminJobAnswerSchema },
      },
    },
    async ({ body }) => ({ status: await begin(body.job) }),
  );
}
