/**
 * Answers that are long: sent chunk by chunk as fast as the reader takes them. Nothing is read ahead for a reader that has not
 * taken the last chunk, so one that stands still holds one or two of them and no more.
 */

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { letGo } from '../entries/let-go.ts';
import type { Traffic } from './app-type.ts';

export interface LongAnswer {
  status: number;
  headers: OutgoingHttpHeaders;
  /** Each belongs to who takes it. */
  chunks: AsyncGenerator<Buffer>;
}

/**
 * What fails before the first chunk is thrown, and can be answered with a status of its own; what fails later breaks the
 * connection, so that nobody takes the part for the whole.
 */
export async function sendChunks(
  reply: FastifyReply,
  answer: LongAnswer,
  traffic: Traffic,
): Promise<FastifyReply> {
  const { status, headers, chunks } = answer;
  const first = await chunks.next();
  // Past Fastify: piping its streams holds two more chunks for each reader.
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(status, headers);
  try {
    for (let next = first; !next.done; next = await chunks.next()) {
      const chunk = next.value;
      traffic.sent(chunk.length);
      if (!raw.write(chunk, () => letGo(chunk))) await roomFor(raw);
      if (raw.destroyed) return reply;
    }
    raw.end();
  } catch (error) {
    reply.log.warn({ err: error, request: reply.request.id }, 'broke off an answer');
    raw.destroy();
  } finally {
    await chunks.return(undefined);
  }
  return reply;
}

/** Resolves when the reader has taken what was written, or has gone. */
function roomFor(raw: ServerResponse): Promise<void> {
  if (raw.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      raw.removeListener('drain', done);
      raw.removeListener('close', done);
      resolve();
    };
    raw.once('drain', done);
    raw.once('close', done);
  });
}
