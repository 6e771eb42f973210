import { test } from 'tap';
import { BatchReader } from '#protocol/wire/batch.ts';
import type { WriteAnswer } from '#protocol/wire/routes.ts';
import { createClient } from '#runner-plugin/client/client.ts';
import { BODY_BYTES, createSegmentWriter, LANES } from '#runner-plugin/client/segment-writer.ts';
import { bodyOf, httpServer, json } from './servers.ts';
import { settingsOf } from './settings-of.ts';

const identity = (n: number) => n.toString(16).padStart(64, '0');
const segment = (n: number, bytes = 10) => ({ identity: identity(n), bytes: Buffer.alloc(bytes, n) });

/** Bodies that were posted, each waiting to be answered. */
function posts() {
  const posted: { bytes: number; objects: Buffer[]; answer: (answer: WriteAnswer | Error) => void }[] = [];
  const writer = createSegmentWriter((parts) => {
    const reader = new BatchReader();
    const objects = parts.flatMap((part) => reader.push(part));
    return new Promise((resolve, reject) => {
      posted.push({
        bytes: objects.reduce((sum, object) => sum + object.length, 0),
        objects,
        answer: (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)),
      });
    });
  }, 'http://x/');
  return { posted, writer };
}

const stored = (...numbers: number[]): WriteAnswer => ({
  results: numbers.map((n) => ({ identity: identity(n), status: 'stored' })),
});
const soon = () => new Promise((resolve) => setImmediate(resolve));

test('what is handed over in one go travels in one body, in order', async (t) => {
  const { posted, writer } = posts();
  const sent = Promise.all([1, 2, 3].map((n) => writer.send(segment(n))));
  await soon();
  t.equal(posted.length, 1);
  t.same(
    posted[0]?.objects.map((object) => object[0]),
    [1, 2, 3],
  );
  posted[0]?.answer(stored(1, 2, 3));
  await sent;
});

test('a few bodies are under way, and what comes meanwhile travels together', async (t) => {
  const { posted, writer } = posts();
  const sent: Promise<void>[] = [];
  for (let n = 0; n < LANES + 5; n++) {
    sent.push(writer.send(segment(n)));
    await soon();
  }
  t.same(
    posted.map(({ objects }) => objects.length),
    Array(LANES).fill(1),
  );
  posted[0]?.answer(stored(0));
  await sent[0];
  await soon();
  t.equal(posted[LANES]?.objects.length, 5);
  for (const [i, { answer }] of posted.entries()) if (i > 0 && i < LANES) answer(stored(i));
  posted[LANES]?.answer(stored(...[0, 1, 2, 3, 4].map((n) => LANES + n)));
  await Promise.all(sent);
});

test('a body is closed at its size, and one large segment is a body', async (t) => {
  const { posted, writer } = posts();
  const half = BODY_BYTES / 2;
  const sent = [segment(1, half), segment(2, half), segment(3, 2 * BODY_BYTES), segment(4, 10)].map((s) =>
    writer.send(s),
  );
  await soon();
  t.same(
    posted.map(({ bytes }) => bytes),
    [BODY_BYTES, 2 * BODY_BYTES, 10],
  );
  for (const [i, numbers] of [[1, 2], [3], [4]].entries()) posted[i]?.answer(stored(...numbers));
  await Promise.all(sent);
});

test('a refused segment fails alone, with the words of the server', async (t) => {
  const { posted, writer } = posts();
  const good = writer.send(segment(1));
  const bad = writer.send(segment(2));
  await soon();
  posted[0]?.answer({
    results: [
      { identity: identity(1), status: 'had' },
      { identity: identity(2), status: 'refused', code: 'STORE_FULL', message: 'The store has no room: x.' },
    ],
  });
  await good;
  await t.rejects(bad, { code: 'STORE_FULL', message: 'The store has no room: x.' });
});

test('an acknowledgement of something else is none', async (t) => {
  const { posted, writer } = posts();
  const sent = [writer.send(segment(1)), writer.send(segment(2))];
  await soon();
  posted[0]?.answer(stored(9));
  await Promise.all(sent.map((one) => t.rejects(one, { code: 'CLIENT_ANSWER_UNREADABLE' })));
});

test('a body that fails fails its segments, and the next ones are tried', async (t) => {
  const { posted, writer } = posts();
  const first = writer.send(segment(1));
  await soon();
  posted[0]?.answer(new Error('cut'));
  await t.rejects(first, { message: 'cut' });
  const second = writer.send(segment(2));
  await soon();
  posted[1]?.answer(stored(2));
  await second;
});

test('over HTTP: a body has its length, is read whole, and is sent again where the connection was cut', async (t) => {
  const bodies: Buffer[] = [];
  const server = await httpServer(t, async (request, response) => {
    const body = await bodyOf(request);
    bodies.push(body);
    if (bodies.length === 1) {
      response.destroy();
      return;
    }
    const reader = new BatchReader();
    const objects = reader.push(body);
    reader.end();
    json(response, stored(...objects.map((object) => object[0] ?? 0)));
  });
  const client = createClient(settingsOf(t, server.url), { random: () => 0 });
  t.teardown(() => client.close());
  const writer = client.segmentWriter('s');
  await Promise.all([writer.send(segment(1, 3_000_000)), writer.send(segment(2, 10))]);
  t.equal(bodies.length, 2);
  t.ok(bodies[0]?.equals(bodies[1] ?? Buffer.alloc(0)));
  t.equal(server.headers[1]?.['content-length'], String(3_000_000 + 10 + 8));
  t.same(server.requests, Array(2).fill('POST /api/v1/segments/write?save=s'));
});
