/** POST lookup. */
import type { FastifyReply } from 'fastify';
import { ACCEPT_INLINE, encodeInline, INLINE_MAX, INLINE_TYPE } from '#protocol/wire/inline.ts';
import { LookupAnswerSchema, LookupRequestSchema } from '#protocol/wire/routes.ts';
import type { Found } from '../entries/lookup.ts';
import { accelFrom } from './accel.ts';
import type { App, RouteParts } from './app-type.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const BODY_LIMIT = 4 * 1024 * 1024;

interface Place {
  offset: number;
  length: number;
}

interface Inline {
  bytes: Buffer[];
  /** By result. */
  places: { times?: Place | undefined; inline?: Place | undefined }[];
}

export function lookupRoutes(app: App, { entries, grantOf, inline: budget, traffic }: RouteParts): void {
  app.post(
    '/lookup',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        summary: 'Finds entries by exact key or prefix',
        tags: ['entries'],
        body: LookupRequestSchema,
        response: { 200: LookupAnswerSchema },
      },
    },
    async (request, reply) => {
      const found = await entries.lookup(grantOf(request), request.body.wants);
      const delivery = entries.announced(accelFrom(request.headers) !== undefined);
      const max = inlineBytes(request.headers[ACCEPT_INLINE]);
      if (max === 0) return sendParts(reply, JSON_TYPE, answerParts(found, [], delivery));
      // Beyond what memory allows now there are none: the reader asks for ranges then.
      const release = budget.tryReserve(max);
      const inline = release === undefined ? { bytes: [], places: [] } : await inlineOf(found, max);
      if (release !== undefined) reply.raw.once('close', release);
      for (const { length } of inline.bytes) traffic.sent(length);
      const json = Buffer.concat(answerParts(found, inline.places, delivery)).toString();
      return sendParts(reply, INLINE_TYPE, encodeInline(json, inline.bytes));
    },
  );

  async function inlineOf(found: Found[], max: number): Promise<Inline> {
    const inline: Inline = { bytes: [], places: [] };
    let offset = 0;
    const put = (bytes: Buffer | undefined): Place | undefined => {
      if (bytes === undefined) return undefined;
      inline.bytes.push(bytes);
      offset += bytes.length;
      return { offset: offset - bytes.length, length: bytes.length };
    };
    for (const { entry } of found) {
      if (entry === undefined) inline.places.push({});
      else {
        const times = put(await entries.times(entry, max - offset));
        inline.places.push({ times, inline: put(await entries.firstBytes(entry, max - offset)) });
      }
    }
    return inline;
  }
}

function inlineBytes(header: string | string[] | undefined): number {
  return typeof header === 'string' && /^\d{1,9}$/.test(header) ? Math.min(Number(header), INLINE_MAX) : 0;
}

/** An answer is put together from what each entry has ready; see WholeEntry.answer. */
function answerParts(
  found: Found[],
  places: Inline['places'],
  delivery: 'redirect' | 'accel' | undefined,
): Buffer[] {
  const parts: Buffer[] = [Buffer.from('{"results":[')];
  for (const [at, { hit, reason, entry }] of found.entries()) {
    const own = JSON.stringify({ hit, reason, ...places[at], ...(entry && { delivery }) });
    parts.push(Buffer.from(`${at === 0 ? '' : ','}${entry === undefined ? own : `${own.slice(0, -1)},`}`));
    if (entry !== undefined) parts.push(entry.answer, Buffer.from('}'));
  }
  parts.push(Buffer.from(']}'));
  return parts;
}

// Past Fastify, which takes an answer in one piece: putting 300 segments' worth of text together anew for each look-up would cost
// more than everything else about it.
function sendParts(reply: FastifyReply, type: string, parts: Buffer[]): void {
  reply.hijack();
  const { raw } = reply;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  raw.writeHead(200, { 'content-type': type, 'content-length': length });
  raw.cork();
  for (const part of parts) raw.write(part);
  raw.end();
  raw.uncork();
}
