import { test } from 'tap';
import { createInProcessQueue, type InProcessQueueOptions } from '#server/queue/in-process.ts';
import type { Job } from '#server/queue/job-queue.ts';
import { queueConformance } from './conformance.ts';

const noWait = async () => undefined;

queueConformance('in one process', async (t, limits) => {
  const queue = createInProcessQueue({ ...limits, wait: noWait });
  t.teardown(() => queue.close());
  return queue;
});

const job: Job = { name: 'reindex', id: 'all', data: {} };

function failing(options: InProcessQueueOptions) {
  const queue = createInProcessQueue(options);
  queue.handle('reindex', async () => {
    throw new Error('no');
  });
  return queue;
}

test('pauses grow, with jitter, up to a minute', async (t) => {
  const pauses: number[] = [];
  const randoms = [0, 1, 0.5];
  const wait = async (milliseconds: number) => pauses.push(milliseconds);
  const queue = failing({ attempts: 10, wait, random: () => randoms[pauses.length] ?? 0 });
  await queue.add(job);
  await queue.idle();
  t.same(pauses, [1000, 3000, 5000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test('a job that pauses is known, counts as waiting, and ends with the queue', async (t) => {
  const { promise: pausing, resolve: paused } = Promise.withResolvers<void>();
  const queue = failing({
    attempts: 2,
    wait: (_, signal) => {
      paused();
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  await queue.add(job);
  await pausing;
  t.same(await queue.counts(), { waiting: 1, running: 0, failed: 0 });
  t.equal(await queue.add(job), 'known');
  await queue.close();
  t.same(await queue.counts(), { waiting: 0, running: 0, failed: 0 });
});

test('each failure is told, the last one as such', async (t) => {
  const told: unknown[] = [];
  const queue = failing({
    attempts: 2,
    wait: noWait,
    onFailure: (failed, error, isLast) => told.push([failed.id, (error as Error).message, isLast]),
  });
  await queue.add(job);
  await queue.idle();
  t.same(told, [
    ['all', 'no', false],
    ['all', 'no', true],
  ]);
});

test('what is remembered of failures is bounded', async (t) => {
  const queue = failing({ attempts: 1, failuresKept: 3 });
  for (let n = 0; n < 10; n += 1) await queue.add({ ...job, id: `${n}` });
  await queue.idle();
  t.equal((await queue.counts()).failed, 3);
});

test('a handler that throws at once fails its job, not who adds it', async (t) => {
  const queue = createInProcessQueue({ attempts: 1 });
  queue.handle('reindex', () => {
    throw new Error('no');
  });
  t.equal(await queue.add(job), 'added');
  await queue.idle();
  t.equal((await queue.counts()).failed, 1);
});

test('a job that gives up because the queue closes has not failed', async (t) => {
  const told: unknown[] = [];
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
  const queue = createInProcessQueue({ attempts: 1, onFailure: (failed) => told.push(failed) });
  queue.handle('reindex', async (_, signal) => {
    enter();
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  await queue.add(job);
  await entered;
  await queue.close();
  t.same(told, []);
  t.same(await queue.counts(), { waiting: 0, running: 0, failed: 0 });
});
