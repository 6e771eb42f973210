import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { type Test, test } from 'tap';
import { encodeStored, TRAILER_BYTES } from '#protocol/format/frame.ts';
import { LIMITS } from '#protocol/format/limits.ts';
import { isFault } from '#protocol/wire/errors.ts';
import { createVerifyPool, type VerifyPool, type VerifyPoolOptions } from '#server/verify/pool.ts';
import { startVerifyWorker } from '#server/verify/start-worker.ts';

function openPool(t: Test, options: VerifyPoolOptions = {}): { pool: VerifyPool; started: Worker[] } {
  const started: Worker[] = [];
  const start = () => {
    const worker = startVerifyWorker();
    started.push(worker);
    return worker;
  };
  const pool = createVerifyPool({ workers: 2, start, ...options });
  t.teardown(() => pool.close());
  return { pool, started };
}

/** A stored object whose raw bytes are half noise; a few hundred bytes more than `raw / 2`. */
function object(raw: number) {
  return encodeStored(Buffer.concat([randomBytes(raw / 2), Buffer.alloc(raw / 2, raw)]));
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no error',
    (error: unknown) => (isFault(error) ? error.code : String(error)),
  );
}

test('a whole object is verified, and its bytes are left as they are', async (t) => {
  const { pool } = openPool(t);
  for (const raw of [2, 10_000, 1_000_000, LIMITS.segmentRaw]) {
    const { stored, identity, digest, length } = object(raw);
    const before = Buffer.from(stored);
    const verified = await pool.verify(stored);
    t.ok(stored.equals(before), `${raw} bytes raw`);
    t.same(
      [verified.identity, verified.digest, verified.raw, verified.length],
      [identity, digest, raw, length],
    );
  }
});

test('objects in blocks of shared memory are verified where they lie, whatever lies around them', async (t) => {
  const { pool, started } = openPool(t);
  const objects = [300, 200_000, 400, 90_000, 500, 700_000].map(object);
  const blocks = objects.slice(0, 2).map(() => Buffer.from(new SharedArrayBuffer(2_000_000)).fill(7));
  const filled = [1, 1];
  const parts = objects.map(({ stored }, index) => {
    const at = filled[index % 2] as number;
    const part = (blocks[index % 2] as Buffer).subarray(at, at + stored.length);
    filled[index % 2] = at + stored.length + 3;
    return { part, stored };
  });
  for (let round = 0; round < 2; round++) {
    for (const { part, stored } of parts) stored.copy(part);
    const verified = await Promise.all(parts.map(({ part }) => pool.verify(part)));
    t.same(
      verified.map(({ identity }) => identity),
      objects.map(({ identity }) => identity),
    );
    for (const { part } of parts) part[part.length >> 1] = (part[part.length >> 1] ?? 0) ^ 1;
    for (const { part } of parts)
      t.match(await codeOf(pool.verify(part)), /^SEGMENT_/, 'what lies there now is looked at');
    // The next worker has to be told of the blocks too.
    for (const worker of started.splice(0)) await worker.terminate();
  }
});

test('S1, D3: whatever is not what it says is refused, small or large, among others that are whole', async (t) => {
  const { pool } = openPool(t);
  const flip = (stored: Buffer, at: number) => {
    stored[at] = (stored[at] ?? 0) ^ 1;
    return stored;
  };
  const damages: Record<string, { code: string; damage(stored: Buffer, other: Buffer): Buffer }> = {
    'cut off': { code: 'SEGMENT_UNREADABLE', damage: (stored) => stored.subarray(0, -1) },
    'cut in the frame': {
      code: 'SEGMENT_UNREADABLE',
      damage: (stored) => Buffer.concat([stored.subarray(0, 100), stored.subarray(-TRAILER_BYTES)]),
    },
    'a flipped bit in the content': { code: 'SEGMENT_DAMAGED', damage: (stored) => flip(stored, 50) },
    'a flipped bit in the identity': {
      code: 'SEGMENT_DAMAGED',
      damage: (stored) => flip(stored, stored.length - 80),
    },
    'no trailer': { code: 'SEGMENT_UNREADABLE', damage: (stored) => stored.subarray(0, -TRAILER_BYTES) },
    "another object's trailer": {
      code: 'SEGMENT_DAMAGED',
      damage: (stored, other) =>
        Buffer.concat([stored.subarray(0, -TRAILER_BYTES), other.subarray(-TRAILER_BYTES)]),
    },
    'two frames': { code: 'SEGMENT_UNREADABLE', damage: (stored, other) => Buffer.concat([stored, other]) },
    nothing: { code: 'SEGMENT_UNREADABLE', damage: () => Buffer.alloc(0) },
    noise: { code: 'SEGMENT_UNREADABLE', damage: (stored) => randomBytes(stored.length) },
  };
  for (const raw of [1_000, 400_000]) {
    const outcomes = Object.entries(damages).map(async ([what, { code, damage }]) => {
      // Noise has one length whatever it is, so trailers can be exchanged.
      const [stored, other] = [randomBytes(raw), randomBytes(raw)].map((noise) => encodeStored(noise).stored);
      if (stored === undefined || other === undefined) return;
      const whole = object(raw);
      const refused = codeOf(pool.verify(damage(stored, other)));
      t.equal((await pool.verify(whole.stored)).identity, whole.identity);
      t.equal(await refused, code, `${what}, ${raw} bytes`);
    });
    await Promise.all(outcomes);
  }
});

