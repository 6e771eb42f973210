import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { batchObjects } from '#server/api/batch-body.ts';
import { type BodyBounds, readBody } from '#server/api/body.ts';
import { UploadMemory } from '#server/entries/upload-memory.ts';
import { batchOf } from './open-server.ts';

/** A request of which only the body matters. */
function requestOf(headers: Record<string, string> = {}): {
  request: IncomingMessage;
  body: PassThrough;
  gone(): void;
} {
  const socket = new PassThrough();
  const body = Object.assign(new PassThrough(), { headers, socket });
  return { request: body as unknown as IncomingMessage, body, gone: () => socket.destroy() };
}

function boundsOf(bounds: Partial<BodyBounds> = {}): BodyBounds {
  return { limit: 1_000, memory: new UploadMemory(1_000), idle: 60_000, ...bounds };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no error',
    (error: unknown) => (isFault(error) ? error.code : String(error)),
  );
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const gathered: T[] = [];
  for await (const item of items) gathered.push(item);
  return gathered;
}

test('a body comes whole, declared or not, and holds its reservation until it is let go', async (t) => {
  for (const headers of [{ 'content-length': '6' }, {}]) {
    const { request, body } = requestOf(headers);
    const bounds = boundsOf();
    body.write('abc');
    body.end('def');
    const { bytes, release } = await readBody(request, bounds);
    t.equal(bytes.toString(), 'abcdef');
    t.ok(bounds.memory.reserved > 0);
    release();
    t.equal(bounds.memory.reserved, 0);
  }
});

test('a sender who falls silent is given up, and can still be answered', async (t) => {
  const { request, body } = requestOf();
  const bounds = boundsOf({ idle: 5 });
  body.write('abc');
  t.equal(await codeOf(readBody(request, bounds)), 'REQUEST_TIMEOUT');
  t.notOk(body.destroyed);
  t.equal(bounds.memory.reserved, 0);
});

test('a sender who goes away while it waits for memory leaves the line', async (t) => {
  const { request, gone } = requestOf({ 'content-length': '10' });
  const memory = new UploadMemory(10);
  const held = await memory.reserve(10);
  const reading = codeOf(readBody(request, boundsOf({ memory })));
  gone();
  t.equal(await reading, 'REQUEST_INVALID');
  held.release();
  t.equal(memory.reserved, 0);
});

test('a batch is divided the same however its bytes arrive', async (t) => {
  const objects = ['a', 'bb'.repeat(50), 'c'.repeat(7)].map((text) => Buffer.from(text));
  const whole = batchOf(objects);
  for (const piece of [1, 3, 4, 5, 64, whole.length]) {
    const { request, body } = requestOf();
    for (let at = 0; at < whole.length; at += piece) body.write(whole.subarray(at, at + piece));
    body.end();
    const found = await all(batchObjects(request, boundsOf()));
    t.same(
      found.map(({ bytes }) => bytes.toString()),
      objects.map(String),
      `pieces of ${piece}`,
    );
  }
});

test('an object is not taken in before there is memory for it', async (t) => {
  const { request, body } = requestOf();
  const memory = new UploadMemory(10);
  const reading = batchObjects(request, boundsOf({ memory }));
  body.end(batchOf([Buffer.alloc(10, 1), Buffer.alloc(10, 2)]));
  const first = (await reading.next()).value;
  t.equal(memory.reserved, 10);
  const second = reading.next();
  first?.release();
  t.equal((await second).value?.bytes[0], 2);
  await reading.return(undefined);
});

test('whatever ends a batch early, nothing stays reserved', async (t) => {
  const object = batchOf([Buffer.alloc(20, 1)]);
  const cases: [string, Buffer, Partial<BodyBounds>, string][] = [
    ['it ends inside an object', object.subarray(0, 10), {}, 'REQUEST_INVALID'],
    ['it ends inside a length', object.subarray(0, 3), {}, 'REQUEST_INVALID'],
    ['it is too long', object, { limit: 15 }, 'REQUEST_TOO_LARGE'],
    ['an object is empty', batchOf([Buffer.alloc(0)]), {}, 'REQUEST_INVALID'],
    ['an object is enormous', Buffer.alloc(4, 0xff), {}, 'REQUEST_TOO_LARGE'],
  ];
  for (const [what, bytes, bounds, code] of cases) {
    const { request, body } = requestOf();
    const within = boundsOf(bounds);
    body.end(bytes);
    t.equal(await codeOf(all(batchObjects(request, within))), code, what);
    t.equal(within.memory.reserved, 0, what);
    t.notOk(body.destroyed && !body.readableEnded, what);
  }
});

test('what came of a body is given back at once, so that many uploads do not set off collections', async (t) => {
  for (const read of [
    readBody,
    async (request: IncomingMessage, bounds: BodyBounds) => all(batchObjects(request, bounds)),
  ]) {
    const { request, body } = requestOf();
    // A chunk as HTTP brings it: memory of its own, all of it.
    const chunk = Buffer.from(new Uint8Array(batchOf([Buffer.from('first'), Buffer.from('second')])).buffer);
    const reading = read(request, boundsOf());
    body.end(chunk);
    await reading;
    t.equal(chunk.length, 0);
  }
});
