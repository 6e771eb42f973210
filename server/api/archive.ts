/** GET and HEAD entries/<id>/archive: the entry as one .tar.zst, whole or in ranges. */
import type { FastifyReply } from 'fastify';
import { fault } from '#protocol/wire/errors.ts';
import { ArchiveQuerySchema, EntryParamsSchema } from '#protocol/wire/routes.ts';
import type { Archive } from '../entries/archive.ts';
import type { App, RouteParts } from './app-type.ts';
import { namesTag, type Range, readRange } from './range.ts';
import { sendChunks } from './send-chunks.ts';

const ARCHIVE_TYPE = 'application/zstd';

export function archiveRoutes(app: App, { entries, grantOf, traffic }: RouteParts): void {
  const schema = { tags: ['entries'], params: EntryParamsSchema, querystring: ArchiveQuerySchema };
  app.head(
    '/entries/:entry/archive',
    { schema: { ...schema, summary: 'Size and ETag of the archive' } },
    async (request, reply) => {
      const archive = await entries.archive(grantOf(request), request.params.entry, request.query.anchor);
      refuseOtherTag(archive, request.headers['if-match']);
      return reply.headers({ ...headersOf(archive), 'content-length': archive.bytes }).send();
    },
  );
  app.get(
    '/entries/:entry/archive',
    {
      schema: {
        ...schema,
        summary: 'The archive, a plain .tar.zst; takes Range and If-Match',
        produces: [ARCHIVE_TYPE],
      },
    },
    async (request, reply) => {
      const { headers, params, query } = request;
      const archive = await entries.archive(grantOf(request), params.entry, query.anchor);
      refuseOtherTag(archive, headers['if-match']);
      const range = wantedRange(reply, archive, headers);
      const { start, end } = range ?? { start: 0, end: archive.bytes };
      const answer = {
        status: range === undefined ? 200 : 206,
        headers: {
          ...headersOf(archive),
          'content-length': end - start,
          ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${archive.bytes}` }),
        },
        chunks: entries.send(archive, start, end),
      };
      return await sendChunks(reply, answer, traffic);
    },
  );
}

// An entry never changes, but it can leave; and a proxy's copy would outlive it.
function headersOf({ tag }: Archive) {
  return { 'content-type': ARCHIVE_TYPE, etag: tag, 'accept-ranges': 'bytes', 'cache-control': 'no-store' };
}

function refuseOtherTag(archive: Archive, ifMatch: string | undefined): void {
  if (ifMatch !== undefined && !namesTag(ifMatch, archive.tag))
    throw fault('LAYOUT_STALE', { entry: archive.entry.id });
}

function wantedRange(
  reply: FastifyReply,
  { bytes, tag }: Archive,
  headers: { range?: string | undefined; 'if-range'?: string | undefined },
): Range | undefined {
  const ifRange = headers['if-range'];
  if (ifRange !== undefined && ifRange !== tag) return undefined;
  try {
    return readRange(headers.range, bytes);
  } catch (error) {
    reply.header('content-range', `bytes */${bytes}`);
    throw error;
  }
}
