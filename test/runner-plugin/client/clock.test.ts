/** Time on a machine that is too busy: a process that stood still has not waited. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'tap';
import { systemClock } from '#runner-plugin/client/clock.ts';

test('a timer runs when its time is over, and not once it is cancelled', async (t) => {
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
  const cancel = systemClock.after(1, () => t.fail('it was cancelled'));
  cancel();
  await new Promise<void>((resolve) => systemClock.after(20, resolve));
});

test('what came while the process stood still is heard before the time is called over', async (t) => {
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    parentPort.on('message', () => {
      parentPort.postMessage('answer');
      Atomics.store(workerData, 0, 1);
      Atomics.notify(workerData, 0);
    });
    parentPort.postMessage('ready');`;
  const answerer = new Worker(source, { eval: true, workerData: answered });
  t.teardown(() => answerer.terminate());
  await once(answerer, 'message');
  let over = false;
  const cancel = systemClock.after(50, () => {
    over = true;
  });
  answerer.postMessage('question');
  // No turn of the event loop until the answer lies there, and for longer than the time takes.
  Atomics.wait(answered, 0, 0);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  await once(answerer, 'message');
  cancel();
  t.notOk(over);
});
