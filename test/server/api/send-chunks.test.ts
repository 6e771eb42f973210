/** Chunks of memory that is used again are held until they have left, and not longer. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fastify from 'fastify';
import { type Test, test } from 'tap';
import { sendChunks } from '#server/api/send-chunks.ts';
import type { Chunk } from '#server/entries/chunk.ts';

/** Of a chunk: more than the system takes for a reader who does not read. */
const SIZE = 24 * 1024 * 1024;

/** A server that answers with `count` chunks that fit into no buffer of the system, and a client that reads nothing until it is told to. */
async function answering(t: Test, count: number, { announced = true } = {}) {
  const released: number[] = [];
  async function* chunks(): AsyncGenerator<Chunk, undefined, undefined> {
    for (let n = 0; n < count; n += 1)
      yield { bytes: Buffer.alloc(SIZE, n + 1), release: () => released.push(n) };
    return undefined;
  }
  const app = fastify();
  const ended = Promise.withResolvers<void>();
  app.get('/', async (_, reply) => {
    reply.raw.once('close', () => ended.resolve());
    const headers = announced ? { 'content-length': count * SIZE } : {};
    return await sendChunks(
      reply,
      { status: 200, headers, chunks: chunks() },
      { sent() {}, passed() {}, received() {} },
    );
  });
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
  t.teardown(() => app.close());
  const socket: Socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  await once(socket, 'readable');
  return { socket, released, ended: ended.promise };
}

test('a chunk is released when it has left, and each once', async (t) => {
  for (const announced of [true, false]) {
    const { socket, released, ended } = await answering(t, 3, { announced });
    t.same(released, [], 'the first has not left yet');
    let bytes = 0;
    socket.on('data', (piece) => {
      bytes += piece.length;
    });
    await ended;
    t.same(released, [0, 1, 2]);
    await once(socket, 'close');
    t.ok(bytes > 3 * SIZE, `${bytes}`);
  }
});

test('a reader who goes leaves nothing behind', async (t) => {
  const { socket, released, ended } = await answering(t, 3);
  t.same(released, []);
  socket.destroy();
  await ended;
  t.same(released, [0], 'and nothing more is read for him');
});
