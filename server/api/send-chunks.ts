/**
 * Answers that are long: sent chunk by chunk as fast as the reader takes them. Nothing is read ahead for a reader that has not
 * taken the last chunk, so one that stands still holds one or two of them and no more.
 */

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import type { Chunk, Chunks } from '../entries/chunk.ts';
import type { Traffic } from './app-type.ts';

export interface LongAnswer {
  status: number;
  headers: OutgoingHttpHeaders & { 'content-length'?: number };
  chunks: Chunks;
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
  let next = await chunks.next();
  // Past Fastify: piping its streams holds two more chunks for each reader.
  reply.hijack();
  const { raw } = reply;
  const sending = new Sending(raw);
  raw.writeHead(status, headers);
  let left = headers['content-length'] ?? Number.POSITIVE_INFINITY;
  try {
    while (!next.done) {
      const { length } = next.value.bytes;
      traffic.sent(length);
      left -= length;
      // In one call, and nobody waits until there is room for nothing.
      if (left === 0) sending.end(next.value);
      else await sending.write(next.value);
      if (left === 0 || raw.destroyed) return reply;
      next = await chunks.next();
    }
    sending.end();
  } catch (error) {
    reply.log.warn({ err: error, request: reply.request.id }, 'broke off an answer');
    raw.destroy();
  } finally {
    await chunks.return();
  }
  return reply;
}

/** Chunks that have been written are released when they have left, or when the connection is closed: nothing reads them then. */
class Sending {
  readonly #raw: ServerResponse;
  readonly #socket: Socket;
  /** In order. */
  readonly #written: Chunk[] = [];
  #room: (() => void) | undefined;

  constructor(raw: ServerResponse) {
    this.#raw = raw;
    this.#socket = raw.req.socket;
    this.#socket.on('close', this.#closed);
  }

  /** Answers when the reader has taken what was written, or has gone. */
  async write(chunk: Chunk): Promise<void> {
    if (!this.#takes(chunk) || this.#raw.write(chunk.bytes, this.#left)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = resolve;
    this.#raw.once('drain', resolve);
    await promise;
    this.#raw.removeListener('drain', resolve);
  }

  end(chunk?: Chunk): void {
    if (chunk !== undefined && !this.#takes(chunk)) return;
    this.#raw.once('finish', this.#finished);
    if (chunk === undefined) this.#raw.end();
    else this.#raw.end(chunk.bytes);
  }

  #takes(chunk: Chunk): boolean {
    if (this.#socket.closed) chunk.release();
    else this.#written.push(chunk);
    return !this.#socket.closed;
  }

  readonly #left = (): void => {
    this.#written.shift()?.release();
  };

  readonly #finished = (): void => {
    this.#closed();
    this.#socket.removeListener('close', this.#closed);
  };

  readonly #closed = (): void => {
    for (const chunk of this.#written.splice(0)) chunk.release();
    this.#room?.();
  };
}
