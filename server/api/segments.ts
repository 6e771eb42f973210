/** Segments: one by one, many in one body, and reports of damage. */
import { LIMITS } from '#protocol/format/limits.ts';
import { CachalotError, fault } from '#protocol/wire/errors.ts';
import {
  ForEntryQuerySchema,
  ForSaveQuerySchema,
  IdentityParamsSchema,
  PutAnswerSchema,
  type ReadRequest,
  ReadRequestSchema,
  SuspectAnswerSchema,
  SuspectRequestSchema,
  type WriteAnswer,
  WriteAnswerSchema,
} from '#protocol/wire/routes.ts';
import { type Grant, requireWriter } from '../auth/grant.ts';
import { type Chunk, ownChunk } from '../entries/chunk.ts';
import type { Room } from '../entries/upload-memory.ts';
import { accelFrom, sendPast } from './accel.ts';
import type { App, RouteParts } from './app-type.ts';
import { batchObjects } from './batch-body.ts';
import { readBody } from './body.ts';
import { sendChunks } from './send-chunks.ts';

const BYTES_TYPE = 'application/octet-stream';
const READ_BODY_LIMIT = 1024 * 1024;

type WriteResult = WriteAnswer['results'][number];

export function segmentRoutes(
  app: App,
  { entries, grantOf, memory, bodyIdle: idle, traffic, files }: RouteParts,
): void {
  app.get(
    '/segments/:identity',
    {
      schema: {
        summary: 'The stored bytes of one segment, or (307) where the bucket has them',
        tags: ['segments'],
        params: IdentityParamsSchema,
        querystring: ForEntryQuerySchema,
      },
    },
    async (request, reply) => {
      const { identity } = request.params;
      const accel = accelFrom(request.headers);
      const grant = grantOf(request);
      const { entry } = request.query;
      const direct = await entries.direct(grant, identity, { entry, accel: accel !== undefined });
      if (direct !== undefined && sendPast(reply, direct, { accel, files })) {
        traffic.passed(direct.way);
        return reply;
      }
      const found = await entries.segment(grant, identity, entry);
      if (found === undefined) throw fault('SEGMENT_MISSING', { identity });
      const headers = { 'content-type': BYTES_TYPE, 'content-length': found.length };
      return await sendChunks(reply, { status: 200, headers, chunks: found.chunks }, traffic);
    },
  );

  app.put(
    '/segments/:identity',
    {
      schema: {
        summary: 'Stores one segment: one zstd frame and its trailer',
        tags: ['segments'],
        consumes: [BYTES_TYPE],
        params: IdentityParamsSchema,
        querystring: ForSaveQuerySchema,
        response: { 200: PutAnswerSchema, 201: PutAnswerSchema },
      },
    },
    async (request, reply) => {
      const grant = grantOf(request);
      requireWriter(grant, 'store segments');
      const { bytes, release } = await readBody(request.raw, { limit: LIMITS.segmentStored, memory, idle });
      try {
        traffic.received(bytes.length);
        const { params, query } = request;
        const { status } = await entries.admit(grant, bytes, params.identity, query.save);
        return reply.code(status === 'stored' ? 201 : 200).send({ status });
      } finally {
        release();
      }
    },
  );

  app.post(
    '/segments/write',
    {
      schema: {
        summary:
          'Stores many segments from one body (see protocol/wire/batch.ts); each is verified and acknowledged',
        tags: ['segments'],
        consumes: [BYTES_TYPE],
        querystring: ForSaveQuerySchema,
        response: { 200: WriteAnswerSchema },
      },
    },
    async (request) => {
      const grant = grantOf(request);
      requireWriter(grant, 'store segments');
      const results: Promise<WriteResult>[] = [];
      try {
        for await (const object of batchObjects(request.raw, { limit: LIMITS.batchBytes, memory, idle })) {
          traffic.received(object.bytes.length);
          const result = admitOne(grant, object, request.query.save);
          // Awaited below; until then nobody need hear of it.
          result.catch(() => {});
          results.push(result);
        }
      } finally {
        // What has been taken in is answered for, also where the rest of the body is refused.
        await Promise.allSettled(results);
      }
      return { results: await Promise.all(results) };
    },
  );

  app.post(
    '/segments/read',
    {
      bodyLimit: READ_BODY_LIMIT,
      schema: {
        summary: 'The stored bytes of many segments in one body (see protocol/wire/batch.ts)',
        tags: ['segments'],
        body: ReadRequestSchema,
      },
    },
    (request, reply) => {
      const grant = grantOf(request);
      const headers = { 'content-type': BYTES_TYPE };
      return sendChunks(reply, { status: 200, headers, chunks: batch(grant, request.body) }, traffic);
    },
  );

  app.post(
    '/segments/:identity/suspect',
    {
      schema: {
        summary: 'Reports a segment that was found damaged; it is verified before the answer',
        tags: ['segments'],
        params: IdentityParamsSchema,
        body: SuspectRequestSchema,
        response: { 200: SuspectAnswerSchema },
      },
    },
    (request) => entries.suspect(grantOf(request), request.params.identity, request.body.entry),
  );

  async function admitOne(
    grant: Grant,
    { bytes, release }: Room,
    save: string | undefined,
  ): Promise<WriteResult> {
    try {
      const { identity, status } = await entries.admit(grant, bytes, undefined, save);
      return { identity, status };
    } catch (error) {
      if (!(error instanceof CachalotError)) throw error;
      const { code, message, params } = error;
      return { identity: String(params.identity ?? ''), status: 'refused', code, message };
    } finally {
      release();
    }
  }

  async function* batch(
    grant: Grant,
    { identities, entry }: ReadRequest,
  ): AsyncGenerator<Chunk, undefined, undefined> {
    for (const identity of identities) {
      const found = await entries.segment(grant, identity, entry);
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32LE(found?.length ?? 0);
      yield ownChunk(length);
      if (found !== undefined) yield* found.chunks;
    }
    return undefined;
  }
}
