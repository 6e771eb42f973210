/** Save sessions: POST saves, saves/<id>/lack, saves/<id>/commit. */
import { LIMITS } from '#protocol/format/limits.ts';
import {
  CommitAnswerSchema,
  CommitConflictSchema,
  CommitRequestSchema,
  LackAnswerSchema,
  LackRequestSchema,
  OpenSaveAnswerSchema,
  OpenSaveRequestSchema,
  SaveParamsSchema,
} from '#protocol/wire/routes.ts';
import type { App, RouteParts } from './app-type.ts';

/** Ten thousand identities, and some. */
const LACK_BODY_LIMIT = 1024 * 1024;

export function saveRoutes(app: App, { entries, grantOf }: RouteParts): void {
  app.post(
    '/saves',
    {
      schema: {
        summary: 'Opens a save',
        tags: ['saves'],
        body: OpenSaveRequestSchema,
        response: { 200: OpenSaveAnswerSchema },
      },
    },
    (request) => entries.openSave(grantOf(request), request.body),
  );
  app.post(
    '/saves/:save/lack',
    {
      bodyLimit: LACK_BODY_LIMIT,
      schema: {
        summary: 'Which of these segments the store lacks; the others are kept for this save',
        tags: ['saves'],
        params: SaveParamsSchema,
        body: LackRequestSchema,
        response: { 200: LackAnswerSchema },
      },
    },
    async (request) => {
      return { lack: await entries.lack(grantOf(request), request.params.save, request.body.identities) };
    },
  );
  app.post(
    '/saves/:save/commit',
    {
      bodyLimit: LIMITS.manifestBytes,
      schema: {
        summary: 'Makes the entry; the first of a key wins',
        tags: ['saves'],
        params: SaveParamsSchema,
        body: CommitRequestSchema,
        response: { 200: CommitAnswerSchema, 409: CommitConflictSchema },
      },
    },
    async (request) => {
      const { entry, outcome, signed } = await entries.commit(
        grantOf(request),
        request.params.save,
        request.body,
      );
      return { entry, outcome, ...signed };
    },
  );
}
