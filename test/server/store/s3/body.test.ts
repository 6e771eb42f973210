/** The bytes of one answer: as many as it announced, or an error. */
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { ObjectBody, wholeOf } from '#server/store/s3/body.ts';

const IDLE = 60_000;

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error);
}

test('what was announced comes, in order', async (t) => {
  const pieces = ['one ', 'two ', 'three'].map((text) => Buffer.from(text));
  t.equal((await wholeOf(new ObjectBody(Readable.from(pieces), 13, IDLE), 13)).toString(), 'one two three');
  t.equal((await wholeOf(new ObjectBody(Readable.from([]), 0, IDLE), 0)).length, 0);
});

test('fewer bytes, more bytes and a source that breaks are errors of the store', async (t) => {
  const breaks = () => {
    const source = new PassThrough();
    source.write('abc');
    setImmediate(() => source.destroy(new Error('reset')));
    return source;
  };
  for (const [source, says] of [
    [Readable.from([Buffer.from('abc')]), 'the connection broke after 3 of 5'],
    [Readable.from([Buffer.from('abcdef')]), 'there was more than announced after 6 of 5'],
    [breaks(), 'the connection broke after 3 of 5'],
  ] as const) {
    const outcome = await outcomeOf(buffer(new ObjectBody(source, 5, IDLE)));
    t.ok(isFault(outcome, 'STORE_FAILED'));
    t.match((outcome as Error).message, says);
  }
});

test('what breaks before anybody reads is told to who comes to read', async (t) => {
  const source = new PassThrough();
  const body = new ObjectBody(source, 5, IDLE);
  source.destroy(new Error('reset'));
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(isFault(await outcomeOf(wholeOf(body, 5)), 'STORE_FAILED'));
});

test('a reader who pauses makes the source wait: nothing is read ahead', async (t) => {
  let given = 0;
  const source = new Readable({
    highWaterMark: 1,
    read() {
      given += 1;
      this.push(Buffer.alloc(1000));
    },
  });
  const body = new ObjectBody(source, 1_000_000, IDLE);
  const pieces = body[Symbol.asyncIterator]();
  await pieces.next();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.ok(given < 5, `${given} pieces were taken for one`);
  await pieces.return?.();
  t.ok(source.destroyed, 'who leaves lets the source go');
});