test('hundreds at once each get their own verdict', async (t) => {
  const { pool, started } = openPool(t);
  const objects = Array.from({ length: 400 }, (_, n) => object(n % 10 === 0 ? 300_000 : 2 + 2 * n));
  const verified = await Promise.all(objects.map(({ stored }) => pool.verify(stored)));
  t.same(
    verified.map(({ identity }) => identity),
    objects.map(({ identity }) => identity),
  );
  t.equal(started.length, 2, 'by as many workers as are allowed');
});

test('workers start when there is something to verify', async (t) => {
  const { pool, started } = openPool(t, { workers: 4 });
  t.equal(started.length, 0);
  for (let n = 0; n < 5; n += 1) await pool.verify(object(1_000).stored);
  t.equal(started.length, 1, 'and no more than are needed');
});

test('a worker that dies fails what it had in hand, and another takes its place', async (t) => {
  const { pool, started } = openPool(t, { workers: 1 });
  const inHand = codeOf(pool.verify(object(LIMITS.segmentRaw).stored));
  await started[0]?.terminate();
  t.equal(await inHand, 'SERVER_INTERNAL');
  const { stored, identity } = object(100_000);
  t.equal((await pool.verify(stored)).identity, identity);
  t.equal(started.length, 2);
});

test('what waits behind a worker that dies is verified by the next', async (t) => {
  const { pool, started } = openPool(t, { workers: 1 });
  const objects = Array.from({ length: 8 }, () => object(2_000_000));
  const outcomes = objects.map(({ stored }) => codeOf(pool.verify(stored)));
  await started[0]?.terminate();
  const codes = await Promise.all(outcomes);
  t.same([...new Set(codes)].sort(), ['SERVER_INTERNAL', 'no error']);
  t.equal(codes.at(-1), 'no error');
});

test('what waits is bounded', async (t) => {
  const { pool } = openPool(t, { workers: 1, waitingBytes: 3_000_000 });
  const outcomes = Array.from({ length: 12 }, () => codeOf(pool.verify(object(2_000_000).stored)));
  const codes = await Promise.all(outcomes);
  t.ok(codes.includes('SERVER_BUSY'));
  t.equal(codes[0], 'no error');
  t.equal(await codeOf(pool.verify(object(2_000_000).stored)), 'no error', 'there is room again');
});

test('close finishes what was asked for, and refuses more', async (t) => {
  const { pool, started } = openPool(t);
  const asked = Promise.all(Array.from({ length: 10 }, () => pool.verify(object(500_000).stored)));
  await Promise.all([pool.close(), pool.close()]);
  t.equal((await asked).length, 10);
  t.equal(await codeOf(pool.verify(object(1_000).stored)), 'SERVER_DRAINING');
  t.same(
    started.map(({ threadId }) => threadId),
    [-1, -1],
    'the workers have ended',
  );
});

test('a pool that nobody used closes', async (t) => {
  const { pool } = openPool(t);
  await t.resolves(pool.close());
});

test('a process waits for a verdict, and is not kept alive by workers that have nothing to do', (t) => {
  const script = `
    import { createVerifyPool } from '#server/verify/pool.ts';
    import { encodeStored } from '#protocol/format/frame.ts';
    const { raw } = await createVerifyPool().verify(encodeStored(Buffer.alloc(3_000_000)).stored);
    console.log(raw);
  `;
  const project = fileURLToPath(new URL('../../..', import.meta.url));
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: project,
    encoding: 'utf8',
    timeout: 30_000,
  });
  t.equal(said, '3000000\n');
  t.end();
});
