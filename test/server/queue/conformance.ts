/**
 * What every job queue must do (server/queue/job-queue.ts). Call {@link queueConformance} with a factory of fresh queues; their
 * pauses between attempts must be short or pass at once.
 */
import { type Test, test } from 'tap';
import type { Job, JobQueue } from '#server/queue/job-queue.ts';

export interface QueueUnderTest {
  concurrency: number;
  bound: number;
  attempts: number;
}

/** A fresh queue with these limits; `t.teardown` closes it. */
export type OpenQueue = (t: Test, limits: QueueUnderTest) => Promise<JobQueue>;

const LIMITS: QueueUnderTest = { concurrency: 2, bound: 5, attempts: 3 };

const job = (id: string, data: Job['data'] = {}): Job => ({ name: 'verify-entry', id, data });

/** A handler that waits to be let go, and what it has seen. */
function gate() {
  const { promise: open, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
  let inside = 0;
  let most = 0;
  const handler = async () => {
    inside += 1;
    most = Math.max(most, inside);
    enter();
    await open;
    inside -= 1;
  };
  return { handler, entered, letGo, most: () => most };
}

export function queueConformance(what: string, open: OpenQueue): void {
  test(`${what}: a job runs with its data, by the handler of its name`, async (t) => {
    const queue = await open(t, LIMITS);
    const seen: unknown[] = [];
    queue.handle('reindex', async (data) => void seen.push(['reindex', data]));
    queue.handle('verify-entry', async (data) => void seen.push(['verify-entry', data]));
    t.equal(await queue.add({ name: 'reindex', id: 'all', data: { from: 'a', count: 3 } }), 'added');
    t.equal(
      await queue.add({ name: 'verify-entry', id: 'all', data: {} }),
      'added',
      'an id belongs to a name',
    );
    await queue.idle();
    t.same(seen.sort(), [
      ['reindex', { from: 'a', count: 3 }],
      ['verify-entry', {}],
    ]);
    t.same(await queue.counts(), { waiting: 0, running: 0, failed: 0 });
  });

  test(`${what}: a job that waits or runs is known; one that has ended may come again`, async (t) => {
    const queue = await open(t, { ...LIMITS, concurrency: 1 });
    const { handler, entered, letGo } = gate();
    let runs = 0;
    queue.handle('verify-entry', async () => {
      runs += 1;
      await handler();
    });
    t.equal(await queue.add(job('runs')), 'added');
    await entered;
    t.equal(await queue.add(job('waits')), 'added');
    t.same(await queue.counts(), { waiting: 1, running: 1, failed: 0 });
    t.equal(await queue.add(job('runs')), 'known');
    t.equal(await queue.add(job('waits')), 'known');
    letGo();
    await queue.idle();
    t.equal(runs, 2);
    t.equal(await queue.add(job('runs')), 'added');
    await queue.idle();
    t.equal(runs, 3);
  });

  test(`${what}: fault "queue flood": beyond the bound add says full, and runs no more at once than it may`, async (t) => {
    const queue = await open(t, LIMITS);
    const { handler, entered, letGo, most } = gate();
    queue.handle('verify-entry', handler);
    const answers: string[] = [];
    for (let n = 0; n < 8; n += 1) answers.push(await queue.add(job(`${n}`)));
    await entered;
    t.same(answers, ['added', 'added', 'added', 'added', 'added', 'full', 'full', 'full']);
    letGo();
    await queue.idle();
    t.equal(most(), LIMITS.concurrency);
    t.equal(await queue.add(job('later')), 'added', 'there is room again');
  });

  test(`${what}: fault "worker dies midway": a job that throws is tried again, then kept as failed`, async (t) => {
    const queue = await open(t, LIMITS);
    const runs = new Map<string, number>();
    queue.handle('verify-entry', async ({ fails, id }) => {
      const run = (runs.get(String(id)) ?? 0) + 1;
      runs.set(String(id), run);
      if (run <= Number(fails)) throw new Error('midway');
    });
    await queue.add(job('once', { id: 'once', fails: 1 }));
    await queue.add(job('always', { id: 'always', fails: 100 }));
    await queue.idle();
    t.same(Object.fromEntries(runs), { once: 2, always: 3 });
    t.same(await queue.counts(), { waiting: 0, running: 0, failed: 1 });
    t.equal(await queue.add(job('always', { id: 'always', fails: 0 })), 'added', 'it may be asked for again');
    await queue.idle();
    t.same(await queue.counts(), { waiting: 0, running: 0, failed: 0 });
  });

  test(`${what}: a job without a handler waits for it`, async (t) => {
    const queue = await open(t, LIMITS);
    let ran = false;
    queue.handle('reindex', async () => undefined);
    await queue.add(job('early'));
    await queue.add({ name: 'reindex', id: 'all', data: {} });
    t.equal((await queue.counts()).running <= 1, true);
    queue.handle('verify-entry', async () => {
      ran = true;
    });
    await queue.idle();
    t.ok(ran);
  });

  test(`${what}: close lets what runs end, tells it, and starts nothing more`, async (t) => {
    const queue = await open(t, { ...LIMITS, concurrency: 1 });
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
    const ended: string[] = [];
    queue.handle('verify-entry', async ({ id }, signal) => {
      enter();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(String(id));
    });
    await queue.add(job('runs', { id: 'runs' }));
    await queue.add(job('waits', { id: 'waits' }));
    await entered;
    const idle = queue.idle();
    await queue.close();
    t.same(ended, ['runs']);
    await idle;
    t.not(await queue.add(job('late', { id: 'late' })), 'added');
    await queue.close();
    t.same(ended, ['runs']);
  });

  test(`${what}: an idle queue is idle, and closes`, async (t) => {
    const queue = await open(t, LIMITS);
    await queue.idle();
    await queue.close();
    await queue.idle();
    t.pass('it does');
  });
}
